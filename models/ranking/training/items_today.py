"""What a service day has shown so far of some items: the support sets of tasks that ask about those items."""

from __future__ import annotations

import numpy as np

HOURS_OF_DAY = 24


class ItemsToday:
    """Training instances in order of item and hour, to be searched."""

    def __init__(self, items: np.ndarray, hours: np.ndarray) -> None:
        """Args: item int64 [N] ≥ 0 and service hour since the epoch int64 [N] of each instance."""
        self._first = int(hours.min())
        self._stride = int(hours.max()) - self._first + 2
        keys = items.astype(np.int64) * self._stride + (hours - self._first)
        self._order = np.argsort(keys, kind="stable")
        self._keys = keys[self._order]

    def draw(self, items: np.ndarray, hour: int, size: int, generator: np.random.Generator) -> np.ndarray:
        """Up to `size` positions of instances of `items` [n], drawn without replacement.

        All of them lie in the service day of `hour` and before it; none are there in a day's first hour.
        """
        midnight = max(hour - hour % HOURS_OF_DAY - self._first, 0)
        start = np.unique(items).astype(np.int64) * self._stride
        lo = np.searchsorted(self._keys, start + midnight)
        hi = np.searchsorted(self._keys, start + max(hour - self._first, midnight))
        ends = np.cumsum(hi - lo)
        total = int(ends[-1])
        drawn = generator.choice(total, size=min(size, total), replace=False, shuffle=False)
        item = np.searchsorted(ends, drawn, side="right")
        return np.asarray(self._order[hi[item] - (ends[item] - drawn)])
