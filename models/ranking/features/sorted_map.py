"""Look-ups from sparse integer ids to values, in two levels: a base, maybe memory-mapped, and a tail.

The base is what the daily model was trained on and never changes; the tail holds what the hours of a day
appended. Appending costs in proportion to the tail, a look-up O(log n) an id.
"""

from __future__ import annotations

import numpy as np


class SortedMap:
    """An append-only map int64 id → int64 value."""

    def __init__(self, ids: np.ndarray, values: np.ndarray) -> None:
        """Args: ids int64 [N] ascending and unique, values int64 [N]; both may be memory-mapped."""
        self._levels = [(ids, values), (np.empty(0, np.int64), np.empty(0, np.int64))]

    def __len__(self) -> int:
        return sum(len(ids) for ids, _ in self._levels)

    def get(self, ids: np.ndarray) -> np.ndarray:
        """Values of `ids` (any shape), -1 where unknown."""
        out = np.full(ids.shape, -1, np.int64)
        for known, values in self._levels:
            if len(known):
                at = np.minimum(np.searchsorted(known, ids), len(known) - 1)
                hit = known[at] == ids
                out[hit] = values[at[hit]]
        return out

    def append(self, ids: np.ndarray, values: np.ndarray) -> None:
        """Add ids int64 [n] (unique, none of them known) with their values int64 [n]."""
        tail_ids, tail_values = (
            np.concatenate(pair) for pair in zip(self._levels[1], (ids, values), strict=True)
        )
        order = np.argsort(tail_ids, kind="stable")
        self._levels[1] = (tail_ids[order], tail_values[order])

    def forget(self) -> None:
        """Take back everything that was appended."""
        self._levels[1] = (np.empty(0, np.int64), np.empty(0, np.int64))

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything, both levels merged: `ids`, `values`."""
        ids, values = (np.concatenate(pair) for pair in zip(*self._levels, strict=True))
        order = np.argsort(ids, kind="stable")
        return {"ids": ids[order], "values": values[order]}


def first_appearance(ids: np.ndarray) -> np.ndarray:
    """The distinct values of `ids` int64 [N] in order of first appearance.

    So numbered, the past does not depend on what comes later, as it would if numbered by value.
    """
    distinct, first = np.unique(ids, return_index=True)
    return distinct[np.argsort(first, kind="stable")]
