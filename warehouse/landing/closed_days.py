"""Days on which a shop is closed, as `closed_days` in `source.json` names them.

A weekday (`saturday`), a date (`2026-12-25`), a day of every year (`12-25`), or a range of the latter two,
both ends included (`12-24..01-03`, `2026-04-03..2026-04-06`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_LEAP_YEAR = "2024-"  # has every day that there is


def of(named: Sequence[str], days: Iterable[str]) -> frozenset[str]:
    """Those of `days` (keys that begin with a day) that are named as closed.

    Raises ValueError with the text that names no day, and the forms that there are.
    """
    if not named:
        return frozenset()
    rules = [_rule(text) for text in named]
    return frozenset(key for key in days if any(_holds(rule, key[:10]) for rule in rules))


def check(named: Sequence[str]) -> None:
    """Raise ValueError unless each text names a day, a weekday or a range of days."""
    for text in named:
        _rule(text)


def _rule(text: str) -> tuple[str, str]:
    """First and last day of a range, or a weekday and its number."""
    word = text.strip().lower()
    if word in WEEKDAYS:
        return word, str(WEEKDAYS.index(word))
    first, _, last = (part.strip() for part in word.partition(".."))
    last = last or first
    try:
        for end in (first, last):
            dt.date.fromisoformat(end if len(end) == 10 else _LEAP_YEAR + end)
    except ValueError as error:
        raise ValueError(_wrong(text)) from error
    if len(first) != len(last) or (len(first) == 10 and first > last):
        raise ValueError(_wrong(text))
    return first, last


def _holds(rule: tuple[str, str], day: str) -> bool:
    first, last = rule
    if first in WEEKDAYS:
        return dt.date.fromisoformat(day).weekday() == int(last)
    day = day if len(first) == 10 else day[5:]
    if first <= last:
        return first <= day <= last
    return day >= first or day <= last  # over the turn of the year


def _wrong(text: str) -> str:
    return (
        f"closed_days: {text!r} is no day: write a weekday ({', '.join(WEEKDAYS)}), a date (2026-12-25), a "
        "day of every year (12-25), or a range of these two (12-24..01-03, 2026-04-03..2026-04-06)"
    )
