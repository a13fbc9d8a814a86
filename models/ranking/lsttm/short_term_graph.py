"""The internal short-term graph (paper 3.2): two GAT layers over the most recent clicks of both sides.

    u¹ ← GAT(u⁰; items' d⁰)      d¹ ← GAT(d⁰; users' u⁰)      u^s = u² ← GAT(u¹; items' d¹)

Everything that occurs more than once is computed once: a node's projection, and the neighbourhood of a (node,
time) pair, since all instances of an hour ask about the hour's start.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from models.layers.attention import Nodes, take_nodes
from models.layers.embedding import gather
from models.layers.temporal_adjacency import TemporalAdjacency
from models.ranking.features.day_graphs import Directions, adjacencies_of, index_column, time_column
from models.ranking.features.event_log import EventDays, EventLog
from models.ranking.features.neighbours import GraphSample, RowView
from models.ranking.features.sampling import Adjacencies, load_adjacencies, unique_nodes, unique_pairs
from models.ranking.lsttm.short_term_batch import GraphBags, ShortTermGraphBatch, profiles
from models.settings import Settings

if TYPE_CHECKING:
    from models.layers.gat import GATLayer


class ShortTermSettings(Settings):
    """Shape of the short-term graph; the defaults are the paper's."""

    neighbours: int = Field(default=30, ge=1)  #: K of Eq. 1, for users and items alike
    layers: Literal[1, 2] = 2  #: GAT layers; 2 is printed
    width: int = Field(default=16, ge=1)  #: width of u¹, d¹ and u^s


class ShortTermIndex(Adjacencies):
    """Temporal neighbours in the graph of internal clicks; a `NeighbourIndex`."""

    def __init__(
        self, settings: ShortTermSettings, view: RowView, adjacencies: dict[str, TemporalAdjacency]
    ) -> None:
        """Args: view tells the table rows of fields; adjacencies `items_of_users` and `users_of_items`."""
        self.settings, self.view, self.adjacencies = settings, view, adjacencies
        #: Batches are made fast (`short_term_batch.py`); off, every node is gathered one by one.
        self.bagged = True

    @classmethod
    def of(cls, settings: ShortTermSettings, view: RowView, events: EventDays) -> ShortTermIndex:
        """Start from all clicks that the days received."""
        return cls(settings, view, adjacencies_of(events, lambda log: _clicks(log, settings)))

    @classmethod
    def load(cls, settings: ShortTermSettings, view: RowView, folder: Path) -> ShortTermIndex:
        """What `save` wrote, memory-mapped."""
        return cls(settings, view, load_adjacencies(folder))

    def append(self, hour: EventLog) -> None:
        """Take in an hour's clicks."""
        for name, part in _clicks(hour, self.settings).items():
            self.adjacencies[name].append(*part)

    def sample(self, users: np.ndarray, items: np.ndarray, cutoff_ms: np.ndarray) -> GraphSample:
        """Neighbourhoods of instances [T, B]; row_ids are fields of users [T, U, F], of items [T, I, F]."""
        return self._sample(*map(torch.from_numpy, (users, items, cutoff_ms)))

    def _sample(self, users: Tensor, items: Tensor, times: Tensor) -> GraphSample:
        pair_user, pair_time, instances = unique_pairs(users, times, None, (users[:, 0], times[:, 0]))
        clicks = self.adjacencies["items_of_users"]
        latest = clicks.neighbours(pair_user, pair_time, self.settings.neighbours)
        clicked = clicks.gather("item", latest).long()
        if self.settings.layers == 2:
            return self._two_hops(
                pair_user, pair_time, clicked, latest.mask, instances.positions, items, times
            )
        distinct_items = unique_nodes(clicked, latest.mask, items[:, 0])
        distinct_users = unique_nodes(pair_user, None, users[:, 0])

        def build(rows: list[Tensor]) -> ShortTermGraphBatch:
            return ShortTermGraphBatch(
                user_fields=rows[0],
                item_fields=rows[1],
                instance_pair=instances.positions,
                pair_user=distinct_users.positions,
                user_items=distinct_items.positions,
                user_mask=latest.mask,
            )

        return self._graph_sample(distinct_users.values, distinct_items.values, build)

    def _two_hops(
        self,
        pair_user: Tensor,
        pair_time: Tensor,
        clicked: Tensor,
        user_mask: Tensor,
        instance_pair: Tensor,
        items: Tensor,
        times: Tensor,
    ) -> GraphSample:
        pairs = pair_user.shape[1]
        # Padding stands for the target item: its fields are read in any case.
        pair_item, item_time, item_pairs = unique_pairs(
            clicked, pair_time.unsqueeze(-1), user_mask, (items[:, 0], times[:, 0])
        )
        clickers = self.adjacencies["users_of_items"]
        latest = clickers.neighbours(pair_item, item_time, self.settings.neighbours)
        item_mask = latest.mask & item_pairs.real.unsqueeze(-1)
        distinct_items = unique_nodes(pair_item, None, items[:, 0])
        distinct_users = unique_nodes(
            torch.cat([pair_user, clickers.gather("user", latest).long().flatten(1)], dim=1),
            torch.cat([torch.ones_like(pair_user, dtype=torch.bool), item_mask.flatten(1)], dim=1),
            pair_user[:, 0],
        )

        def build(rows: list[Tensor]) -> ShortTermGraphBatch:
            item_of_slot = distinct_items.positions.gather(1, item_pairs.positions.flatten(1))
            return ShortTermGraphBatch(
                user_fields=rows[0],
                item_fields=rows[1],
                instance_pair=instance_pair,
                pair_user=distinct_users.positions[:, :pairs],
                user_items=item_of_slot.view(user_mask.shape),
                user_mask=user_mask,
                user_item_pairs=item_pairs.positions,
                pair_item=distinct_items.positions,
                item_users=distinct_users.positions[:, pairs:].reshape(item_mask.shape),
                item_mask=item_mask,
            )

        return self._graph_sample(distinct_users.values, distinct_items.values, build)

    def _graph_sample(
        self, users: Tensor, items: Tensor, build: Callable[[list[Tensor]], ShortTermGraphBatch]
    ) -> GraphSample:
        rows = [self.view.user_field_rows(users.numpy()), self.view.item_field_rows(items.numpy())]
        user_rows, item_rows = map(torch.from_numpy, rows)
        if not self.bagged or not all(r.shape[-1] for r in rows):  # without any field there is nothing to sum
            return GraphSample([user_rows, item_rows], build)
        user_rows, user_profile = profiles(user_rows)
        item_rows, item_profile = profiles(item_rows)

        def build_with_bags(positions: list[Tensor]) -> ShortTermGraphBatch:
            graph = build(positions).by_profile(user_profile, item_profile)
            return replace(graph, bags=GraphBags.of(graph))

        return GraphSample([user_rows, item_rows], build_with_bags)


