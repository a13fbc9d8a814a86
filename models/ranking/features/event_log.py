"""The one form in which logs reach the models: integer columns, sorted by time.

The warehouse turns every id and category into a dense, append-only integer (`user_index`, `item_index`,
`category_index`), so an index never changes its meaning and nothing here is a string. All times are UTC
instants in epoch milliseconds (int64).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TypeVar

import numpy as np

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
MISSING = -1  #: category code of an unknown value
_NO_REQUESTS, _NO_VECTORS = np.empty(0, np.int64), np.empty((0, 0), np.float32)


@dataclass(frozen=True)
class Exposures:
    """Exposures of the target recommendation, sorted by `shown_at` (ties by warehouse order).

    Their feedback (clicked, dwell) counts as received within the period of `shown_at`: usable from the
    start of the next period on, never before.
    """

    user: np.ndarray  #: int64 [E]
    item: np.ndarray  #: int64 [E]
    shown_at: np.ndarray  #: int64 [E], ms
    clicked: np.ndarray  #: bool [E]
    dwell_seconds: np.ndarray  #: float32 [E], NaN where unknown
    context: np.ndarray  #: int64 [E, C] category codes of the `ctx_*` columns, MISSING where absent
    #: int64 [E] number of the list that was shown together, never below 0; MISSING where unknown, the default
    request: np.ndarray = field(default_factory=lambda: _NO_REQUESTS)

    def __post_init__(self) -> None:
        if self.request is _NO_REQUESTS:
            object.__setattr__(self, "request", np.full(len(self), MISSING, np.int64))

    def __len__(self) -> int:
        return len(self.user)


@dataclass(frozen=True)
class ExternalClicks:
    """Clicks of the same accounts in other applications, sorted by `received_at`; usable once received."""

    user: np.ndarray  #: int64 [X]
    item: np.ndarray  #: int64 [X], same index space as internal items
    domain: np.ndarray  #: int64 [X] category code
    occurred_at: np.ndarray  #: int64 [X], ms
    received_at: np.ndarray  #: int64 [X], ms

    def __len__(self) -> int:
        return len(self.user)


@dataclass(frozen=True)
class Entities:
    """Users or items with their categorical fields. A full log holds all, an hour only those it mentions."""

    index: np.ndarray  #: int64 [N] dense index, ascending
    fields: np.ndarray  #: int64 [N, F] category codes, MISSING where absent
    published_at: np.ndarray  #: int64 [N], ms; MISSING where unknown (always, for users)
    #: float32 [N, V] content vectors (of a text or an image), NaN where one is unknown; by default V is 0
    vectors: np.ndarray = field(default_factory=lambda: _NO_VECTORS)

    def __post_init__(self) -> None:
        if self.vectors is _NO_VECTORS:
            object.__setattr__(self, "vectors", np.empty((len(self), 0), np.float32))

    def __len__(self) -> int:
        return len(self.index)


Columns = TypeVar("Columns", Exposures, ExternalClicks, Entities)


@dataclass(frozen=True)
class EventLog:
    """All *received* in `[start_ms, end_ms)`: exposures by `shown_at`, external clicks by `received_at`.

    `zone_offset_ms` is service time minus UTC; hour of day and weekday are those of service time, and periods
    are service hours, so `start_ms` and `end_ms` lie on hour boundaries.
    """

    exposures: Exposures
    external: ExternalClicks
    users: Entities
    items: Entities
    start_ms: int
    end_ms: int
    zone_offset_ms: int = 0

    def between(self, start_ms: int, end_ms: int) -> EventLog:
        """The events received in `[start_ms, end_ms)`; entities are whole."""
        e, x = self.exposures, self.external
        lo, hi = np.searchsorted(e.shown_at, [start_ms, end_ms])
        xlo, xhi = np.searchsorted(x.received_at, [start_ms, end_ms])
        return replace(
            self,
            exposures=rows(e, slice(lo, hi)),
            external=rows(x, slice(xlo, xhi)),
            start_ms=start_ms,
            end_ms=end_ms,
        )


def rows(columns: Columns, index: slice | np.ndarray) -> Columns:
    """Some rows of exposures, external clicks or entities."""
    return type(columns)(**{f.name: getattr(columns, f.name)[index] for f in fields(columns)})


def concatenated(parts: Sequence[Columns]) -> Columns:
    """The rows of all parts, in order; at least one part."""
    if len(parts) == 1:
        return parts[0]
    names = [f.name for f in fields(parts[0])]
    return type(parts[0])(**{n: np.concatenate([getattr(part, n) for part in parts]) for n in names})


@dataclass(frozen=True)
class EventDays:
    """A log cut into service days, oldest first, each read when it is asked for and then forgotten.

    A day's columns may be narrower than a log's (int32 users and items); its entities and context may be
    empty.
    """

    readers: Sequence[Callable[[], EventLog]]  #: one a day, in order, without a gap
    start_ms: int
    end_ms: int
    zone_offset_ms: int
    #: folder of each day in which what is made of its events once may lie; None: nothing is kept
    beside: Sequence[Path | None]

    def __len__(self) -> int:
        return len(self.readers)

    def __iter__(self) -> Iterator[EventLog]:
        return (read() for read in self.readers)

    def last(self, days: int | None) -> EventDays:
        """The service days that the last `days` × 24 hours touch; None: all of them."""
        if days is None:
            return self
        zone = self.zone_offset_ms
        first = (self.start_ms + zone) // DAY_MS
        begin = (self.end_ms - days * DAY_MS + zone) // DAY_MS
        if begin <= first:
            return self
        skip = begin - first
        start = begin * DAY_MS - zone
        return replace(self, readers=self.readers[skip:], start_ms=start, beside=self.beside[skip:])

    @classmethod
    def of(cls, log: EventLog) -> EventDays:
        """The days of a log in memory; the first and the last may be parts of days."""
        zone = log.zone_offset_ms
        first, last = (log.start_ms + zone) // DAY_MS, -(-(log.end_ms + zone) // DAY_MS)

        def reader(day: int) -> Callable[[], EventLog]:
            begin = max(day * DAY_MS - zone, log.start_ms)
            end = min((day + 1) * DAY_MS - zone, log.end_ms)
            return lambda: log.between(begin, end)

        days = range(first, max(last, first + 1))  # an empty log has an empty day
        return cls([reader(day) for day in days], log.start_ms, log.end_ms, zone, [None] * len(days))
