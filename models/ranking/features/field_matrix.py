"""Numbers of N instances' fields, held narrow: wide integers are made for a mini-batch only."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from models.ranking.features.codes import Layout


@dataclass(frozen=True)
class FieldMatrix:
    """An int64 matrix [N, F] in fewer bytes: table rows of instances' fields, or their codes."""

    open: np.ndarray  #: int32 [N, O], of the fields whose codes are not bounded
    bins: np.ndarray  #: uint8 [N, B], of all others
    columns: MatrixColumns

    def __len__(self) -> int:
        return len(self.open)

    def __getitem__(self, index: np.ndarray | slice) -> np.ndarray:
        """int64 [..., F] of the instances at positions `index` [...]."""
        bins = self.bins[index]
        out = np.empty((*bins.shape[:-1], self.columns.width), np.int64)
        out[..., self.columns.open] = self.open[index]
        out[..., self.columns.bins] = bins + self.columns.offsets
        return out

    def part(self, index: slice) -> FieldMatrix:
        """Consecutive instances; nothing is copied."""
        return replace(self, open=self.open[index], bins=self.bins[index])

    def column(self, c: int) -> np.ndarray:
        """Column c, int64 [N]."""
        at = np.flatnonzero(np.arange(self.columns.width)[self.columns.open] == c)
        if len(at):
            return self.open[:, at[0]].astype(np.int64)
        at = np.flatnonzero(np.arange(self.columns.width)[self.columns.bins] == c)
        return self.bins[:, at[0]] + self.columns.offsets[at[0]]


@dataclass(frozen=True)
class MatrixColumns:
    """Where the parts of a `FieldMatrix` stand among the F columns, and what is added to each of its bins."""

    width: int
    open: np.ndarray | slice  #: positions int64 [O]
    bins: np.ndarray | slice  #: positions int64 [B]
    offsets: np.ndarray  #: int64 [B]

    @classmethod
    def of(cls, layout: Layout, offsets: np.ndarray | None = None) -> MatrixColumns:
        """The columns of a layout; `offsets` int64 [F] is added to bins (None: nothing)."""
        is_open = np.array([spec.kind != "bins" for spec in layout.specs], bool)
        bins = np.flatnonzero(~is_open)
        added = np.zeros(len(layout), np.int64) if offsets is None else offsets
        return cls(len(layout), _slice(np.flatnonzero(is_open)), _slice(bins), added[bins])


def _slice(positions: np.ndarray) -> np.ndarray | slice:
    """A slice where the positions follow one another: it is filled several times faster."""
    if len(positions) and (np.diff(positions) == 1).all():
        return slice(int(positions[0]), int(positions[-1]) + 1)
    return positions
