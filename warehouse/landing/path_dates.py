"""Dates and hours in the names of folders and files, read where they can only mean one thing.

`date=2026-05-01`, `dt=20260501`, `year=2026/month=5/day=1`, `2026/05/01/09`, `hour=9`, `snapshot-2026-05-01`
and `users_20260501T0930Z.parquet` are read; `01-05-2026`, `2026-05` and 30 February are not, and say so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date
from urllib.parse import unquote

from warehouse.landing.service_time import HOUR_MS, ServiceZone

_YEAR = r"(?P<year>(?:19|20|21)[0-9]{2})"
_ANOTHER_DATE = r"(?!(?:19|20|21)[0-9]{2}(?:[-_.][0-9]{1,2}[-_.][0-9]{1,2}|[0-9]{4})(?![0-9]))"
_CLOCK = (
    r"(?P<hour>[01][0-9]|2[0-3])"
    r"(?:[-:_.h]?(?P<minute>[0-5][0-9])(?:[-:_.m]?(?P<second>[0-5][0-9])(?:[.,]?[0-9]{3,9})?)?)?"
)
_DASHED = re.compile(
    rf"(?<![0-9]){_YEAR}(?P<sep>[-_.])(?P<month>[0-9]{{1,2}})(?P=sep)(?P<day>[0-9]{{1,2}})(?![0-9])"
    rf"(?:[-Tt_. ]{_ANOTHER_DATE}{_CLOCK}(?![0-9]))?(?P<utc>[Zz](?![A-Za-z]))?"
)
_COMPACT = re.compile(
    rf"(?<![0-9]){_YEAR}(?P<month>[0-9]{{2}})(?P<day>[0-9]{{2}})"
    rf"(?:[-Tt_. ]?{_ANOTHER_DATE}{_CLOCK})?(?![0-9])(?P<utc>[Zz](?![A-Za-z]))?"
)
#: random names and counters of writers, in which digits are no dates
_NO_DATE = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|tid-[0-9]+|part-[0-9]+|(?<![0-9])000[0-9]+"
    r"|(?<![0-9A-Za-z])(?=[0-9]*[a-f])(?=[a-f]*[0-9])[0-9a-f]{16,}(?![0-9A-Za-z])",
    re.IGNORECASE,
)
_MONTHS = (
    "jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|"
    "oct(?:ober)?|nov(?:ember)?|dec(?:ember)?"
)
#: what people write as a date and nobody else can read for sure: day before month or after it, a month's name
_UNSURE = re.compile(
    rf"(?<![0-9])[0-9]{{1,2}}[-_.][0-9]{{1,2}}[-_.](?:19|20|21)?[0-9]{{2}}(?![0-9])"
    rf"|(?<![0-9])[0-3][0-9][0-3][0-9](?:19|20|21)[0-9]{{2}}(?![0-9])"
    rf"|[0-9][-_. ]?(?:{_MONTHS})(?![a-z])|(?:{_MONTHS})[-_. ]?[0-9]",
    re.IGNORECASE,
)
#: what might be a part of a date or an instant: a year, a month, a week, long numbers, month and day
_PERHAPS = re.compile(
    r"(?<![0-9])(?:19|20|21)[0-9]{2}(?![0-9])|[0-9]{6,}"
    r"|(?<![0-9])(?:0[1-9]|1[0-2])[-_.]?(?:[0-2][0-9]|3[01])(?![0-9])"
    r"|(?<![0-9])(?:[0-2][0-9]|3[01])[-_.]?(?:0[1-9]|1[0-2])(?![0-9])",
)
_DATE_KEY = re.compile(
    r"^(?:.*_|event|log|p)?(?:dt|ds|day|dth|dh|date(?:_?(?:hour|time|str|string|key|int|id|partition))?)$"
)
_HOUR_KEY = re.compile(r"^(?:.*_)?(?:hour|hours|hr|hh|h)$")
_HOUR = re.compile(r"^([0-9]{1,2})(?:[:-]?00){0,2}$")
_REMEDY = "write it as YYYY-MM-DD, such as 2026-05-01"


class NameUnreadable(ValueError):
    """A name with a date or an hour that does not exist, or that can be read in two ways."""


@dataclass(frozen=True)
class PathStamp:
    """What the names on a path say of time, in service time unless `utc`; None where they are silent."""

    year: int | None = None
    month: int | None = None
    day: int | None = None
    hour: int | None = None
    minute: int | None = None
    second: int | None = None
    utc: bool = False

    @property
    def date(self) -> str | None:
        """The day key, None where the date is not complete."""
        if self.year is None or self.month is None or self.day is None:
            return None
        return f"{self.year:04d}-{self.month:02d}-{self.day:02d}"

    def with_parts(self, name: str, **parts: int | bool | None) -> PathStamp:
        """This stamp with what another name says; NameUnreadable where that contradicts it or cannot be."""
        for part, value in parts.items():
            own = getattr(self, part)
            if value is not None and own not in (None, value, False):
                raise NameUnreadable(f"{name!r} says {part} {value} where the path above it says {own}")
        merged = replace(self, **{part: value for part, value in parts.items() if value is not None})  # type: ignore[arg-type]
        return _existing(merged, name)

    def start_ms(self, zone: ServiceZone) -> int:
        """The instant, in epoch milliseconds: midnight where no hour is named."""
        day = ServiceZone("UTC") if self.utc else zone
        assert self.date is not None
        clock = (self.hour or 0) * 3600 + (self.minute or 0) * 60 + (self.second or 0)
        return day.day_start_ms(self.date) + clock * (HOUR_MS // 3600)


def _existing(stamp: PathStamp, name: str) -> PathStamp:
    """The stamp, if its day and hour exist."""
    if stamp.hour is not None and stamp.hour > 23:
        raise NameUnreadable(f"{name!r} names no hour: hours go from 00 to 23")
    try:
        # A leap year where the year comes later, a month of 31 days where the month does.
        date(stamp.year or 2000, stamp.month or 1, stamp.day or 1)
    except ValueError as error:
        raise NameUnreadable(f"{name!r} names no date that exists ({error}): {_REMEDY}") from None
    return stamp


def folder_stamp(name: str, above: PathStamp) -> PathStamp:
    """What a folder adds to the stamp of the path above it; NameUnreadable for dates that cannot be."""
    key, equals, value = unquote(name).partition("=")
    if equals:
        return _keyed(name, key.strip().lower(), value.strip(), above)
    if re.fullmatch(_YEAR, name) and above.year is None:
        return above.with_parts(name, year=int(name))
    if re.fullmatch(r"[0-9]{1,2}", name):
        part = _next_part(above, len(name) == 2)
        return above.with_parts(name, **{part: int(name)}) if part else above
    moments = stamps_in(name)
    if len({moment.date for moment in moments}) > 1:
        raise NameUnreadable(f"{name!r} names more than one date")
    for moment in moments:
        above = above.with_parts(name, **_parts(moment))
    return above


def _next_part(above: PathStamp, padded: bool) -> str | None:
    """What a folder of one or two digits means below `2026/`, `2026/05/` and `2026/05/01/`."""
    if above.year is None:
        return None
    parts = [part for part in ("month", "day", "hour") if getattr(above, part) is None]
    return parts[0] if parts and (padded or parts[0] != "hour") else None


def _keyed(name: str, key: str, value: str, above: PathStamp) -> PathStamp:
    digits = re.fullmatch(r"[0-9]{1,2}", value)
    if key in ("year", "y", "yyyy"):
        if re.fullmatch(_YEAR, value):
            return above.with_parts(name, year=int(value))
    elif key in ("month", "m", "mm"):
        if digits:
            return above.with_parts(name, month=int(value))
        both = re.fullmatch(rf"{_YEAR}[-_.]?([0-9]{{2}})", value)
        if both:
            return above.with_parts(name, year=int(both[1]), month=int(both[2]))
    elif key in ("day", "d", "dd") and digits:
        return above.with_parts(name, day=int(value))
    elif _HOUR_KEY.match(key) and (clock := _HOUR.match(value)):
        return above.with_parts(name, hour=int(clock[1]))
    elif _HOUR_KEY.match(key) or _DATE_KEY.match(key):
        moment = _whole(name, value)
        if moment and (_HOUR_KEY.match(key) or moment.minute is None):
            return above.with_parts(name, **_parts(moment))
        if moment:  # a timestamp at midnight is how a date column is written by some
            hour = moment.hour if moment.hour or moment.minute else None
            return above.with_parts(name, **_parts(replace(moment, hour=hour)))
    else:
        return above
    raise NameUnreadable(f"{name!r} names no {(_HOUR_KEY.match(key) and 'hour') or 'date'} that can be read")


def _whole(name: str, value: str) -> PathStamp | None:
    """The moment that is all of the value in a folder's name, None where it is not one."""
    match = _DASHED.fullmatch(value) or _COMPACT.fullmatch(value)
    return _moment(match, name) if match else None


