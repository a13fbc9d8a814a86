"""Days without files on which a shop was closed, beside those whose files are late."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence

from warehouse.landing import closed_days

WEEKS = 4  #: so many former weeks without files on a weekday make it one on which the shop is closed
_OPEN_DAYS = 8  # with files in those weeks, so that it is not the whole delivery that is missing


def closed_on(missing: Iterable[str], present: Sequence[str], declared: Sequence[str]) -> dict[str, str]:
    """Day without files → the words in which it is taken as closed; one whose files may come is absent.

    Args:
        missing: day keys without files.
        present: day keys of the same table that have files, in order.
        declared: `closed_days` of the description.
    """
    missing = list(missing)
    named, having = closed_days.of(declared, missing), set(present)
    said: dict[str, str] = {}
    for day in missing:
        if day in named:
            said[day] = "closed, as closed_days in source.json says"
        elif present and present[0] < day < present[-1]:
            said[day] = "no files, while later days have some: taken as a day on which the shop was closed"
        elif present and _as_every_week(day, present[0], having):
            weekday = dt.date.fromisoformat(day).strftime("%A")
            said[day] = f"no files, as on the {WEEKS} former {weekday}s: taken as closed"
    return said


def _as_every_week(day: str, first: str, present: set[str]) -> bool:
    date = dt.date.fromisoformat(day)
    former = [(date - dt.timedelta(days=days)).isoformat() for days in range(1, 7 * WEEKS + 1)]
    if first > former[-1]:
        return False
    return present.isdisjoint(former[6::7]) and sum(each in present for each in former) >= _OPEN_DAYS
