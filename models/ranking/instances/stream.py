"""The instances of a training as its phases read them: block after block, newcomers hidden."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np

from models.ranking.features.codes import Codes, Layout
from models.ranking.features.event_log import HOUR_MS
from models.ranking.features.field_matrix import Columns, FieldMatrix
from models.ranking.features.instances import Instances, VectorsByMorning
from models.ranking.features.neighbours import NeighbourIndex
from models.ranking.features.vocabulary import Vocabulary
from models.ranking.instances.dealing import dealt, in_order
from models.ranking.instances.newcomers import Hiding
from models.ranking.instances.rows import InstanceRows
from models.ranking.instances.window import TrainingWindow

Item = TypeVar("Item")
Order = Literal["shuffled", "time", "none"]


@dataclass(frozen=True)
class Block:
    """A part of a phase that is held in memory at once."""

    data: Instances
    stream: InstanceStream  #: what it is a part of
    number: int
    of: int  #: blocks in the epoch
    first: int  #: instances of the epoch before it


class InstanceStream:
    """The instances of some hours of a window, in one view of who is new."""

    def __init__(
        self,
        window: TrainingWindow,
        vocabulary: Vocabulary,
        hiding: Hiding | None,
        *,
        graph: NeighbourIndex | None = None,
        long_term: VectorsByMorning | None = None,
        reads_codes: bool = False,
    ) -> None:
        """Args: what rows, neighbours and vectors come from; who is hidden; whether batches carry codes."""
        self.window, self.vocabulary, self.hiding = window, vocabulary, hiding
        self.graph, self.long_term, self.reads_codes = graph, long_term, reads_codes
        self.layout: Layout = vocabulary.layout
        offsets = np.array([vocabulary.oov_row(c) for c in range(len(self.layout))])
        self._rows, self._codes = Columns.of(self.layout, offsets), Columns.of(self.layout)
        #: int64 [C, 5] hour, first row and last row + 1 of each chunk, its day's position and its number there
        self.chunks = np.concatenate([_numbered(d, day.chunks) for d, day in enumerate(window.days)])

    def __len__(self) -> int:
        return _lengths(self.chunks)

    def between(self, first_hour: int, end_hour: int) -> InstanceStream:
        """The instances of service hours `[first_hour, end_hour)`."""
        part = copy.copy(self)
        hour = self.chunks[:, 0]
        part.chunks = self.chunks[(hour >= first_hour) & (hour < end_hour)]
        return part

    def blocks(self, order: Order, size: int, seed: Sequence[int], start: int = 0) -> Iterator[Block]:
        """The blocks of an epoch from number `start` on; the next one is read while one is used.

        Args:
            order: `shuffled` and `time` as `dealt` and `in_order`; `none` gives one block without instances, to
                strategies that read the stream themselves.
            size: instances of a block.
            seed: of the dealing, by run and epoch.
        """
        if order == "none" or not len(self.chunks):
            parts = [np.empty(0, np.int64)]
        elif order == "time":
            parts = in_order(self.chunks, size)
        else:
            parts = dealt(self.chunks, size, np.random.default_rng([*seed, 0, 1]))
        before = np.cumsum([0, *(_lengths(self.chunks[part]) for part in parts)]).tolist()

        def reader(number: int) -> Callable[[], Block]:
            return lambda: Block(self.load(parts[number]), self, number, len(parts), before[number])

        return ahead([reader(number) for number in range(start, len(parts))])

    def read(self, positions: np.ndarray) -> Iterator[InstanceRows]:
        """The chunks at `positions` int64 [n], ascending, one after another."""
        days = self.chunks[positions, 3]
        for d in np.unique(days).tolist():
            yield from self.window.days[d].read(self.layout, self.chunks[positions[days == d], 4])

    def hours(self) -> Iterator[InstanceRows]:
        """The rows of each hour, in time order."""
        return (joined(list(self.read(hour))) for hour in in_order(self.chunks, 0) if len(hour))

    def load(self, positions: np.ndarray) -> Instances:
        """The instances of the chunks at `positions` int64 [n], ascending."""
        return self._instances(self.read(positions), _lengths(self.chunks[positions]))

    def instances(self, rows: InstanceRows) -> Instances:
        """Some rows as instances, as the vocabulary knows them now."""
        return self._instances([rows], len(rows))

    def _instances(self, parts: Iterable[InstanceRows], length: int) -> Instances:
        is_open = np.array([spec.kind != "bins" for spec in self.layout.specs])
        open_columns, bin_columns = np.flatnonzero(is_open).tolist(), np.flatnonzero(~is_open).tolist()
        rows = np.empty((length, len(open_columns)), np.int32)
        codes = np.empty_like(rows) if self.reads_codes else None
        bins = np.empty((length, len(bin_columns)), np.uint8)
        ids, hours = np.empty((2, length), np.int32), np.empty(length, np.int64)
        labels = np.empty(length, np.float32)
        zone, end = self.window.zone_offset_ms, 0
        for part in parts:
            here = slice(end, end := end + len(part))
            columns = part.codes.columns
            hours[here] = (part.shown_at + zone) // HOUR_MS
            labels[here] = part.clicked
            ids[0, here], ids[1, here] = part.field("user_id"), part.field("item_id")
            for at, c in enumerate(bin_columns):
                bins[here, at] = columns[c]
            for at, c in enumerate(open_columns):
                seen = columns[c] if self.hiding is None else self.hiding.codes(c, columns[c], hours[here])
                rows[here, at] = self.vocabulary.look_up(c, seen)
                if codes is not None:
                    codes[here, at] = seen
        matrix = FieldMatrix(rows, bins, self._rows)
        carried = None if codes is None else FieldMatrix(codes, bins, self._codes)
        return Instances(*ids, hours, matrix, labels, zone, self.graph, self.long_term, carried)


def joined(parts: Sequence[InstanceRows]) -> InstanceRows:
    """Consecutive rows in one."""
    if len(parts) == 1:
        return parts[0]
    columns = zip(*(part.codes.columns for part in parts), strict=True)
    return InstanceRows(
        Codes(parts[0].codes.layout, tuple(np.concatenate(column) for column in columns)),
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("shown_at", "clicked", "dwell_seconds")
        ),
    )


def ahead(readers: Sequence[Callable[[], Item]]) -> Iterator[Item]:
    """What the readers give, in order, each read by a thread while the one before is used."""
    with ThreadPoolExecutor(1) as pool:
        waiting = None
        for reader in readers:
            following = pool.submit(reader)
            if waiting is not None:
                yield waiting.result()
            waiting = following
        if waiting is not None:
            yield waiting.result()


def _numbered(day: int, chunks: np.ndarray) -> np.ndarray:
    return np.column_stack([chunks, np.full(len(chunks), day), np.arange(len(chunks))])


def _lengths(chunks: np.ndarray) -> int:
    return int((chunks[:, 2] - chunks[:, 1]).sum())