def _parts(moment: PathStamp) -> dict[str, int | bool | None]:
    """The parts of a folder's moment that decide partitions; its minutes do not."""
    return {part: getattr(moment, part) for part in ("year", "month", "day", "hour")}


def stamps_in(name: str) -> list[PathStamp]:
    """All complete dates in a name, with their times, in order; NameUnreadable for dates that cannot be."""
    text = _NO_DATE.sub(lambda match: "x" * len(match[0]), name)
    matches = [*_DASHED.finditer(text)]
    rest = _DASHED.sub(lambda match: "x" * len(match[0]), text)
    matches += _COMPACT.finditer(rest)
    for match in matches:
        if re.match(r"[Tt][0-9]", text[match.end() :]):
            raise NameUnreadable(f"{name!r} has a time of day that does not exist")
    return [_moment(match, name) for match in sorted(matches, key=lambda match: match.start())]


def doubtful_digits(name: str, dated: bool) -> str | None:
    """Digits of a name that may be a date and cannot be read as one, None where it has none.

    `dated`: whether the path says a date elsewhere; then only what surely is another date is doubtful.
    """
    text = _NO_DATE.sub("x", name)
    text = _COMPACT.sub("x", _DASHED.sub("x", text))
    match = _UNSURE.search(text) or (None if dated else _PERHAPS.search(text))
    return match[0] if match else None


def _moment(match: re.Match[str], name: str) -> PathStamp:
    numbers = {
        part: int(match[part])
        for part in ("year", "month", "day", "hour", "minute", "second")
        if match[part] is not None
    }
    utc = bool(match["utc"]) and "hour" in numbers
    return _existing(PathStamp(**numbers, utc=utc), name)  # type: ignore[arg-type]
