"""The instances of a training as its phases read them: block after block, newcomers hidden."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np

from models.ranking.features.codes import Codes
from models.ranking.features.instances import Instances
from models.ranking.instances.dealing import dealt, in_order
from models.ranking.instances.maker import InstanceMaker
from models.ranking.instances.rows import InstanceRows
from models.ranking.instances.window import TrainingWindow

Item = TypeVar("Item")
Order = Literal["shuffled", "time", "none"]


@dataclass(frozen=True)
class InstanceBlock:
    """A part of a phase that is held in memory at once."""

    data: Instances
    stream: InstanceStream  #: what it is a part of
    number: int
    of: int  #: blocks in the epoch
    first: int  #: instances of the epoch before it


class InstanceStream:
    """The instances of some hours of a window, in one view of who is new."""

    def __init__(self, window: TrainingWindow, maker: InstanceMaker) -> None:
        """Args: maker says who is hidden, and where everything that the rows do not hold comes from."""
        self.window, self.maker = window, maker
        self.layout = maker.vocabulary.layout
        #: int64 [C, 5] hour, first row and last row + 1 of a chunk, its day's position and its number there
        self.chunks = np.concatenate([_numbered(d, day.chunks) for d, day in enumerate(window.days)])

    def __len__(self) -> int:
        return _lengths(self.chunks)

    @property
    def hour_edges(self) -> np.ndarray:
        """int64 [H + 1]: the first instance of each hour that holds any, and the number of instances."""
        first = np.flatnonzero(np.diff(self.chunks[:, 0], prepend=self.chunks[:1, 0] - 1))
        before = np.append(0, np.cumsum(self.chunks[:, 2] - self.chunks[:, 1]))
        return np.append(before[first], before[-1])

    def between(self, first_hour: int, end_hour: int) -> InstanceStream:
        """The instances of service hours `[first_hour, end_hour)`."""
        part = copy.copy(self)
        hour = self.chunks[:, 0]
        part.chunks = self.chunks[(hour >= first_hour) & (hour < end_hour)]
        return part

    def blocks(self, order: Order, size: int, seed: Sequence[int], start: int = 0) -> Iterator[InstanceBlock]:
        """The blocks of an epoch from number `start` on; the next one is read while one is used.

        Args:
            order: `shuffled` and `time` as `dealt` and `in_order`; `none` gives one block without instances,
                to strategies that read the stream themselves.
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

        def reader(number: int) -> Callable[[], InstanceBlock]:
            return lambda: InstanceBlock(self.load(parts[number]), self, number, len(parts), before[number])

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
        return self.maker.make(self.read(positions), _lengths(self.chunks[positions]))

    def instances(self, rows: InstanceRows) -> Instances:
        """Some rows as instances, as the vocabulary knows them now."""
        return self.maker.make([rows], len(rows))


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
