"""How a graph sampler and the rest of a ranker meet, and the numbering of nodes that they share.

A sampler turns instances `(user, item, period start)` into neighbourhoods in three steps:

    ids, build = sampler.row_ids(users, items, times)      # fused-table rows that the neighbourhoods read
    unique, task, positions = localise_tasks([fields, *ids])   # numbered together with the instances' own
    fields graph = build(positions[1:])                           # index tensors only; goes into
    `Batch.graph`

so that a node's embedding rows are gathered once a task, wherever they occur.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from models.data.event_log import EventLog
from models.files import replace_folder
from models.layers.temporal_adjacency import TemporalAdjacency

Builder = Callable[[list[Tensor]], Any]


class NodeRows(Protocol):
    """Fused-table rows of users and items by entity index; unknown entities and values give out-of-vocabulary
    rows.
    """

    def user_ids(self, users: Tensor) -> Tensor:
        """Rows of the users' ID embeddings: int64 [...] → int64 [...]."""

    def item_ids(self, items: Tensor) -> Tensor:
        """Rows of the items' ID embeddings: int64 [...] → int64 [...]."""

    def user_fields(self, users: Tensor) -> Tensor:
        """Rows of the users' field embeddings: int64 [...] → int64 [..., F_user]."""

    def item_fields(self, items: Tensor) -> Tensor:
        """Rows of the items' field embeddings: int64 [...] → int64 [..., F_item]."""


class GraphSampler(Protocol):
    """What every system with a graph offers the ranker."""

    def row_ids(self, users: Tensor, items: Tensor, times: Tensor) -> tuple[list[Tensor], Builder]:
        """Neighbourhoods of instances; users, items, times int64 [T, B], times being the period starts in ms.

        Returns:
            fused-table rows, each int64 [T, ...]; and the function that, given positions of the same shapes,
            makes the system's graph batch.
        """

    def append(self, hour: EventLog) -> None:
        """Take in what an hour received; costs in proportion to the hour."""

    def save(self, folder: Path) -> None:
        """Write everything."""

    def save_hour(self, folder: Path) -> None:
        """Write only what was appended since construction or loading."""

    def restore(self, folder: Path, hour: Path | None = None) -> None:
        """Take over the events of a folder of `save`, and those appended from a folder of `save_hour`."""


class Adjacencies:
    """The part of a `GraphSampler` that keeps its adjacencies on disk."""

    adjacencies: dict[str, TemporalAdjacency]  #: by name

    def save(self, folder: Path) -> None:
        """Write everything."""
        with replace_folder(folder) as fresh:
            for name, adjacency in self.adjacencies.items():
                adjacency.save(fresh / name)

    def save_hour(self, folder: Path) -> None:
        """Write only what was appended since construction or loading."""
        with replace_folder(folder) as fresh:
            for name, adjacency in self.adjacencies.items():
                adjacency.save_delta(fresh / name)

    def restore(self, folder: Path, hour: Path | None = None) -> None:
        """Take over the events of a folder of `save` (memory-mapped), and those appended from one of
        `save_hour`.
        """
        for name in self.adjacencies:
            delta = None if hour is None else hour / name
            self.adjacencies[name] = TemporalAdjacency.load(folder / name, delta_from=delta)


class Distinct(NamedTuple):
    """What remains of ids after every task keeps each of its own once."""

    values: Tensor  #: int64 [T, M], ascending before the padding; M ≥ 1
    positions: Tensor  #: int64, shape of the ids: where each stands among the values of its task
    real: Tensor  #: bool [T, M], False for padding


def unique_nodes(ids: Tensor, mask: Tensor | None, fill: Tensor) -> Distinct:
    """The distinct ids of each task.

    Args:
        ids: int64 [T, ...] ≥ 0.
        mask: bool, shape of `ids`, or None; ids outside it are not counted, and get position 0.
        fill: int64 [T], what pads the tasks that have fewer distinct ids than others.
    """
    tasks = ids.shape[0]
    stride = int(ids.max()) + 1 if ids.numel() else 1
    task = torch.arange(tasks, device=ids.device)
    keys = ids + (task * stride).view(-1, *[1] * (ids.dim() - 1))
    wanted = keys.reshape(-1) if mask is None else keys[mask]
    if tasks * stride <= 8 * wanted.numel():
        # Marking a dense table is linear, several times faster than the sort behind torch.unique.
        seen = torch.zeros(tasks * stride, dtype=torch.bool, device=ids.device)
        seen[wanted] = True
        distinct, inverse = seen.nonzero().squeeze(1), (torch.cumsum(seen, 0) - 1)[wanted]
    else:
        distinct, inverse = torch.unique(wanted, return_inverse=True)
    starts = torch.searchsorted(distinct, torch.arange(tasks + 1, device=ids.device) * stride)
    counts = starts[1:] - starts[:-1]
    slots = torch.arange(max(int(counts.max()), 1), device=ids.device)
    real = slots < counts.unsqueeze(1)
    values = fill.unsqueeze(1).expand(-1, len(slots)).masked_scatter(real, distinct % stride)
    inverse = inverse - starts[torch.div(wanted, stride, rounding_mode="floor")]
    if mask is None:
        return Distinct(values, inverse.reshape(ids.shape), real)
    return Distinct(values, torch.zeros_like(ids).masked_scatter(mask, inverse), real)


def unique_pairs(
    nodes: Tensor, times: Tensor, mask: Tensor | None, fill: tuple[Tensor, Tensor]
) -> tuple[Tensor, Tensor, Distinct]:
    """The distinct (node, time) pairs of each task: what has the same neighbours is looked up once.

    Args:
        nodes: int64 [T, ...] ≥ 0.
        times: int64, broadcastable to the shape of `nodes`.
        mask: bool, shape of `nodes`, or None, as in `unique_nodes`.
        fill: node and time int64 [T] each; the time must occur in `times`.

    Returns:
        nodes int64 [T, P], times int64 [T, P], and the rest of `unique_nodes`.
    """
    instants, when = torch.unique(times, return_inverse=True)
    base = int(torch.maximum(nodes.max(), fill[0].max())) + 1 if nodes.numel() else int(fill[0].max()) + 1
    padding = torch.searchsorted(instants, fill[1].contiguous()) * base + fill[0]
    found = unique_nodes(when * base + nodes, mask, padding)
    period = torch.div(found.values, base, rounding_mode="floor")
    return found.values - period * base, instants[period], found
