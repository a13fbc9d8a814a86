"""What LightGBM reads of a window's instances, piece by piece, so that no whole matrix need be held."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np

from models.ranking.features.batch import Batch
from models.ranking.instances.rows import CHUNK_ROWS
from models.ranking.instances.stream import InstanceStream


class MatrixRows(Protocol):
    """A matrix float32 [N, C] that is read piece by piece."""

    def __len__(self) -> int:
        """N."""

    def __getitem__(self, index: slice) -> np.ndarray:
        """float32 [n, C] of some consecutive rows."""


class StreamedRows:
    """`MatrixRows` of some chunks of a stream. The piece read last is held: LightGBM asks for single rows."""

    def __init__(
        self, stream: InstanceStream, chunks: np.ndarray, matrix: Callable[[Batch], np.ndarray]
    ) -> None:
        """Args: positions int64 [C] of chunks in the stream, ascending; what makes rows of a batch."""
        self._stream, self._chunks, self._matrix = stream, chunks, matrix
        lengths = stream.chunks[chunks, 2] - stream.chunks[chunks, 1]
        self._ends = np.cumsum(lengths)
        self._last: tuple[int, np.ndarray] = (-1, np.empty((0, 0), np.float32))

    def __len__(self) -> int:
        return int(self._ends[-1])

    def __getitem__(self, index: slice) -> np.ndarray:
        first, last, _ = index.indices(len(self))
        begin, end = np.searchsorted(self._ends, [first, last - 1], side="right").tolist()
        pieces = [self._piece(number) for number in range(begin, end + 1)]
        before = int(self._ends[begin - 1]) if begin else 0
        whole = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
        return whole[first - before : last - before]

    @property
    def before_last_day(self) -> int:
        """How many of the rows, which are in time order, are older than those of the latest day."""
        days = self._stream.chunks[self._chunks, 3]
        return int(np.append(0, self._ends)[np.searchsorted(days, days[-1])])

    def labels(self) -> np.ndarray:
        """float32 [N]."""
        return np.concatenate([rows.clicked for rows in self._stream.read(self._chunks)]).astype(np.float32)

    def _piece(self, number: int) -> np.ndarray:
        if self._last[0] != number:
            data = self._stream.load(self._chunks[number : number + 1])
            self._last = number, self._matrix(data.batch(np.arange(len(data))[None]))
        return self._last[1]


def assembled(rows: MatrixRows) -> np.ndarray:
    """The whole matrix, float32 [N, C]."""
    parts = _parts(rows)
    head = next(parts)
    out = np.empty((len(rows), head.shape[1]), np.float32)
    out[: len(head)] = head
    for number, part in enumerate(parts, start=1):
        out[number * CHUNK_ROWS : number * CHUNK_ROWS + len(part)] = part
    return out


def _parts(rows: MatrixRows) -> Iterator[np.ndarray]:
    return (rows[first : first + CHUNK_ROWS] for first in range(0, len(rows), CHUNK_ROWS))


def pieces(rows: MatrixRows) -> Any:
    """A `lightgbm.Sequence` of the rows."""
    import lightgbm

    class Pieces(lightgbm.Sequence):
        """MatrixRows of the matrix; float64, as LightGBM samples them."""

        batch_size = CHUNK_ROWS

        def __len__(self) -> int:
            return len(rows)

        def __getitem__(self, index: Any) -> np.ndarray:
            if isinstance(index, slice):
                return rows[index].astype(np.float64)
            return rows[index : index + 1][0].astype(np.float64)

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
