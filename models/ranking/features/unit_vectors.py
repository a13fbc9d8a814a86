"""Content vectors as models read them: from their mean on, in few numbers, at unit length; made once each."""

from __future__ import annotations

import numpy as np

from models.ranking.features.entities import EntityTable
from models.ranking.features.event_log import Entities

SAMPLE = 50_000  #: vectors that mean and components are taken from, at most
#: Vectors are compressed so many at once, neither more nor fewer: the rounding of a matrix product may hang
#: on the number of its rows, and a vector must not depend on those that are asked for with it.
_ROWS = 128


class UnitVectors:
    """The vectors of a table, which grows, less their mean, on their principal components, at length one.

    Mean and components are those of the training, so that a vector means the same all day. What was made of
    a vector is held, as a training asks for each many times; an hour asks for few, and only those are made.
    """

    def __init__(self, table: EntityTable, centre: np.ndarray, components: np.ndarray) -> None:
        """Args: centre float32 [V]; components float32 [V, W], or [V, 0] to read all V numbers."""
        self._table, self.centre, self.components = table, centre, components
        # Position p of the table's vectors stands in row p + 1; row 0 is of all that have none.
        self._made = np.zeros((1, self.width), np.float32)
        self._is_made = np.ones(1, bool)

    @classmethod
    def of(cls, table: EntityTable, met: np.ndarray, width: int) -> UnitVectors:
        """With mean and components of the vectors of `met`; all numbers where V is at most `width`.

        Args:
            table: of users or items.
            met: int64 [n] ascending, those of the events at hand: what else is described, and in which order
                it came, must not count.
            width: of the components.
        """
        positions = table.vector_positions(met)
        positions = positions[positions >= 0]
        few = np.linspace(0, len(positions) - 1, min(len(positions), SAMPLE)).astype(np.int64)
        sample = table.stored.take(positions[few]).astype(np.float64)
        size = table.vector_width
        centre = sample.mean(axis=0) if len(sample) else np.zeros(size)
        components = np.empty((size, 0), np.float32)
        if size > width:
            sample -= centre
            _, vectors = np.linalg.eigh(sample.T @ sample)  # the last belong to the largest values
            components = np.ascontiguousarray(vectors[:, : -width - 1 : -1], np.float32)
        return cls(table, centre.astype(np.float32), components)

    @property
    def width(self) -> int:
        """Numbers W of a vector."""
        return self.components.shape[1] or len(self.centre)

    def take(self, index: np.ndarray, newcomers: Entities | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Vectors of users or items `index` int64 [...].

        Args:
            newcomers: as `EntityTable.vectors`.

        Returns:
            float32 [..., W], zero where unknown; and 1 where known, 0 elsewhere, float32 [...].
        """
        # A table whose first vectors came after the training has them, and a ranker that reads none.
        if not self.width:
            return np.zeros((*index.shape, 0), np.float32), np.zeros(index.shape, np.float32)
        rows = self._table.vector_positions(index.reshape(-1)) + 1
        self._make(rows)
        vectors, known = self._made[rows], (rows > 0).astype(np.float32)
        if newcomers is not None and not known.all():
            unknown = np.flatnonzero(rows == 0)
            brought = self._table.vectors(index.reshape(-1)[unknown], newcomers)
            vectors[unknown], known[unknown] = self._unit(brought)
        return vectors.reshape(*index.shape, self.width), known.reshape(index.shape)

    def _make(self, rows: np.ndarray) -> None:
        """See to it that these rows are made."""
        most = int(rows.max(initial=0)) + 1
        if most > len(self._made):
            grown = (
                max(most, len(self._table.stored) + 1) * 5 // 4
            )  # memory that nobody touches costs nothing
            made, is_made = np.zeros((grown, self.width), np.float32), np.zeros(grown, bool)
            made[: len(self._made)], is_made[: len(self._made)] = self._made, self._is_made
            self._made, self._is_made = made, is_made
        if self._is_made[rows].all():
            return
        wanting = np.unique(rows[~self._is_made[rows]])
        for first in range(0, len(wanting), 64 * _ROWS):
            some = wanting[first : first + 64 * _ROWS]
            self._made[some] = self._unit(self._table.stored.take(some - 1))[0]
        self._is_made[wanting] = True

    def _unit(self, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        known = np.isfinite(vectors).all(axis=1, keepdims=True)
        vectors = np.where(known, vectors - self.centre, np.float32(0))
        if self.components.shape[1]:
            padded = np.pad(vectors, ((0, -len(vectors) % _ROWS), (0, 0))).reshape(
                -1, _ROWS, vectors.shape[1]
            )
            vectors = np.concatenate([part @ self.components for part in padded])[: len(vectors)]
        length = np.sqrt(np.square(vectors).sum(axis=1, keepdims=True))
        return vectors / np.maximum(length, 1e-12), known[:, 0].astype(np.float32)
