"""A user's requests in a row: how long ago the one before was, and how many the running visit has had.

That a user asks for a list is known as soon as it is asked for, in the running hour too; what came of the
exposures in it is known from the next hour on, and is not read here. All that is shown to a user at one
instant is one request, or what `Exposures.request` says was shown together, asked for when its first item was
shown. A request knows those that were asked for before it, never those of the same instant.

What is held through the end of the last day taken in is two numbers a user; what hours append lies apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from models.ranking.features.bins import COUNT_BINS, count_bins
from models.ranking.features.codes import FieldSpec
from models.ranking.features.event_log import Exposures
from models.ranking.features.lists import Lists
from models.ranking.features.ordering import boundaries, stable_order

VISIT_SECONDS = 1800  #: without a request, after which the next one begins another visit
GAP_SECONDS = 30  #: in which the time between two requests is counted
DEEPEST = np.iinfo(np.uint16).max
SPECS = [
    FieldSpec("session_gap", "bins", COUNT_BINS, "count"),
    FieldSpec("session_depth", "bins", COUNT_BINS, "count"),
]


@dataclass(frozen=True)
class UserRequests:
    """The requests of N exposures: Q of them, sorted by (user, period, time)."""

    of: np.ndarray  #: int32 [N] request of each exposure
    user: np.ndarray  #: int64 [Q]
    at: np.ndarray  #: int64 [Q] seconds since the epoch
    period: np.ndarray  #: int64 [Q]

    @classmethod
    def of_exposures(
        cls, e: Exposures, periods: np.ndarray, lists: Lists, users: np.ndarray, local: np.ndarray
    ) -> UserRequests:
        """Group exposures.

        Args:
            e: in order of time.
            periods: int64 [N] of each.
            lists: of the exposures.
            users: int64 [D] the distinct users, ascending.
            local: int32 [N] position of each exposure's user among them.
        """
        asked = e.shown_at.copy()
        if len(lists.rows):
            first = np.minimum.reduceat(asked[lists.rows], lists.starts[:-1])
            asked[lists.rows] = np.repeat(first, lists.lengths)
        heads = np.flatnonzero(boundaries(local, asked))
        order = heads if bool((asked[heads[1:]] >= asked[heads[:-1]]).all()) else None
        order = heads[np.argsort(asked[heads], kind="stable")] if order is None else order
        order = order[stable_order(local[order], len(users))]
        new = boundaries(local[order], asked[order])
        at = order[new]
        number = np.empty(len(asked), np.int32)
        number[order] = np.cumsum(new, dtype=np.int32) - 1
        of = np.repeat(number[heads], np.diff(np.append(heads, len(asked))))
        return cls(of, users[local[at]], asked[at] // 1000, periods[at])


@dataclass(frozen=True)
class _Hours:
    """Users' last requests of hours, sorted by (user, time)."""

    keys: np.ndarray  #: int64 [P] user << 32 | seconds
    depth: np.ndarray  #: uint16 [P] requests before it in its visit

    def with_more(self, other: _Hours) -> _Hours:
        keys, depth = np.concatenate([self.keys, other.keys]), np.concatenate([self.depth, other.depth])
        order = np.argsort(keys, kind="stable")
        return _Hours(keys[order], depth[order])


