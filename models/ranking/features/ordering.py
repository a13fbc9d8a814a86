"""Linear-time order and ranks of integer keys, for days of many millions of events."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse


def stable_order(keys: np.ndarray, size: int) -> np.ndarray:
    """Positions int32 [N] that sort `keys` int32 [N], each in [0, size), equal keys in their order.

    A counting sort: the transposition of a sparse matrix with one entry a row. Linear in N + size.
    """
    n = len(keys)
    entries = (np.zeros(n, np.int8), keys, np.arange(n + 1, dtype=np.int32))
    return np.asarray(sparse.csr_array(entries, shape=(n, size)).tocsc().indices, np.int32)


def boundaries(*columns: np.ndarray) -> np.ndarray:
    """bool [N]: where a row differs from the row before it in any of `columns` [N]; the first always does."""
    out = np.zeros(len(columns[0]), bool)
    out[:1] = True
    for column in columns:
        out[1:] |= column[1:] != column[:-1]
    return out


def distinct(keys: np.ndarray) -> np.ndarray:
    """The distinct values of `keys` [N] ≥ 0, ascending; linear where they are many for their range."""
    if not len(keys) or len(keys) * 16 < int(keys.max()):
        return np.unique(keys)
    met = np.zeros(int(keys.max()) + 1, bool)
    met[keys] = True
    return np.flatnonzero(met)


@dataclass(frozen=True)
class Ranks:
    """The distinct keys of a day and each row's position among them."""

    distinct: np.ndarray  #: int64 [D] ascending
    local: np.ndarray  #: int32 [N] position of each row's key in `distinct`
    _table: np.ndarray  # int32 [largest key + 2], position of key + 1, -1 where it is none of them

    @classmethod
    def of(cls, keys: np.ndarray) -> Ranks:
        """Ranks of keys [N], each ≥ -1; linear in N and in the largest key."""
        largest = int(keys.max()) if len(keys) else -1
        met = np.zeros(largest + 2, bool)
        met[keys + 1] = True
        table = np.cumsum(met, dtype=np.int32) - 1
        table[~met] = -1
        return cls(np.flatnonzero(met) - 1, table[keys + 1], table)

    def __len__(self) -> int:
        return len(self.distinct)

    def through(self, rows: np.ndarray) -> Ranks:
        """Ranks of rows that take their keys from these ones: row i has key number `rows[i]`."""
        return Ranks(self.distinct, self.local[rows], self._table)

    def find(self, keys: np.ndarray) -> np.ndarray:
        """Positions int32 of other keys, -1 where they are none of these."""
        inside = keys < len(self._table) - 1
        return np.where(inside, self._table[np.where(inside, keys + 1, 0)], -1)
