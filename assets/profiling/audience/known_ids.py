"""Which users of the log the ids of a list are: as they are written, or as a spreadsheet altered them.

An id that is known as it is written is that user, whatever it looks like. Only what is not known is read
again: `12347.0` and `1.2347E4` as 12347, `="0042"` and `'0042` as 0042, and digits with the zeros in front
that the log's ids have. How many were, and as what, is said. A number too large or too short of digits to be
one id is refused, because it may be another one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from assets.common.faults import BadRequest
from assets.profiling.audience.customers import AS_TEXT

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from models.profiling.data import ProfileData

_MARKED = r"^(?:=\"(.+)\"|'(.+?)'?)$"
#: Whole numbers as a float column or a spreadsheet writes them: 123.0, 123,00, 1.23E+2, 9E+18. Three zeros
#: may be thousands (12.000), and hexadecimal digits such as 12e4 are none of these.
_FLOAT = r"^[+-]?(\d+[.,](0{0,2}|0{4,})|\d{4,}[.,]000|\d+[.,]\d+[eE][+-]?\d+|\d+[eE]\+\d+)$"
_PARTS = r"^[+-]?\d+(?:[.,](?P<fraction>\d*))?(?:[eE](?P<exponent>[+-]?\d+))?$"
_EXACT = 2.0**53

Rewriting = Callable[["pa.Array", "ProfileData", Path], "pa.Array"]


@dataclass(frozen=True)
class KnownIds:
    """The users that a list names."""

    positions: np.ndarray  #: int64, ascending, each once
    unknown: tuple[str, ...]  #: ids that nobody has, as the list writes them
    rewritten: dict[str, int]  #: what was read again, in words with an example → how many ids

    @property
    def remark(self) -> str:
        """What was read otherwise than it is written, in words; empty where nothing was."""
        return "; ".join(f"{count:,} {what}" for what, count in self.rewritten.items())


def known_ids(path: Path, ids: tuple[str, ...], data: ProfileData) -> KnownIds:
    """The users of the log that a list's ids name.

    Raises BadRequest for unknown ids that are numbers whose last digits may be lost; `path` names the list.
    """
    import numpy as np
    import pyarrow as pa

    from models.profiling.data import MISSING

    positions = data.positions(ids)
    rewritten: dict[str, int] = {}
    unknown = np.flatnonzero(positions == MISSING)
    written = pa.array([ids[position] for position in unknown], pa.large_string())
    current = written
    for what, rewrite in _REWRITINGS.items():
        if not len(unknown):
            break
        current = rewrite(current, data, path)
        again = data.positions(current.to_pylist())
        is_known = again != MISSING
        positions[unknown] = again
        if is_known.any():
            example = int(is_known.argmax())
            rewritten[f"{what} ({written[example].as_py()!r} read as {current[example].as_py()!r})"] = int(
                is_known.sum()
            )
        rest = pa.array(~is_known)
        unknown, written, current = unknown[~is_known], written.filter(rest), current.filter(rest)
    return KnownIds(np.unique(positions[positions != MISSING]), tuple(written.to_pylist()), rewritten)


def _refuse_lost_digits(path: Path, floats: pa.Array) -> None:
    """Refuse numbers that no float holds exactly, or that were written with fewer digits than they have."""
    import pyarrow as pa
    import pyarrow.compute as pc

    parts = pc.extract_regex(floats, _PARTS)
    exponent = pc.replace_substring(pc.struct_field(parts, "exponent"), "+", "")
    places = pc.if_else(pc.equal(exponent, ""), "0", exponent).cast(pa.float64())
    digits = pc.utf8_length(pc.struct_field(parts, "fraction"))
    lost = pc.or_(pc.less(digits, places), pc.greater_equal(pc.abs(_numbers(floats)), _EXACT))
    if pc.any(lost).as_py():
        raise BadRequest(
            f"{path} has ids that went through numbers with fractions ({pc.sum(lost).as_py():,} that nobody "
            f"has) such as {floats.filter(lost)[0].as_py()!r}: their last digits are lost, or may be; write "
            "them as text (in a spreadsheet, the column's format is Text before the ids are put in; "
            f"{AS_TEXT})"
        )


def _numbers(text: pa.Array) -> pa.Array:
    """float64 of numbers that are written with a point or a comma."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.replace_substring(pc.replace_substring(text, ",", "."), "+", "").cast(pa.float64())


def _without_marks(text: pa.Array, data: ProfileData, path: Path) -> pa.Array:  # noqa: ARG001
    """Ids without the signs by which a spreadsheet keeps them as text."""
    import pyarrow.compute as pc

    return pc.replace_substring_regex(text, _MARKED, r"\1\2")


def _without_fractions(text: pa.Array, data: ProfileData, path: Path) -> pa.Array:  # noqa: ARG001
    """Whole numbers as their digits; refused where these may be other ones."""
    import pyarrow as pa
    import pyarrow.compute as pc

    is_float = pc.match_substring_regex(text, _FLOAT)
    _refuse_lost_digits(path, text.filter(is_float))
    numbers = _numbers(pc.if_else(is_float, text, "0.5"))
    whole = pc.equal(pc.floor(numbers), numbers)
    digits = pc.if_else(whole, numbers, 0.0).cast(pa.int64()).cast(pa.large_string())
    return pc.if_else(whole, digits, text)


def _with_zeros(text: pa.Array, data: ProfileData, path: Path) -> pa.Array:  # noqa: ARG001
    """Digits with as many zeros in front as the log's ids of digits; as they are where these differ."""
    import numpy as np
    import pyarrow.compute as pc

    is_digits = pc.match_substring_regex(text, r"^\d+$")
    if not pc.any(is_digits).as_py():
        return text
    numbers = data.user_ids[np.char.isdigit(data.user_ids)]
    if not len(numbers):
        return text
    bare = pc.utf8_ltrim(text, "0")
    if not np.char.startswith(numbers, "0").any():
        return pc.if_else(is_digits, bare, text)
    widths = np.unique(np.char.str_len(numbers))
    if len(widths) > 1:
        return text
    return pc.if_else(is_digits, pc.utf8_lpad(bare, int(widths[0]), "0"), text)


_REWRITINGS: dict[str, Rewriting] = {
    "were marked as text": _without_marks,
    "went through numbers with fractions": _without_fractions,
    "had other zeros in front": _with_zeros,
}
