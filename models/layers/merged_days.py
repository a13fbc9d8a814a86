"""The temporal adjacencies of a window, made of its days one at a time.

Days follow each other in time, so a merge of their events compares nothing: all that is needed is how many
events of each node every day brings. A first pass over the days counts them, a second sorts each day by node
and writes its events behind those of the days before. Beside the result, memory holds a day and a few numbers
a node; a large result lies in a scratch file, whose pages memory holds up to a bound (`models.mapped`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import Path

import torch
from torch import Tensor

from models.layers.temporal_adjacency import TemporalAdjacency
from models.layers.time_sorted import STRIDE, SomeEvents, TimeSorted, check_events, refuse_overflow
from models.mapped import give_back, scratch_array

MAPPED_BYTES = 2**26  #: from this size on, a column lies in the scratch file


def merged_days(
    days: Callable[[], Iterable[Mapping[str, SomeEvents]]], scratch: Path | None = None
) -> dict[str, TemporalAdjacency]:
    """Adjacencies by name of direction, equal to those that `TemporalAdjacency.build` makes of all days.

    Args:
        days: iterates over the days, oldest first, twice; of each, its events by name of direction.
        scratch: an existing folder for large columns, as files without a name, which vanish with the process;
            None: everything in memory.

    Raises:
        ValueError: a day begins before the one before it ends, or a node is negative.
    """
    directions: dict[str, _Direction] = {}
    for day in days():
        for name, (nodes, times, payload) in day.items():
            direction = directions.setdefault(name, _Direction(name))
            direction.count(nodes, times, payload)
    for direction in directions.values():
        direction.allocate(scratch)
    for day in days():
        for name, (nodes, times, payload) in day.items():
            directions[name].add(nodes, times, payload)
            give_back()
    return {name: TemporalAdjacency(direction.segment()) for name, direction in directions.items()}


@dataclass
class _Direction:
    """One direction's result as it grows."""

    name: str
    counts: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.int64))  #: events a node
    origin: int = 0
    end: int = 1  #: one more than the latest time
    types: dict[str, torch.dtype] = field(default_factory=dict)
    keys: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.int64))
    columns: dict[str, Tensor] = field(default_factory=dict)
    starts: Tensor = field(default_factory=lambda: torch.zeros(1, dtype=torch.int64))
    free: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.int64))  #: a node's next slot

    def count(self, nodes: Tensor, times: Tensor, payload: Mapping[str, Tensor]) -> None:
        """The first pass."""
        check_events(nodes, payload)
        self.types = self.types or {name: column.dtype for name, column in payload.items()}
        if not len(nodes):
            return
        earliest, latest = (int(value) for value in torch.aminmax(times))
        if len(self.counts) and earliest < self.end - 1:
            raise ValueError(f"{self.name}: a day begins at {earliest} ms, before the end of the one before")
        self.origin = self.origin if len(self.counts) else earliest
        self.end = latest + 1
        more = torch.bincount(nodes, minlength=len(self.counts))
        more[: len(self.counts)] += self.counts
        self.counts = more

    def allocate(self, scratch: Path | None) -> None:
        """Between the passes: where each node's events begin, and columns for all."""
        refuse_overflow(len(self.counts), self.end - self.origin)
        self.starts = torch.cat([torch.zeros(1, dtype=torch.int64), self.counts.cumsum(0)])
        self.free = self.starts[:-1].clone()
        size = (int(self.starts[-1]),)
        self.keys = empty_column(size, torch.int64, scratch)
        self.columns = {name: empty_column(size, dtype, scratch) for name, dtype in self.types.items()}
        self.counts = self.counts[:0]

    def add(self, nodes: Tensor, times: Tensor, payload: Mapping[str, Tensor]) -> None:
        """The second pass."""
        if not len(nodes):
            return
        if bool((times[1:] < times[:-1]).any()):
            order = torch.sort(times, stable=True).indices
            node, by_node = torch.sort(nodes[order], stable=True)
            order = order[by_node]
        else:
            node, order = torch.sort(nodes, stable=True)
        node = node.long()
        count = torch.bincount(node)
        free = self.free[: len(count)]
        # The events of a node stand side by side in the day's order and in the result: one shift a node.
        shift = free - (count.cumsum(0) - count)
        slots = shift[node].add_(torch.arange(len(node)))
        free += count
        self.keys[slots] = node.mul_(self.end - self.origin).add_(times[order].long() - self.origin)
        for name, column in self.columns.items():
            column[slots] = payload[name][order]

    def segment(self) -> TimeSorted:
        """The result."""
        span, nodes = self.end - self.origin, len(self.starts) - 1
        sample = self.keys[::STRIDE].clone()
        return TimeSorted(self.keys, self.columns, self.origin, span, nodes, self.starts, sample)


def empty_column(size: tuple[int, ...], dtype: torch.dtype, scratch: Path | None) -> Tensor:
    """An array yet to be filled: in memory, or, from `MAPPED_BYTES` on, in a nameless file in `scratch`."""
    empty = torch.empty(0, dtype=dtype)
    if scratch is None or prod(size) * empty.element_size() < MAPPED_BYTES:
        return torch.empty(size, dtype=dtype)
    return torch.from_numpy(scratch_array(size, empty.numpy().dtype, scratch))
