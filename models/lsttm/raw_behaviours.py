"""A user's internal and external clicks as raw features: means of embeddings, without a graph.

What is left of LSTTM's two user representations when GAT and L_N are taken away (paper, Table 4): the K
latest clicks of either kind, each item described as the target item is (ID embedding + projection of its
fields), averaged.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from models.data.event_log import EventLog
from models.data.features import Layout
from models.data.neighbours import GraphSample, RowView
from models.data.sampling import Adjacencies, load_adjacencies, unique_nodes, unique_pairs
from models.layers.embedding import gather
from models.layers.gat import take_nodes
from models.layers.mlp import Dense
from models.layers.temporal_adjacency import TemporalAdjacency

INTERNAL, EXTERNAL = "clicks_of_users", "external_of_users"


@dataclass(frozen=True)
class RawBatch:
    """Latest clicks of T tasks' P distinct (user, period) pairs, over I distinct items."""

    items: Tensor  #: int64 [T, I, 1 + F] positions of ID and field rows
    instance_pair: Tensor  #: int64 [T, B] → P
    clicked: Tensor  #: int64 [T, P, 2, K] → I; internal, then external
    mask: Tensor  #: bool [T, P, 2, K]

    def to(self, device: torch.device | str) -> RawBatch:
        """The same tensors on another device."""
        return replace(self, **{name: tensor.to(device) for name, tensor in vars(self).items()})


class RawIndex(Adjacencies):
    """Clicks of users by time of receipt; a `models.data.neighbours.NeighbourIndex`."""

    def __init__(self, neighbours: int, view: RowView, adjacencies: dict[str, TemporalAdjacency]) -> None:
        """Args: neighbours K; view tells table rows; adjacencies by the names above."""
        self.neighbours, self.view, self.adjacencies = neighbours, view, adjacencies

    @classmethod
    def of(cls, neighbours: int, view: RowView, log: EventLog) -> RawIndex:
        """Start from everything that was received before `log.end_ms`."""
        parts = _clicks(log)
        return cls(
            neighbours,
            view,
            {name: TemporalAdjacency.build(u, t, {"item": i}) for name, (u, i, t) in parts.items()},
        )

    @classmethod
    def load(cls, neighbours: int, view: RowView, folder: Path) -> RawIndex:
        """What `save` wrote, memory-mapped."""
        return cls(neighbours, view, load_adjacencies(folder))

    def append(self, hour: EventLog) -> None:
        """Take in what an hour received."""
        for name, (user, item, time) in _clicks(hour).items():
            self.adjacencies[name].append(user, time, {"item": item})

    def sample(self, users: np.ndarray, items: np.ndarray, cutoff_ms: np.ndarray) -> GraphSample:
        """Clicks of instances [T, B]; row_ids are items [T, I, 1 + F]."""
        user, item, time = map(torch.from_numpy, (users, items, cutoff_ms))
        pair_user, pair_time, instances = unique_pairs(user, time, None, (user[:, 0], time[:, 0]))
        clicked, masks = [], []
        for name in (INTERNAL, EXTERNAL):
            found = self.adjacencies[name].neighbours(pair_user, pair_time, self.neighbours)
            clicked.append(self.adjacencies[name].gather("item", found))
            masks.append(found.mask)
        mask = torch.stack(masks, dim=2)
        nodes = unique_nodes(torch.stack(clicked, dim=2), mask, item[:, 0])
        number = nodes.values.numpy()
        rows = np.concatenate(
            [self.view.item_rows(number)[..., None], self.view.item_field_rows(number)], axis=-1
        )

        def build(positions: list[Tensor]) -> RawBatch:
            return RawBatch(positions[0], instances.positions, nodes.positions, mask)

        return GraphSample([torch.from_numpy(rows)], build)


class RawBehaviours(nn.Module):
    """u^s and u^l as means of item embeddings: internal clicks make one, external clicks the other."""

    def __init__(self, layout: Layout, width: int, generator: torch.Generator) -> None:
        """Args: width of every embedding."""
        super().__init__()
        fields = len(layout.columns("item_field")) * width
        self.projections = nn.ModuleList(Dense(fields, width, generator) for _ in range(2 if fields else 0))

    def forward(self, rows: Tensor, batch: RawBatch) -> tuple[Tensor, Tensor]:
        """Of every instance.

        Args:
            rows: float [R, D + 1], the touched embedding rows.
            batch: index tensors into them.

        Returns:
            float [T, B, 2, D], internal and external, zero without clicks; and bool [T, B, 2], whether there
            are any.
        """
        identity, fields = gather(rows[:, :-1], batch.items).split([1, batch.items.shape[-1] - 1], dim=-2)
        sides = []
        for side in range(2):
            nodes = identity.squeeze(-2)
            if len(self.projections):
                nodes = nodes + self.projections[side](fields.flatten(-2))
            mask = batch.mask[:, :, side]
            met = take_nodes(nodes, batch.clicked[:, :, side]) * mask.unsqueeze(-1)
            sides.append(met.sum(-2) / mask.sum(-1, keepdim=True).clamp(min=1))
        of_pairs, known = torch.stack(sides, dim=2), batch.mask.any(-1)
        at = batch.instance_pair.unsqueeze(-1).expand(-1, -1, 2)
        vectors = take_nodes(of_pairs.flatten(2), batch.instance_pair)
        return vectors.view(*batch.instance_pair.shape, 2, -1), known.gather(1, at)


def _clicks(log: EventLog) -> dict[str, tuple[Tensor, Tensor, Tensor]]:
    """User, item and time of receipt of every click, by kind."""
    e, x = log.exposures, log.external
    clicked = np.asarray(e.clicked, bool)
    # Of external clicks received at one instant, the one that happened last counts as the latest.
    order = np.lexsort((x.occurred_at, x.received_at))

    def of(*columns: np.ndarray) -> tuple[Tensor, Tensor, Tensor]:
        user, item, time = (torch.from_numpy(np.ascontiguousarray(column)) for column in columns)
        return user, item, time

    return {
        INTERNAL: of(e.user[clicked], e.item[clicked], e.shown_at[clicked]),
        EXTERNAL: of(x.user[order], x.item[order], x.received_at[order]),
    }
