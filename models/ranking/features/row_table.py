"""Table rows of the codes of an open field: a dense table for those of training, a list for newcomers."""

from __future__ import annotations

import numpy as np

from models.ranking.features.sorted_map import SortedMap

#: Code c stands at position c + 2: −1 is a missing value, −2 (`UNSEEN`) and all beyond the end have no row.
SHIFT = 2


class RowTable:
    """A map from codes to rows, with one row that all unknown codes share; a look-up costs O(1) a code."""

    def __init__(self, rows: np.ndarray) -> None:
        """Args: rows int32 [C + 3] of codes −2 … C, maybe memory-mapped; the first and last are shared."""
        self._rows = np.asarray(rows)
        self.shared = int(rows[0])
        self._newcomers = _empty()
        self._grown = False

    @classmethod
    def of(cls, codes: np.ndarray, first_row: int) -> RowTable:
        """The shared row is `first_row`, and the rows after it go to distinct `codes` [n] in their order."""
        rows = np.full(int(codes.max(initial=-1)) + SHIFT + 2, first_row, np.int32)
        rows[codes + SHIFT] = first_row + 1 + np.arange(len(codes))
        return cls(rows)

    @property
    def widest(self) -> int:
        """The greatest code of those of training."""
        return len(self._rows) - SHIFT - 2

    def get(self, codes: np.ndarray) -> np.ndarray:
        """Rows int32 of integer `codes` of any shape, the shared one where there is none."""
        rows = self._rows.take(codes + SHIFT, mode="clip")
        if self._grown and (unknown := rows == self.shared).any():
            late = self._newcomers.get(codes[unknown])
            rows[unknown] = np.where(late < 0, self.shared, late)
        return rows

    def append(self, codes: np.ndarray, rows: np.ndarray) -> None:
        """Add codes int64 [n] (distinct, none of them known) with their rows int64 [n]."""
        self._newcomers.append(codes, rows)
        self._grown = True

    def forget(self) -> None:
        """Take back everything that was appended."""
        self._newcomers, self._grown = _empty(), False

    def array(self) -> np.ndarray:
        """Everything, newcomers merged in: what `RowTable` is made of."""
        late = self._newcomers.arrays()
        if not len(late["ids"]):
            return self._rows
        size = max(len(self._rows), int(late["ids"].max()) + SHIFT + 2)
        rows = np.full(size, self.shared, np.int32)
        rows[: len(self._rows)] = self._rows
        rows[late["ids"] + SHIFT] = late["values"]
        return rows


def _empty() -> SortedMap:
    return SortedMap(np.empty(0, np.int64), np.empty(0, np.int64))
