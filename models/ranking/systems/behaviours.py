"""What a user did lately, as baselines see it: the K latest internal clicks, the K latest external ones.

Point in time: a list holds what was received before the start of the instance's hour. All instances of a
user in one hour share one look-up, and their lists are averaged once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from models.layers.attention import take_nodes
from models.layers.bags import Edges, bag_sum
from models.layers.embedding import gather
from models.layers.temporal_adjacency import TemporalAdjacency
from models.ranking.features.day_graphs import Directions, adjacencies_of, index_column, time_column
from models.ranking.features.event_log import EventDays, EventLog
from models.ranking.features.neighbours import GraphSample, RowView
from models.ranking.features.sampling import Adjacencies, load_adjacencies, unique_nodes, unique_pairs
from models.settings import Settings

INTERNAL, EXTERNAL = "clicks_of_users", "external_of_users"


class BehaviourSettings(Settings):
    """Whose latest clicks a system sees; 0 leaves a list out."""

    internal: int = Field(default=30, ge=0)  #: K of the latest clicks in the target recommendation
    external: int = Field(default=0, ge=0)  #: K of the latest clicks received from other applications

    @property
    def lists(self) -> dict[str, int]:
        """K of every list that is not left out."""
        return {name: k for name, k in ((INTERNAL, self.internal), (EXTERNAL, self.external)) if k}


@dataclass(frozen=True)
class Behaviours:
    """One list of T tasks' P distinct (user, hour) pairs."""

    items: Tensor  #: int64 [T, P, K] → M
    mask: Tensor  #: bool [T, P, K]
    edges: Edges  #: the same items, to be summed

    def to(self, device: torch.device | str) -> Behaviours:
        """The same tensors on another device."""
        return Behaviours(self.items.to(device), self.mask.to(device), self.edges.to(device))

    def mean(self, items: Tensor) -> Tensor:
        """Mean of the listed items' vectors, float [T, M, D] → [T, P, D]; zero for an empty list."""
        share = 1.0 / self.mask.sum(-1, keepdim=True).clamp_min(1).to(items)
        return bag_sum(items.flatten(0, 1), self.edges.bags).view(*self.mask.shape[:2], -1) * share

    def of_instances(self, pair: Tensor) -> tuple[Tensor, Tensor]:
        """Items and mask [T, B, K] of instances whose pairs are `pair` int64 [T, B]."""
        at = pair.unsqueeze(-1).expand(-1, -1, self.mask.shape[-1])
        return self.items.gather(1, at), self.mask.gather(1, at)


@dataclass(frozen=True)
class BehaviourBatch:
    """Index tensors of T tasks' lists over M distinct items."""

    items: Tensor  #: int64 [T, M, 1 or 1 + F] positions of the items' ID rows (and of their fields')
    pair: Tensor  #: int64 [T, B] → P
    lists: tuple[Behaviours, ...]  #: in the order of `BehaviourSettings.lists`

    def to(self, device: torch.device | str) -> BehaviourBatch:
        """The same tensors on another device."""
        lists = tuple(part.to(device) for part in self.lists)
        return replace(self, items=self.items.to(device), pair=self.pair.to(device), lists=lists)

    def means(self, rows: Tensor) -> Tensor:
        """The mean item embedding of each list, float [T, B, lists, D], for touched rows [R, D + 1]."""
        items = gather(rows, self.items[..., 0])[..., :-1]
        means = torch.stack([part.mean(items) for part in self.lists], dim=-2)
        return take_nodes(means.flatten(2), self.pair).unflatten(-1, means.shape[2:])


class BehaviourIndex(Adjacencies):
    """Clicks by user; a `models.ranking.features.neighbours.NeighbourIndex`."""

    def __init__(
        self,
        settings: BehaviourSettings,
        view: RowView,
        adjacencies: dict[str, TemporalAdjacency],
        *,
        fields: bool = False,
    ) -> None:
        """Args: view gives table rows; adjacencies by list; fields: rows of items' fields beside IDs."""
        self.settings, self.view, self.adjacencies, self.fields = settings, view, adjacencies, fields

    @classmethod
    def of(
        cls, settings: BehaviourSettings, view: RowView, events: EventDays, *, fields: bool = False
    ) -> BehaviourIndex:
        """Start from all clicks that the days received."""
        adjacencies = adjacencies_of(events, lambda log: latest_clicks(log, settings))
        return cls(settings, view, adjacencies, fields=fields)

    @classmethod
    def load(
        cls, settings: BehaviourSettings, view: RowView, folder: Path, *, fields: bool = False
    ) -> BehaviourIndex:
        """What `save` wrote, memory-mapped."""
        return cls(settings, view, load_adjacencies(folder), fields=fields)

    def append(self, hour: EventLog) -> None:
        """Take in the clicks that an hour received."""
        for name, part in latest_clicks(hour, self.settings).items():
            self.adjacencies[name].append(*part)

    def sample(self, users: np.ndarray, items: np.ndarray, cutoff_ms: np.ndarray) -> GraphSample:
        """Lists of the users of instances [T, B]; row_ids are those of items [T, M, 1 or 1 + F]."""
        user, item, time = map(torch.from_numpy, (users, items, cutoff_ms))
        pair_user, pair_time, instances = unique_pairs(user, time, None, (user[:, 0], time[:, 0]))
        widths = list(self.settings.lists.values())
        clicked, masks = [], []
        for name, k in self.settings.lists.items():
            latest = self.adjacencies[name].neighbours(pair_user, pair_time, k)
            clicked.append(self.adjacencies[name].gather("item", latest).long())
            masks.append(latest.mask)
        distinct = unique_nodes(torch.cat(clicked, dim=-1), torch.cat(masks, dim=-1), item[:, 0])
        lists = tuple(
            Behaviours(items, mask, Edges.of(items, mask, distinct.values.shape[1]))
            for items, mask in zip(distinct.positions.split(widths, dim=-1), masks, strict=True)
        )

        def build(positions: list[Tensor]) -> BehaviourBatch:
            return BehaviourBatch(positions[0], instances.positions, lists)

        nodes = distinct.values.numpy()
        rows = self.view.item_rows(nodes)[..., None]
        if self.fields:
            rows = np.concatenate([rows, self.view.item_field_rows(nodes)], axis=-1)
        return GraphSample([torch.from_numpy(rows)], build)


def latest_clicks(log: EventLog, settings: BehaviourSettings) -> Directions:
    """User, time of receipt and item of every click, by list."""
    e, x = log.exposures, log.external
    clicked = np.asarray(e.clicked, bool)
    # Of external clicks received at one instant, the one that happened last counts as the latest.
    order = np.lexsort((x.occurred_at, x.received_at))
    parts = {
        INTERNAL: (e.user[clicked], e.shown_at[clicked], e.item[clicked]),
        EXTERNAL: (x.user[order], x.received_at[order], x.item[order]),
    }
    return {
        name: (index_column(user, "user"), time_column(time), {"item": index_column(item, "item")})
        for name, (user, time, item) in parts.items()
        if name in settings.lists
    }
