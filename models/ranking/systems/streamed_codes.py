"""Codes of a window's instances as LightGBM takes them: piece by piece, so that no whole matrix is held."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from models.ranking.instances.rows import CHUNK_ROWS
from models.ranking.instances.stream import InstanceStream


class CodeRows(Protocol):
    """Codes [N, F] that are read piece by piece."""

    def __len__(self) -> int:
        """N."""

    def __getitem__(self, index: slice) -> np.ndarray:
        """int64 [n, F] of some consecutive instances."""


class StreamedCodes:
    """`CodeRows` of some chunks of a stream. The piece read last is held: LightGBM asks for single rows."""

    def __init__(self, stream: InstanceStream, chunks: np.ndarray) -> None:
        """Args: positions int64 [C] of chunks in the stream, ascending."""
        self._stream, self._chunks = stream, chunks
        lengths = stream.chunks[chunks, 2] - stream.chunks[chunks, 1]
        self._ends = np.cumsum(lengths)
        self._last: tuple[int, np.ndarray] = (-1, np.empty((0, 0), np.int64))

    def __len__(self) -> int:
        return int(self._ends[-1])

    def __getitem__(self, index: slice) -> np.ndarray:
        first, last, _ = index.indices(len(self))
        begin, end = np.searchsorted(self._ends, [first, last - 1], side="right").tolist()
        pieces = [self._piece(number) for number in range(begin, end + 1)]
        before = int(self._ends[begin - 1]) if begin else 0
        return np.concatenate(pieces)[first - before : last - before]

    def labels(self) -> np.ndarray:
        """float32 [N]."""
        return np.concatenate([rows.clicked for rows in self._stream.read(self._chunks)]).astype(np.float32)

    def _piece(self, number: int) -> np.ndarray:
        if self._last[0] != number:
            codes = self._stream.load(self._chunks[number : number + 1]).codes
            assert codes is not None
            self._last = number, codes[:]
        return self._last[1]


def assembled(codes: CodeRows, matrix: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """What `matrix` makes of the codes, float32 [N, C] in one."""
    out: np.ndarray | None = None
    for first in range(0, len(codes), CHUNK_ROWS):
        part = matrix(codes[first : first + CHUNK_ROWS])
        if out is None:
            out = np.empty((len(codes), part.shape[1]), np.float32)
        out[first : first + len(part)] = part
    assert out is not None
    return out


def pieces(codes: CodeRows, matrix: Callable[[np.ndarray], np.ndarray]) -> Any:
    """A `lightgbm.Sequence` of what `matrix` makes of the codes."""
    import lightgbm

    class Pieces(lightgbm.Sequence):
        """Rows of the matrix; float64, as LightGBM samples them."""

        batch_size = CHUNK_ROWS

        def __len__(self) -> int:
            return len(codes)

        def __getitem__(self, index: Any) -> np.ndarray:
            if isinstance(index, slice):
                return matrix(codes[index]).astype(np.float64)
            return matrix(codes[index : index + 1])[0].astype(np.float64)

    return Pieces()


def sample(stream: InstanceStream, most: int, seed: int) -> np.ndarray:
    """Positions int64 [C] of random chunks that hold at most `most` instances (or one chunk), ascending.

    All chunks, if they hold no more.
    """
    chunks = np.arange(len(stream.chunks))
    if len(stream) <= most:
        return chunks
    order = np.random.default_rng(seed).permutation(chunks)
    held = np.cumsum(stream.chunks[order, 2] - stream.chunks[order, 1])
    return np.sort(order[: max(1, int((held <= most).sum()))])
