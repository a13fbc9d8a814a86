"""What users click, in the feed and in other applications, by topic: a modality of the profile.

    x_ut = (c_ut − n_u p_t) / √(n_u + 5)         c clicks of u on topic t in the last days, n_u = Σ_t c_ut

with p_t the topic's share of all clicks: how far u prefers t, in units of chance. Who clicked nothing lies at
zero, near nobody. How much is clicked is left out on purpose: among the customers of a brand are many who
left long ago and click nothing, so that silence would count as a likeness with them (decision 0044).

What the space is worth is learned as of every space (`gains`), from source brands, so that a feed younger
than the window in which they teach is given no weight.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from models.profiling.profiler import standardised

MISSING = -1  #: topic of an item that has none
CLICK_DAYS = 28  #: before the as-of day, whose clicks are counted
FEW = 5.0  #: clicks that say little of a preference yet


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
        """x of the last `CLICK_DAYS`, float64 [users, topics + 1]; the last is of no topic."""
        clicks = self.counts(as_of_day, users)
        by_user, share = clicks.sum(1, keepdims=True), clicks.sum(0) / max(clicks.sum(), 1.0)
        return np.asarray((clicks - by_user * share) / np.sqrt(by_user + FEW))

    def counts(self, as_of_day: int, users: int) -> np.ndarray:
        """Clicks of the last `CLICK_DAYS`, float64 [users, topics + 1]; the last is of no topic."""
        low, high = np.searchsorted(self.day, [as_of_day - CLICK_DAYS, as_of_day])
        width, rows = len(self.topics) + 1, slice(int(low), int(high))
        cell = self.user[rows] * width + self.topic[rows] % width  # MISSING is the last one
        return np.bincount(cell, weights=self.clicks[rows], minlength=users * width).reshape(users, width)

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
