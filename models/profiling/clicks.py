"""What users click, in the feed and in other applications, by topic: a modality of the profile.

The same accounts read and buy, so that what they read lately says something of what they will buy. A profile
reads the clicks of the days before its as-of date alone; how much they are worth is learned as of every
space (`gains`), from source brands, so that clicks which say nothing, or a feed younger than the window in
which source brands teach, are given no weight.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from models.profiling.profiler import standardised

MISSING = -1  #: topic of an item that has none
CLICK_DAYS = 28  #: before the as-of day, whose clicks are counted


@dataclass(frozen=True)
class ClickLog:
    """Clicks by (day, user, topic), in order of the day; `user` is a position."""

    user: np.ndarray  #: int64 [n]
    day: np.ndarray  #: int32 [n] local day since 1970-01-01
    topic: np.ndarray  #: int64 [n] position in `topics`, or MISSING
    clicks: np.ndarray  #: int64 [n], positive
    topics: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.user)

    def before(self, day: int) -> ClickLog:
        """Those of the days before `day`."""
        return self._rows(slice(0, int(np.searchsorted(self.day, day))))

    def of_users(self, members: np.ndarray, users: int) -> ClickLog:
        """Those of `members` (int64 [N] positions among U `users`, ascending), numbered 0 … N−1."""
        number = np.full(users, MISSING)
        number[members] = np.arange(len(members))
        own = self._rows(np.flatnonzero(number[self.user] != MISSING))
        return replace(own, user=number[own.user])

    def columns(self, as_of_day: int, users: int) -> np.ndarray:
        """log(1 + clicks) of the last `CLICK_DAYS`, float64 [users, topics + 1]; the last is of no topic."""
        low, high = np.searchsorted(self.day, [as_of_day - CLICK_DAYS, as_of_day])
        width, rows = len(self.topics) + 1, slice(int(low), int(high))
        cell = self.user[rows] * width + self.topic[rows] % width  # MISSING is the last one
        total = np.bincount(cell, weights=self.clicks[rows], minlength=users * width)
        return np.log1p(total).reshape(users, width)

    def _rows(self, rows: slice | np.ndarray) -> ClickLog:
        names = ("user", "day", "topic", "clicks")
        return replace(self, **{name: getattr(self, name)[rows] for name in names})


def click_spaces(log: ClickLog | None, as_of_day: int, users: np.ndarray, read: bool) -> list[np.ndarray]:
    """The space of clicks, where a profile is to read it, else none.

    It is `ClickLog.columns` standardised over `users` (bool [U]), float32 [U, C]; zero without a log.
    """
    if not read:
        return []
    if log is None:
        return [np.zeros((len(users), 1), np.float32)]
    return [standardised(log.columns(as_of_day, len(users)), users).astype(np.float32)]
