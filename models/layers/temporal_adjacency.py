"""Temporal neighbours without snapshots (paper 3.2, Eq. 1; the data structure is ours).

All events of one direction (user → items, say) lie in two segments sorted by (node, time): a base that never
changes, may be memory-mapped, and holds the history; and a small delta that takes what arrives. The
neighbours of any batch of (node, T) are one binary search a segment and a dense gather `[B, K]`, exact for
every T. A prefix sum beside the events turns the same search into point-in-time counts and sums over any
window.

Cost: look-up O(log E) a query; appending an hour O(hour · log hour + delta), whatever the base holds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from models.files import replace_folder
from models.layers.time_sorted import TimeSorted


class Neighbours(NamedTuple):
    """The K most recent events of each query, **most recent first**; padding stands last."""

    positions: Tensor  #: int64 [..., K] into the payload (see `TemporalAdjacency.gather`); 0 where padded
    mask: Tensor  #: bool [..., K], True where there is an event


class TemporalAdjacency:
    """Events of one direction, ordered by node, time and, at equal times, insertion.

    A position names an event until the next `append` or `compact`.
    """

    def __init__(self, base: TimeSorted, delta: TimeSorted | None = None) -> None:
        self.base = base
        self.delta = _empty_like(base) if delta is None else delta

    @classmethod
    def build(
        cls, nodes: Tensor, times: Tensor, payload: Mapping[str, Tensor], *, summed: Sequence[str] = ()
    ) -> TemporalAdjacency:
        """Sort the history once.

        Args:
            nodes: int64 [E], ≥ 0, whose neighbours will be asked for.
            times: int64 [E], ms: when an event became known.
            payload: columns [E] of any dtype, e.g. the counterpart, the edge type.
            summed: payload columns (numbers or bools, finite) that `window` can sum.
        """
        return cls(TimeSorted.of(nodes, times, payload, summed))

    def __len__(self) -> int:
        return len(self.base) + len(self.delta)

    @property
    def device(self) -> torch.device:
        """Where the events lie, and where queries must lie."""
        return self.base.keys.device

    def append(self, nodes: Tensor, times: Tensor, payload: Mapping[str, Tensor]) -> None:
        """Add events in any order and of any time, with the payload columns of `build`: O(new + delta)."""
        if payload.keys() != self.base.payload.keys():
            raise ValueError(f"payload columns {sorted(payload)}, but built with {sorted(self.base.payload)}")
        columns = {name: payload[name].to(column.dtype) for name, column in self.base.payload.items()}
        self.delta = self.delta.merged(TimeSorted.of(nodes, times, columns, tuple(self.base.prefix)))

    def compact(self) -> None:
        """Merge the delta into the base (in memory, O(E)); answers stay the same, positions do not."""
        self.base, self.delta = self.base.merged(self.delta), _empty_like(self.base)

    def neighbours(self, nodes: Tensor, times: Tensor, k: int) -> Neighbours:
        """The k most recent events with time strictly before `times`; int64 tensors of one shape `[...]`.

        At equal times the event inserted later counts as the more recent. Unknown nodes (−1 too) have none.
        """
        nodes, times = torch.broadcast_tensors(nodes, times)
        steps = torch.arange(k, device=self.device)
        old, n_old = _latest(self.base, nodes, times, steps)
        if not len(self.delta):
            mask = steps < n_old.unsqueeze(-1)
            return Neighbours(old.mul_(mask), mask)
        new, n_new = _latest(self.delta, nodes, times, steps)
        mask = steps < (n_old + n_new).unsqueeze(-1)
        in_delta = new + len(self.base)
        if self.delta.origin >= self.base.origin + self.base.span - 1 or not len(self.base):
            # Nothing in the delta is older than anything in the base: its events simply come first.
            shifted = old + n_new.unsqueeze(-1)
            return Neighbours(torch.where(steps < n_new.unsqueeze(-1), in_delta, shifted).mul_(mask), mask)
        both = torch.cat([in_delta.clamp_min(0), old.clamp_min(0)], dim=-1)
        real = torch.cat([steps < n_new.unsqueeze(-1), steps < n_old.unsqueeze(-1)], dim=-1)
        # Stable, and the delta stands first: at equal times it counts as the more recent.
        order = torch.where(real, self.times(both), torch.iinfo(torch.int64).min)
        order = torch.sort(order, dim=-1, descending=True, stable=True).indices[..., :k]
        return Neighbours(both.gather(-1, order).mul_(mask), mask)

    def gather(self, name: str, positions: Tensor) -> Tensor:
        """Payload column `name` at `positions` (any shape). What stands at padded places means nothing."""
        return self._take(self.base.payload[name], self.delta.payload[name], positions)

    def times(self, positions: Tensor) -> Tensor:
        """The times (int64, ms) of the events at `positions` (any shape)."""
        if not len(self):
            return torch.zeros_like(positions)
        if not len(self.delta):
            return self.base.time(positions)
        in_delta = positions >= len(self.base)
        inside = (positions - len(self.base)).clamp_min(0)
        if not len(self.base):
            return self.delta.time(inside)
        return torch.where(
            in_delta, self.delta.time(inside), self.base.time(positions.masked_fill(in_delta, 0))
        )

    def counts(self, nodes: Tensor, times: Tensor) -> Tensor:
        """How many events each node had strictly before `times`; int64, shape of the inputs."""
        return self.window(nodes, None, times)[0]

    def window(
        self, nodes: Tensor, since: Tensor | None, until: Tensor, columns: Sequence[str] = ()
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Counts and sums over `[since, until)`, exact for integers (floats: differences of float64 sums).

        Args:
            nodes: int64 [...].
            since: int64 [...] ms, or None for everything before `until`.
            until: int64 [...] ms.
            columns: which of the `summed` columns to sum.

        Returns:
            counts int64 [...], and for each column its sums (int64 or float64) [...].
        """
        count = torch.zeros(nodes.shape, dtype=torch.int64, device=nodes.device)
        sums = {
            name: torch.zeros(nodes.shape, dtype=self.base.prefix[name].dtype, device=nodes.device)
            for name in columns
        }
        for segment in (self.base, self.delta):
            if not len(segment):
                continue
            start = segment.origin if since is None else since
            low = segment.first_at_or_after(nodes, torch.as_tensor(start, device=nodes.device))
            high = torch.maximum(segment.first_at_or_after(nodes, until), low)
            count += high - low
            for name in columns:
                prefix = segment.prefix[name]
                sums[name] += prefix[high] - prefix[low]
        return count, sums

    def to(self, device: torch.device | str) -> TemporalAdjacency:
        """The same events on another device."""
        return TemporalAdjacency(self.base.to(device), self.delta.to(device))

    def save(self, folder: Path) -> None:
        """Write base and delta as plain `.npy` files below `folder`, replacing it at once or not at all."""
        with replace_folder(folder) as fresh:
            _write(self.base, fresh / "base")
            _write(self.delta, fresh / "delta")

    @classmethod
    def load(cls, folder: Path, *, mmap: bool = True) -> TemporalAdjacency:
        """Read what `save` wrote; the base is memory-mapped (copy on write) unless `mmap` is false."""
        return cls(_read(folder / "base", mmap), _read(folder / "delta", mmap=False))

    def _take(self, base: Tensor, delta: Tensor, positions: Tensor) -> Tensor:
        if not len(self):
            return torch.zeros(positions.shape, dtype=base.dtype, device=base.device)
        if not len(delta):
            return base[positions]
        in_delta = positions >= len(base)
        inside = (positions - len(base)).clamp_min(0)
        if not len(base):
            return delta[inside]
        return torch.where(in_delta, delta[inside], base[positions.masked_fill(in_delta, 0)])


