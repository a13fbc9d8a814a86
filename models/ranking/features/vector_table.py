"""Content vectors on disk and in memory: written once, in the order received, and looked up by position."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

#: A segment is merged into the one before it once it holds a share of this size: there are few of them, and a
#: vector is written over a few times only, however many days bring some.
MERGE = 0.5
_FACTOR = np.uint64(0x9E3779B97F4A7C15)


class VectorTable:
    """Vectors by position; segments that a folder holds are never written over."""

    def __init__(self, segments: Sequence[np.ndarray]) -> None:
        """Args: float32 [n, V] each, of one V, at least one of them; maps are fine."""
        self._segments = list(segments)

    @classmethod
    def empty(cls, width: int) -> VectorTable:
        """No vector yet, of V numbers each."""
        return cls([np.empty((0, width), np.float32)])

    @property
    def width(self) -> int:
        """V; 0 where the source has no vectors."""
        return int(self._segments[0].shape[1])

    def __len__(self) -> int:
        return sum(map(len, self._segments))

    def append(self, vectors: np.ndarray) -> np.ndarray:
        """Add the known ones of float32 [n, V]; a row that is not of finite numbers alone is unknown.

        Returns:
            Their positions int64 [n]; −1 for the unknown.
        """
        known = np.isfinite(vectors).all(axis=1) if self.width else np.zeros(len(vectors), bool)
        positions = np.where(known, len(self) + np.cumsum(known) - 1, -1)
        if known.any():
            self._segments.append(np.ascontiguousarray(vectors[known], np.float32))
            while len(self._segments) > 1 and len(self._segments[-1]) >= MERGE * len(self._segments[-2]):
                self._segments[-2:] = [np.concatenate(self._segments[-2:])]
        return positions

    def take(self, positions: np.ndarray) -> np.ndarray:
        """Vectors float32 [..., V] at integer positions [...]; NaN at −1."""
        flat = positions.reshape(-1)
        out = np.full((len(flat), self.width), np.nan, np.float32)
        first = 0
        for segment in self._segments:
            here = (flat >= first) & (flat < first + len(segment))
            if here.any():
                out[here] = segment[flat[here] - first]
            first += len(segment)
        return out.reshape(*positions.shape, self.width)

    def arrays(self) -> dict[str, np.ndarray]:
        """The segments by number."""
        return {str(number): segment for number, segment in enumerate(self._segments)}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> VectorTable:
        """What `arrays` gave, maybe memory-mapped."""
        return cls([arrays[str(number)] for number in range(len(arrays))])


def digest(index: np.ndarray, vectors: np.ndarray) -> int:
    """A number of 64 bits that tells apart what rows hold, int64 [n] and float32 [n, V].

    The sum of two digests is that of the rows together, in whichever order they came.
    """
    bits = np.ascontiguousarray(vectors, np.float32).view(np.uint32).astype(np.uint64)
    odd = (np.arange(bits.shape[1], dtype=np.uint64) * np.uint64(2) + np.uint64(1)) * _FACTOR
    rows = (bits * odd).sum(axis=1, dtype=np.uint64) + index.astype(np.uint64) * _FACTOR
    rows = (rows ^ (rows >> np.uint64(31))) * _FACTOR
    return int((rows ^ (rows >> np.uint64(29))).sum(dtype=np.uint64))
