"""What the graph samplers share: adjacencies on disk, and nodes numbered so that each is computed once."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import NamedTuple, Self

import torch
from torch import Tensor

from models.layers.temporal_adjacency import TemporalAdjacency
from models.ranking.features.batch import unique_keys
from models.ranking.features.neighbours import RowView


class Adjacencies:
    """The events behind a `models.ranking.features.neighbours.NeighbourIndex`, by name of direction."""

    adjacencies: dict[str, TemporalAdjacency]
    view: RowView

    def through(self, view: RowView) -> Self:
        """The same events, which are shared, with rows found by another view."""
        other = copy.copy(self)
        other.view = view
        return other

    def save(self, folder: Path) -> None:
        """Write everything into `folder` as plain arrays that `load_adjacencies` can map into memory."""
        for name, adjacency in self.adjacencies.items():
            adjacency.save(folder / name)


def load_adjacencies(folder: Path) -> dict[str, TemporalAdjacency]:
    """What `Adjacencies.save` wrote, memory-mapped."""
    return {part.name: TemporalAdjacency.load(part) for part in sorted(folder.iterdir())}


class Distinct(NamedTuple):
    """The distinct ids of each task, padded to one length."""

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
    if tasks == 1:
        return _of_one_task(ids, mask, fill, stride)
    task = torch.arange(tasks, device=ids.device)
    keys = ids + (task * stride).view(-1, *[1] * (ids.dim() - 1))
    used = keys.reshape(-1) if mask is None else keys[mask]
    distinct, inverse = unique_keys(used, tasks * stride)
    starts = torch.searchsorted(distinct, torch.arange(tasks + 1, device=ids.device) * stride)
    counts = starts[1:] - starts[:-1]
    slots = torch.arange(max(int(counts.max()), 1), device=ids.device)
    real = slots < counts.unsqueeze(1)
    values = fill.unsqueeze(1).expand(-1, len(slots)).masked_scatter(real, distinct % stride)
    inverse = inverse - starts[torch.div(used, stride, rounding_mode="floor")]
    if mask is None:
        return Distinct(values, inverse.reshape(ids.shape), real)
    return Distinct(values, torch.zeros_like(ids).masked_scatter(mask, inverse), real)


def _of_one_task(ids: Tensor, mask: Tensor | None, fill: Tensor, stride: int) -> Distinct:
    """`unique_nodes` of one task, which needs no padding."""
    distinct, inverse = unique_keys(ids.reshape(-1) if mask is None else ids[mask], stride)
    values = (distinct if len(distinct) else fill).unsqueeze(0)
    real = torch.full(values.shape, len(distinct) > 0, device=ids.device)
    if mask is None:
        return Distinct(values, inverse.view(ids.shape), real)
    return Distinct(values, torch.zeros_like(ids).masked_scatter_(mask, inverse), real)


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
    distinct = unique_nodes(when * base + nodes, mask, padding)
    period = torch.div(distinct.values, base, rounding_mode="floor")
    return distinct.values - period * base, instants[period], distinct