def _latest(segment: TimeSorted, nodes: Tensor, times: Tensor, steps: Tensor) -> tuple[Tensor, Tensor]:
    """Positions [..., K] counting down from the last event before `times` (even past the first); counts."""
    if not len(segment):
        zero = torch.zeros_like(nodes)
        return zero.unsqueeze(-1) - steps, zero
    start = torch.full_like(times, segment.origin)
    low, high = segment.first_at_or_after(torch.stack([nodes, nodes]), torch.stack([start, times]))
    return (high - 1).unsqueeze(-1) - steps, high - low


def _empty_like(segment: TimeSorted) -> TimeSorted:
    none = segment.keys.new_empty(0)
    return TimeSorted.of(
        none, none, {n: c.new_empty(0) for n, c in segment.payload.items()}, tuple(segment.prefix)
    )


def _write(segment: TimeSorted, folder: Path) -> None:
    folder.mkdir(parents=True)
    columns = {"keys": segment.keys}
    columns |= {f"payload.{name}": column for name, column in segment.payload.items()}
    columns |= {f"prefix.{name}": column for name, column in segment.prefix.items()}
    for name, column in columns.items():
        np.save(folder / f"{name}.npy", column.cpu().numpy())
    scalars = {
        "origin": segment.origin,
        "span": segment.span,
        "nodes": segment.nodes,
        "columns": list(columns),
    }
    (folder / "segment.json").write_text(json.dumps(scalars))


def _read(folder: Path, mmap: bool) -> TimeSorted:
    scalars = json.loads((folder / "segment.json").read_text())
    columns: dict[str, dict[str, Tensor]] = {"payload": {}, "prefix": {}}
    keys = torch.empty(0, dtype=torch.int64)
    for name in scalars["columns"]:
        # Copy-on-write: torch wants a writable array, and the file must never change.
        array = np.load(folder / f"{name}.npy", mmap_mode="c" if mmap else None)
        kind, _, column = name.partition(".")
        if kind == "keys":
            keys = torch.from_numpy(array)
        else:
            columns[kind][column] = torch.from_numpy(array)
    return TimeSorted(keys, **columns, origin=scalars["origin"], span=scalars["span"], nodes=scalars["nodes"])
