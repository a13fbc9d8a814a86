"""Events sorted by (node, time) behind one packed key: the immutable part of a temporal adjacency.

A segment packs (node, t) into one int64, `node · span + (t − origin)`, with `origin` and `span` its own. A
binary search over one array then answers 'where do the events of this node before that time end' for a whole
batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

_INT64_MAX = 2**63 - 1
STRIDE = 64  #: keys from one sampled key to the next: half a kilobyte, which lies in one page or two

#: Events in any order: nodes and times, integers [N], and payload columns [N].
SomeEvents = tuple[Tensor, Tensor, Mapping[str, Tensor]]


@dataclass(frozen=True)
class TimeSorted:
    """N events in order of (node, time, insertion)."""

    keys: Tensor  #: int64 [N], ascending: node · span + (time − origin)
    payload: dict[str, Tensor]  #: columns [N] in the same order
    origin: int  #: earliest time, ms
    span: int  #: latest time − origin + 1
    nodes: int  #: greatest node + 1
    starts: Tensor | None = None  #: int64 [nodes + 1], where each node's events begin; see `indexed`
    sample: Tensor | None = None  #: int64 [⌈N / STRIDE⌉], every so many keys: what a search reads first

    def __len__(self) -> int:
        return self.keys.shape[0]

    @classmethod
    def of(cls, nodes: Tensor, times: Tensor, payload: Mapping[str, Tensor]) -> TimeSorted:
        """Sort events that come in any order; equal (node, time) keep their order of insertion.

        Args:
            nodes: integers [N], ≥ 0.
            times: integers [N], ms.
            payload: columns [N].
        """
        check_events(nodes, payload)
        nodes, times = nodes.long(), times.long()
        origin, span, count = _packing(nodes, times)
        keys, order = torch.sort(nodes * span + (times - origin), stable=True)
        return cls(keys, {name: column[order] for name, column in payload.items()}, origin, span, count)

    def indexed(self) -> TimeSorted:
        """The same segment with `starts`, which save a look-up one search of two, and a `sample`.

        Costs O(nodes + N / STRIDE).
        """
        first = torch.arange(self.nodes + 1, device=self.keys.device) * self.span
        starts = torch.searchsorted(self.keys, first)
        return replace(self, starts=starts, sample=self.keys[::STRIDE].clone())

    def node(self) -> Tensor:
        """The node of every event, int64 [N]."""
        return torch.div(self.keys, self.span, rounding_mode="floor")

    def time(self, keys: Tensor | None = None) -> Tensor:
        """The times (ms) that stand in `keys` (any shape), or of all events."""
        keys = self.keys if keys is None else keys
        return torch.remainder(keys, self.span) + self.origin

    def first_at_or_after(self, nodes: Tensor, times: Tensor) -> Tensor:
        """Where the events of `nodes` with time ≥ `times` begin; both int64, same shape.

        The difference of two answers for one node is thus its number of events in `[t1, t2)`. A node that the
        segment does not know answers 0 for every time.
        """
        known = (nodes >= 0) & (nodes < self.nodes)
        key = nodes * self.span + (times - self.origin).clamp(0, self.span)
        return torch.searchsorted(self.keys, torch.where(known, key, 0))

    def _first_from(self, key: Tensor) -> Tensor:
        """Where the keys from `key` int64 [B] on begin.

        By way of the sample: a search among all keys reads a dozen places far apart in memory, or in a file.
        """
        if self.sample is None or len(self) < STRIDE:
            return torch.searchsorted(self.keys, key)
        block = torch.searchsorted(self.sample, key).sub_(1).clamp_min_(0)
        first = block.mul_(STRIDE).clamp_max_(len(self) - STRIDE)
        below = self.keys.unfold(0, STRIDE, 1).index_select(0, first) < key.unsqueeze(1)
        return first.add_(below.sum(1))

    def before(self, nodes: Tensor, times: Tensor) -> tuple[Tensor, Tensor]:
        """Where the events of `nodes` before `times` end, and how many there are; all int64 [B]."""
        if self.starts is None:
            both = torch.stack([nodes, nodes]), torch.stack([torch.full_like(times, self.origin), times])
            low, high = self.first_at_or_after(*both)
            return high, high - low
        # Unknown nodes stand behind the last one, where there are no events.
        slot = torch.where(nodes < 0, self.nodes, nodes).clamp_max(self.nodes)
        if times.numel() and int(times.min()) >= self.origin + self.span:
            # Later than everything here, as in every hour's own look-ups: no search at all.
            high = self.starts.index_select(0, (slot + 1).clamp_max(self.nodes))
        else:
            key = slot * self.span + (times - self.origin).clamp(0, self.span)
            high = self._first_from(key)
        return high, high - self.starts.index_select(0, slot)

    def window(self, column: Tensor, start: Tensor, k: int) -> Tensor:
        """`column[start : start + k]` for every start int64 [B] → [B, k]; what is past an end means nothing.

        Rows of an overlapping view are copied whole: several times faster than picking element by element.
        """
        last = len(column) - k
        if last < 0:
            column = torch.cat([column, column.new_zeros(-last)])
            last = 0
        inside = start.clamp(0, last)
        rows = column.unfold(0, k, 1).index_select(0, inside)
        if (moved := inside != start).any():
            at = start[moved].unsqueeze(1) + torch.arange(k, device=column.device)
            rows[moved] = column[at.clamp_(0, len(column) - 1)]
        return rows

    def merged(self, later: TimeSorted) -> TimeSorted:
        """Both segments as one, in linear time; at equal (node, time) the events of `later` come second."""
        if not len(later):
            return self
        if not len(self):
            return later
        origin = min(self.origin, later.origin)
        span = max(self.origin + self.span, later.origin + later.span) - origin
        count = max(self.nodes, later.nodes)
        refuse_overflow(count, span)
        early = self.node() * span + (self.time() - origin)
        late = later.node() * span + (later.time() - origin)
        device = early.device
        to_late = torch.searchsorted(early, late, right=True) + torch.arange(len(later), device=device)
        is_early = torch.ones(len(self) + len(later), dtype=torch.bool, device=device)
        is_early[to_late] = False

        def interleave(first: Tensor, second: Tensor) -> Tensor:
            out = first.new_empty(len(first) + len(second))
            out[is_early] = first
            out[to_late] = second
            return out

        columns = {name: interleave(column, later.payload[name]) for name, column in self.payload.items()}
        return TimeSorted(interleave(early, late), columns, origin, span, count)

    def to(self, device: torch.device | str) -> TimeSorted:
        """The same segment on another device."""
        return replace(
            self,
            keys=self.keys.to(device),
            payload={name: column.to(device) for name, column in self.payload.items()},
            starts=None if self.starts is None else self.starts.to(device),
            sample=None if self.sample is None else self.sample.to(device),
        )


def check_events(nodes: Tensor, payload: Mapping[str, Tensor]) -> None:
    """Raise where a payload column is not as long as the events, or a node is negative."""
    for name, column in payload.items():
        if column.shape != nodes.shape:
            raise ValueError(
                f"payload column '{name}' has shape {tuple(column.shape)}, events {tuple(nodes.shape)}"
            )
    if nodes.numel() and (low := int(nodes.min())) < 0:
        raise ValueError(f"node {low} is negative: leave events of unknown users or items out")


def _packing(nodes: Tensor, times: Tensor) -> tuple[int, int, int]:
    if not nodes.numel():
        return 0, 1, 0
    high = int(nodes.max())
    earliest, latest = (int(value) for value in torch.aminmax(times))
    span = latest - earliest + 1
    refuse_overflow(high + 1, span)
    return earliest, span, high + 1


def refuse_overflow(nodes: int, span: int) -> None:
    """Raise where (node, time) of so many nodes over so many milliseconds do not fit a key."""
    if (nodes + 1) * span > _INT64_MAX:
        raise ValueError(f"{nodes} nodes over {span} ms do not fit one 64-bit key: keep a shorter history")
