"""Temporal neighbours without snapshots (paper 3.2, Eq. 1; the data structure is ours).

All events of one direction (user → items, say) lie in two segments sorted by (node, time): a base that never
changes, may be memory-mapped, and holds the history; and a small delta that takes what arrives. The
neighbours of any batch of (node, T) are one binary search a segment and a dense gather `[B, K]`, exact for
every T.

Cost: look-up O(log E) a query; appending an hour O(hour · log hour + delta), whatever the base holds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from models.files import replace_folder
from models.layers.time_sorted import SomeEvents, TimeSorted, check_events


@dataclass(frozen=True)
class Neighbours:
    """The K most recent events of each query, **most recent last**; padding stands in front.

    Events of one node lie side by side, so a query is answered by where its window of K events begins in each
    segment; `TemporalAdjacency.gather` fetches columns. Valid until the next `append`.
    """

    mask: Tensor  #: bool [..., K], True where there is an event
    nodes: Tensor  #: int64 [B], the queries flattened
    base: Tensor  #: int64 [B], where the base's window begins
    delta: Tensor | None = None  #: int64 [B], where the delta's begins; None: no neighbour lies in the delta
    from_delta: Tensor | None = None  #: bool [B, K], which slots the delta's window fills
    order: Tensor | None = None  #: int64 [B, K], where times interleave: slots in both windows side by side

    @property
    def k(self) -> int:
        """K."""
        return self.mask.shape[-1]


class TemporalAdjacency:
    """Events of one direction, ordered by node, time and, at equal times, insertion."""

    def __init__(self, base: TimeSorted, delta: TimeSorted | None = None) -> None:
        self.base = base
        self._delta = _empty_like(base) if delta is None else delta
        self._arrived: list[SomeEvents] = []  # not in the delta yet

    @classmethod
    def build(cls, nodes: Tensor, times: Tensor, payload: Mapping[str, Tensor]) -> TemporalAdjacency:
        """Sort the history once.

        Args:
            nodes: integers [E], ≥ 0, whose neighbours will be asked for.
            times: integers [E], ms: when an event became known.
            payload: columns [E] of any dtype, e.g. the counterpart, the edge type.
        """
        return cls(TimeSorted.of(nodes, times, payload).indexed())

    def __len__(self) -> int:
        return len(self.base) + len(self.delta)

    @property
    def device(self) -> torch.device:
        """Where the events lie, and where queries must lie."""
        return self.base.keys.device

    def append(self, nodes: Tensor, times: Tensor, payload: Mapping[str, Tensor]) -> None:
        """Add events in any order and of any time, with the payload columns of `build`.

        The next question costs O(new · log new + delta) for it.
        """
        if payload.keys() != self.base.payload.keys():
            raise ValueError(f"payload columns {sorted(payload)}, but built with {sorted(self.base.payload)}")
        columns = {name: payload[name].to(column.dtype) for name, column in self.base.payload.items()}
        check_events(nodes, columns)
        self._arrived.append((nodes, times, columns))

    @property
    def delta(self) -> TimeSorted:
        """What was appended, in order. Hours that are appended without a question between are sorted once."""
        if self._arrived:
            nodes, times = (torch.cat(parts) for parts in zip(*(p[:2] for p in self._arrived), strict=True))
            names = self.base.payload
            columns = {name: torch.cat([part[2][name] for part in self._arrived]) for name in names}
            self._delta = self._delta.merged(TimeSorted.of(nodes, times, columns))
            self._arrived = []
        return self._delta

    def neighbours(self, nodes: Tensor, times: Tensor, k: int) -> Neighbours:
        """The k most recent events with time strictly before `times`; int64 tensors of one shape `[...]`.

        At equal times the event inserted later counts as the more recent. Unknown nodes (−1 too) have none.
        """
        shape, nodes, times = nodes.shape, nodes.reshape(-1), times.reshape(-1)
        end, count = self.base.before(nodes, times)
        if len(self.delta):
            new_end, new_count = self.delta.before(nodes, times)
            if new_count.any():
                return self._merged(shape, nodes, (end, count), (new_end, new_count), k)
        return Neighbours(_last_slots(count, k).view(*shape, k), nodes, end - k)

    def _merged(
        self,
        shape: torch.Size,
        nodes: Tensor,
        base: tuple[Tensor, Tensor],
        delta: tuple[Tensor, Tensor],
        k: int,
    ) -> Neighbours:
        (end, count), (new_end, new_count) = base, delta
        # A query without new events gets any window that lies inside: past the ends, rows cost extra.
        new_start = torch.where(new_count > 0, new_end - k, 0)
        mask = _last_slots(count + new_count, k).view(*shape, k)
        if not len(self.base) or self.delta.origin >= self.base.origin + self.base.span - 1:
            # Nothing in the delta is older than anything in the base: its events simply come last.
            from_delta = _last_slots(new_count, k)
            return Neighbours(mask, nodes, end - k + new_count.clamp_max(k), new_start, from_delta)
        real = torch.cat([_last_slots(n, k) for n in (count, new_count)], dim=1)
        windows = Neighbours(mask, nodes, end - k, new_start)
        both = self._both(self.base.keys, self.delta.keys, windows)
        times = torch.cat(
            [part.time(keys) for part, keys in zip((self.base, self.delta), both, strict=True)], dim=1
        )
        # Stable, and the delta stands second: at equal times it counts as the more recent.
        order = (
            times.masked_fill_(~real, torch.iinfo(torch.int64).min).sort(dim=1, stable=True).indices[:, k:]
        )
        return replace(windows, order=order)

    def gather(self, name: str, neighbours: Neighbours) -> Tensor:
        """Payload column `name` of neighbours, [..., K]. What stands in padded slots means nothing."""
        base, delta = self._both(self.base.payload[name], self.delta.payload[name], neighbours)
        return _choose(base, delta, neighbours)

    def times(self, neighbours: Neighbours) -> Tensor:
        """The times (ms) of neighbours, int64 [..., K]. What stands in padded slots means nothing."""
        base, delta = self._both(self.base.keys, self.delta.keys, neighbours)
        # The node is known, so that its share of the key need not be divided away.
        base = base - (neighbours.nodes * self.base.span - self.base.origin).unsqueeze(1)
        if delta is not None:
            delta = delta - (neighbours.nodes * self.delta.span - self.delta.origin).unsqueeze(1)
        return _choose(base, delta, neighbours)

    def _both(self, base: Tensor, delta: Tensor, neighbours: Neighbours) -> tuple[Tensor, Tensor | None]:
        rows = self.base.window(base, neighbours.base, neighbours.k)
        return rows, None if neighbours.delta is None else self.delta.window(
            delta, neighbours.delta, neighbours.k
        )

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


def _last_slots(count: Tensor, k: int) -> Tensor:
    """Which of k slots the last `count` int64 [B] fill: bool [B, k]."""
    free = (k - count.clamp_max(k)).int()
    return torch.arange(k, dtype=torch.int32, device=count.device) >= free.unsqueeze(1)


def _choose(base: Tensor, delta: Tensor | None, neighbours: Neighbours) -> Tensor:
    """What of both segments' windows [B, K] are the neighbours."""
    if delta is not None and neighbours.order is not None:
        base = torch.cat([base, delta], dim=1).gather(1, neighbours.order)
    elif delta is not None and neighbours.from_delta is not None:
        base = torch.where(neighbours.from_delta, delta, base)
    return base.view(neighbours.mask.shape)


def _empty_like(segment: TimeSorted) -> TimeSorted:
    none = segment.keys.new_empty(0)
    return TimeSorted.of(none, none, {n: c.new_empty(0) for n, c in segment.payload.items()})


def _write(segment: TimeSorted, folder: Path) -> None:
    folder.mkdir(parents=True)
    columns = {"keys": segment.keys}
    columns |= {f"payload.{name}": column for name, column in segment.payload.items()}
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
    arrays: dict[str, Tensor] = {}
    for name in scalars["columns"]:
        # Copy-on-write: torch wants a writable array, and the file must never change.
        arrays[name] = torch.from_numpy(np.load(folder / f"{name}.npy", mmap_mode="c" if mmap else None))
    return TimeSorted(
        keys=arrays["keys"],
        payload={
            name.removeprefix("payload."): a for name, a in arrays.items() if name.startswith("payload.")
        },
        origin=scalars["origin"],
        span=scalars["span"],
        nodes=scalars["nodes"],
        starts=arrays.get("starts"),
    )