class Visits:
    """Each user's last request through the end of the last day taken in, and those of hours since."""

    def __init__(self) -> None:
        self.last = np.empty(0, np.uint32)  #: of each user, in seconds since the epoch; 0: never
        self.depth = np.empty(0, np.uint16)  #: of each user: how many were before it in its visit
        self._pending: list[_Hours] = []

    def codes(self, requests: UserRequests, first_second: np.ndarray) -> list[np.ndarray]:
        """Bins uint8 [N] of `SPECS` for exposures of hours: requests of earlier hours are those received.

        Args:
            requests: of the exposures.
            first_second: int64 [Q], the start of each request's hour.
        """
        new = boundaries(requests.user, requests.period)
        return _bins(requests, *self._follow(requests, new, first_second))

    def append(self, requests: UserRequests, first_second: np.ndarray) -> None:
        """Take in the requests of hours; costs in proportion to them."""
        new = boundaries(requests.user, requests.period)
        _, depth = self._follow(requests, new, first_second)
        last = np.append(new[1:], True)[: len(new)]
        keys = (requests.user.astype(np.int64) << 32) | requests.at
        self._pending.append(_Hours(keys[last], depth[last].astype(np.uint16)))
        while len(self._pending) > 1 and len(self._pending[-2].keys) <= 2 * len(self._pending[-1].keys):
            newest = self._pending.pop()
            self._pending[-1] = self._pending[-1].with_more(newest)

    def take_day(self, requests: UserRequests) -> list[np.ndarray]:
        """Take a whole day in: bins uint8 [N] of its exposures, and a new base."""
        new = boundaries(requests.user)
        gap, depth = self._follow(requests, new, requests.at)
        last = np.flatnonzero(np.append(new[1:], True)[: len(new)])
        size = max(len(self.last), int(requests.user[-1]) + 1 if len(last) else 0)
        held = self.last, self.depth
        self.last, self.depth = np.zeros(size, np.uint32), np.zeros(size, np.uint16)
        self.last[: len(held[0])], self.depth[: len(held[1])] = held
        self.last[requests.user[last]], self.depth[requests.user[last]] = requests.at[last], depth[last]
        return _bins(requests, gap, depth)

    def _follow(
        self, requests: UserRequests, new: np.ndarray, before: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Seconds int64 [Q] since each request's predecessor, -1 if it has none, and its depth int64 [Q].

        Args:
            new: bool [Q], where a request's predecessor is not the one before it here but one that is held.
            before: int64 [Q] seconds: those held from before then count.
        """
        heads = np.flatnonzero(new)
        last, held_depth = self._held(requests.user[heads], before[heads])
        gap = np.diff(requests.at, prepend=0)
        gap[heads] = np.where(last > 0, requests.at[heads] - last, -1)
        starts = new | (gap < 0) | (gap >= VISIT_SECONDS)
        base = np.zeros(len(gap), np.int64)
        goes_on = (gap[heads] >= 0) & (gap[heads] < VISIT_SECONDS)
        base[heads[goes_on]] = held_depth[goes_on] + 1
        segment = np.flatnonzero(starts)
        lengths = np.diff(np.append(segment, len(gap)))
        depth = np.arange(len(gap)) - np.repeat(segment - base[segment], lengths)
        return gap, np.minimum(depth, DEEPEST)

    def _held(self, user: np.ndarray, before: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The last request int64 [G] of each user before a second, 0: none, and its depth int64 [G]."""
        last, depth = np.zeros(len(user), np.int64), np.zeros(len(user), np.int64)
        known = user < len(self.last)
        last[known], depth[known] = self.last[user[known]], self.depth[user[known]]
        low = user.astype(np.int64) << 32
        for part in self._pending:
            at = np.searchsorted(part.keys, low | before) - 1
            newer = (at >= 0) & (part.keys[at] >= low) if len(part.keys) else np.zeros(len(user), bool)
            newer[newer] = (part.keys[at[newer]] - low[newer]) > last[newer]
            last[newer] = part.keys[at[newer]] - low[newer]
            depth[newer] = part.depth[at[newer]]
        return last, depth

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything, by name."""
        whole = _Hours(np.empty(0, np.int64), np.empty(0, np.uint16))
        for part in self._pending:
            whole = whole.with_more(part)
        return {"last": self.last, "depth": self.depth, "hours": whole.keys, "hours_depth": whole.depth}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Visits:
        """What `arrays` gave; the arrays may be memory-mapped."""
        visits = cls()
        visits.last, visits.depth = arrays["last"], arrays["depth"]
        if len(arrays["hours"]):
            visits._pending = [_Hours(arrays["hours"], arrays["hours_depth"])]
        return visits


def _bins(requests: UserRequests, gap: np.ndarray, depth: np.ndarray) -> list[np.ndarray]:
    gaps = count_bins(np.where(gap < 0, 0, 1 + gap // GAP_SECONDS))
    return [bins[requests.of] for bins in (gaps, count_bins(depth))]
