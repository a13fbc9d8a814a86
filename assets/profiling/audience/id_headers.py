"""Which column of a customers' file holds the ids: the names that are usual, compared by letters and digits.

Case, spaces, dashes, dots and underscores do not count: `Kunden-Nr.`, `customer_id` and `CustomerID` are
usual names. `user_id` in any spelling comes first, then who and a kind of number (`customer id`,
`Kundennummer`) or `id` alone, then who alone (`customer`, `member`); two of one rank are refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from assets.common.faults import BadRequest

ID_COLUMN = "user_id"
SHOWN_NAMES, SHOWN_LETTERS = 20, 40  #: of a header, in a refusal

_WHO = (
    "user|customer|cust|client|member|membership|account|acct|household|person|visitor|subscriber|buyer|"
    "shopper|consumer|contact|loyalty|card|loyaltycard|"
    "kunden?|kaeufer|käufer|benutzer|nutzer|mitglieds?|mitglieder|konto|kundenkarten?|haushalts?|cliente|usuario"
)
_NUMBER = "id|uid|uuid|guid|key|pk|no|nr|num|number|nummer|code|ref|reference|identifier|kennung"
_NUMBERED = re.compile(
    rf"(?:{_WHO})s?(?:{_NUMBER})s?|ids?(?:{_WHO})s?|ids?|uids?|uuids?|guids?", re.IGNORECASE
)
_WHO_ALONE = re.compile(rf"(?:{_WHO})s?", re.IGNORECASE)


def is_header(cell: str) -> bool:
    """Whether a cell names a column of user ids and is none itself: user_id, Kunden-Nr, customerId, id …"""
    plain = _plain(cell)
    return bool(_NUMBERED.fullmatch(plain) or _WHO_ALONE.fullmatch(plain))


def id_column(path: Path, names: Sequence[str], where: str) -> int:
    """Position of the column of user ids; `where` says what the names are, for the refusal.

    Raises BadRequest where there is none, or several that may be meant.
    """
    plain = [_plain(name) for name in names]
    for rank in (re.compile("userid"), _NUMBERED, _WHO_ALONE):
        fitting = [position for position, name in enumerate(plain) if rank.fullmatch(name)]
        if len(fitting) > 1:
            raise BadRequest(
                f"{path} has {len(fitting)} columns that may hold the user ids "
                f"({shown([names[position] for position in fitting])}; {where}: {shown(names)}): name the "
                f"right one {ID_COLUMN}, and no other"
            )
        if fitting:
            return fitting[0]
    raise BadRequest(
        f"{path} has no column {ID_COLUMN}, nor one of a usual name such as customer_id ({where}: "
        f"{shown(names)}): give the column of the users' ids that name, or write one id a line"
    )


def shown(names: Sequence[str]) -> str:
    """Names in quotes, cut where they are many or long."""
    listed = ", ".join(repr(name[:SHOWN_LETTERS]) for name in names[:SHOWN_NAMES])
    more = len(names) - SHOWN_NAMES
    return f"{listed} and {more:,} more" if more > 0 else listed


def _plain(name: str) -> str:
    """Letters and digits alone, in lower case."""
    return re.sub(r"[\W_]+", "", name).lower()