class ShortTermGraph(nn.Module):
    """The forward pass: embedding rows and index tensors in, u^s out."""

    def __init__(
        self, settings: ShortTermSettings, user_width: int, item_width: int, *, generator: torch.Generator
    ) -> None:
        """Args: user_width, item_width the widths of u⁰ and d⁰: number of fields × width of an embedding."""
        from models.layers.gat import GATLayer  # it brings torch_geometric, which only this model needs

        super().__init__()
        width = settings.width
        self.users_first = GATLayer(user_width, item_width, width, generator=generator)
        self.items_first: GATLayer | None = None
        self.users_second: GATLayer | None = None
        if settings.layers == 2:
            self.items_first = GATLayer(item_width, user_width, width, generator=generator)
            self.users_second = GATLayer(width, width, width, generator=generator)

    def forward(self, rows: Tensor, graph: ShortTermGraphBatch) -> tuple[Tensor, Tensor]:
        """u^s of every instance.

        Args:
            rows: float [R, D + 1], the touched embedding rows; the last column, a first-order term, is left.
            graph: index tensors into them.

        Returns:
            float [T, B, width], zero for users without clicks; and bool [T, B], whether the user has clicks.
        """
        values, bags = rows[:, :-1], graph.bags
        first = hop = second = None
        if bags is None:
            users: Nodes = gather(values, graph.user_fields).flatten(2)
            items: Nodes = gather(values, graph.item_fields).flatten(2)
        else:
            users, items = bags.users.over(values), bags.items.over(values)
            first, hop, second = bags.user_items, bags.item_users, bags.user_item_pairs
        short, present = self.users_first.over_lists(
            users, items, graph.user_items, graph.user_mask, graph.pair_user, first
        )
        if self.items_first is not None and self.users_second is not None:
            pairs, item_users, item_mask = graph.user_item_pairs, graph.item_users, graph.item_mask
            assert pairs is not None and item_users is not None and item_mask is not None, (
                "a batch sampled with one layer"
            )
            hidden, _ = self.items_first.over_lists(items, users, item_users, item_mask, graph.pair_item, hop)
            short, present = self.users_second.over_lists(short, hidden, pairs, graph.user_mask, edges=second)
        return take_nodes(short, graph.instance_pair), present.gather(1, graph.instance_pair)


def _clicks(log: EventLog, settings: ShortTermSettings) -> Directions:
    """Clicks of users, and with two layers those of items too."""
    e = log.exposures
    clicked = np.asarray(e.clicked, dtype=bool)
    user, item = index_column(e.user[clicked], "user"), index_column(e.item[clicked], "item")
    time = time_column(e.shown_at[clicked])
    directions: Directions = {"items_of_users": (user, time, {"item": item})}
    if settings.layers == 2:
        directions["users_of_items"] = (item, time, {"user": user})
    return directions
