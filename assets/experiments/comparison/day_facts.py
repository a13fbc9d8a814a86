"""What segments need to know of a day's exposures, in the order of their scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from warehouse.landing.service_time import HOUR_MS

if TYPE_CHECKING:
    from models.ranking.features.event_log import EventLog
    from warehouse.store.warehouse import Warehouse


@dataclass(frozen=True)
class ShownBefore:
    """Who had been shown something before a day, and what had been."""

    users: np.ndarray  #: int64 [U] ascending
    times: np.ndarray  #: int64 [U] exposures of each
    items: np.ndarray  #: int64 [I] ascending
    first: np.ndarray  #: int64 [I], ms, when each was first shown
    day_start_ms: int

    @classmethod
    def read(cls, warehouse: Warehouse, start_ms: int, day_start_ms: int) -> ShownBefore:
        """Of the logs from `start_ms` to the day."""
        shown = warehouse.shown(start_ms, day_start_ms)
        return cls(
            users=shown["users.user"],
            times=shown["users.times"],
            items=shown["items.item"],
            first=shown["items.first"],
            day_start_ms=day_start_ms,
        )

    @classmethod
    def of(cls, history: EventLog) -> ShownBefore:
        """Of a log that ends where the day begins."""
        users, times = np.unique(history.exposures.user, return_counts=True)
        items, at = np.unique(history.exposures.item, return_index=True)
        return cls(users, times, items, history.exposures.shown_at[at], history.end_ms)


@dataclass(frozen=True)
class DayFacts:
    """A day's exposures [E], as they were received."""

    clicked: np.ndarray  #: bool
    user: np.ndarray  #: int64
    request: np.ndarray  #: int64, number of the list that was shown together; below 0 where unknown
    hour: np.ndarray  #: int64, 0 … 23
    user_seen: np.ndarray  #: int64, exposures of the user before the day
    item_shown: np.ndarray  #: float64, hours since the item was first shown to anybody
    item_age: np.ndarray  #: float64, hours since it was published, or first shown where that is unknown
    day_age: np.ndarray  #: float64, hours since the day began

    def __len__(self) -> int:
        return len(self.clicked)

    @classmethod
    def of(cls, before: ShownBefore, hours: Sequence[EventLog]) -> DayFacts:
        """The facts of a day's hours, given what was shown before the day."""
        user, item, shown_at, clicked, request = (
            np.concatenate([getattr(hour.exposures, name) for hour in hours])
            for name in ("user", "item", "shown_at", "clicked", "request")
        )
        seen = np.zeros(int(max(before.users.max(initial=0), user.max(initial=0))) + 1, np.int64)
        seen[before.users] = before.times
        first = _first_shown(np.concatenate([before.items, item]), np.concatenate([before.first, shown_at]))
        published = first.copy()
        for log in hours:
            known = log.items.published_at >= 0
            here = log.items.index[known]
            published[here[here < len(first)]] = log.items.published_at[known][here < len(first)]
        return cls(
            clicked=clicked,
            user=user,
            request=request,
            hour=np.repeat(np.arange(len(hours)), [len(hour.exposures) for hour in hours]),
            user_seen=seen[user],
            item_shown=(shown_at - first[item]) / HOUR_MS,
            item_age=np.maximum(shown_at - published[item], 0) / HOUR_MS,
            day_age=(shown_at - before.day_start_ms) / HOUR_MS,
        )


def _first_shown(item: np.ndarray, shown_at: np.ndarray) -> np.ndarray:
    """When each item was first shown, int64 by item index: of equal items the first one counts."""
    first = np.zeros(int(item.max(initial=-1)) + 1, np.int64)
    first[item[::-1]] = shown_at[::-1]  # of equal indices the last one written stays
    return first
