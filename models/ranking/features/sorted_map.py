"""Look-ups from sparse integer ids to values, in two levels: a base, maybe memory-mapped, and a tail.

The base is what the daily model was trained on and never changes; the tail holds what the hours of a day
appended. Appending costs in proportion to the tail, a look-up O(log n) an id; a base that is asked a lot, as
in training, gets a table by id, so that an id costs one access.
"""

from __future__ import annotations

import numpy as np

SPARSE = 4  #: ids that a table may span for each that is known
IDLE = 16  #: known ids for each that is looked up before a table is worth its making


class SortedMap:
    """An append-only map int64 id → int64 value."""

    def __init__(self, ids: np.ndarray, values: np.ndarray) -> None:
        """Args: ids int64 [N] ascending and unique, values int64 [N]; both may be memory-mapped."""
        self._levels = [(ids, values), (np.empty(0, np.int64), np.empty(0, np.int64))]
        self._asked = 0  # ids looked up so far
        self._table: np.ndarray | None = None  # of the base: value of each id from the first to the last

    def __len__(self) -> int:
        return sum(len(ids) for ids, _ in self._levels)

    def get(self, ids: np.ndarray) -> np.ndarray:
        """Values of `ids` (any shape), -1 where unknown."""
        out = self._from_table(ids)
        for known, values in self._levels if out is None else self._levels[1:]:
            if out is None:
                out = np.full(ids.shape, -1, np.int64)
            if len(known):
                at = np.minimum(np.searchsorted(known, ids), len(known) - 1)
                hit = known[at] == ids
                out[hit] = values[at[hit]]
        assert out is not None
        return out

    def _from_table(self, ids: np.ndarray) -> np.ndarray | None:
        """Values of `ids` in the base; None as long as it has no table."""
        known, values = self._levels[0]
        self._asked += ids.size
        if not len(known) or self._asked * IDLE < len(known):
            return None
        first, span = int(known[0]), int(known[-1]) - int(known[0]) + 1
        if span > SPARSE * len(known):
            return None
        table = self._table
        if table is None:
            table = np.full(span + 1, -1, np.int64)  # the last is of all other ids
            table[known - first] = values
            self._table = table  # once it is whole: other threads may be asking
        at = ids - first
        return table[np.where((at >= 0) & (at < span), at, span)]

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
