"""Typed temporal neighbours **(ours)**: who met whom, how, and how long ago, as of any period's start.

A user's neighbours are the K latest events of all kinds in one list: skips, clicks, clicks with strong
engagement, external clicks. An item's neighbours are the K users to whom it was shown last. Both come as
table rows to gather and one edge code a neighbour.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from models.layers.temporal_adjacency import TemporalAdjacency
from models.ranking.features.day_graphs import Directions, adjacencies_of, index_column, time_column
from models.ranking.features.event_log import EventDays, EventLog
from models.ranking.features.neighbours import GraphSample, RowView
from models.ranking.features.sampling import Adjacencies, load_adjacencies, unique_nodes, unique_pairs
from models.settings import Settings

SKIP, CLICK, ENGAGED, EXTERNAL = range(4)
TYPES = 4
MINUTE_MS = 60_000


class TypedSettings(Settings):
    """Typed neighbours and their layer."""

    neighbours: int = Field(default=30, ge=1)  #: K, for users and items alike
    #: dwell that makes a click strong; None: no such type
    engaged_seconds: float | None = Field(default=18.0, gt=0)
    age_buckets: int = Field(default=20, ge=2)  #: bucket b holds ages of 2^b − 1 to 2^(b+1) − 2 whole minutes
    target_attention: bool = True  #: let the instance's other side decide which neighbours matter
    item_side: bool = True  #: also aggregate the users whom an item met
    width: int = Field(default=16, ge=1)  #: of messages and of the edge-type embeddings


@dataclass(frozen=True)
class Side:
    """Neighbours of one side of T tasks' B instances."""

    neighbours: Tensor  #: int64 [T, B, K] → nodes of the other side
    mask: Tensor  #: bool [T, B, K]
    codes: Tensor  #: int64 [T, B, K], type · age_buckets + age bucket

    def to(self, device: torch.device | str) -> Side:
        """The same tensors on another device."""
        return Side(self.neighbours.to(device), self.mask.to(device), self.codes.to(device))


@dataclass(frozen=True)
class TypedGraphBatch:
    """Index tensors of T tasks: U distinct users and I distinct items, each with ID row and field rows."""

    users: Tensor  #: int64 [T, U, 1 + F] positions of embedding rows
    items: Tensor  #: int64 [T, I, 1 + F]
    instance_user: Tensor  #: int64 [T, B] → U
    instance_item: Tensor  #: int64 [T, B] → I
    of_users: Side  #: neighbours are items
    of_items: Side | None  #: neighbours are users; None without an item side

    def to(self, device: torch.device | str) -> TypedGraphBatch:
        """The same tensors on another device."""
        parts = {name: part.to(device) for name, part in vars(self).items() if part is not None}
        return replace(self, **parts)


class TypedIndex(Adjacencies):
    """Events of both directions; a `models.ranking.features.neighbours.NeighbourIndex`."""

    def __init__(
        self, settings: TypedSettings, view: RowView, adjacencies: dict[str, TemporalAdjacency]
    ) -> None:
        """Args: view tells table rows; adjacencies by the names that `typed_events` gives them."""
        self.settings, self.view, self.adjacencies = settings, view, adjacencies

    @classmethod
    def of(cls, settings: TypedSettings, view: RowView, events: EventDays) -> TypedIndex:
        """Start from everything that the days received."""
        return cls(settings, view, adjacencies_of(events, lambda log: typed_events(log, settings)))

    @classmethod
    def load(cls, settings: TypedSettings, view: RowView, folder: Path) -> TypedIndex:
        """What `save` wrote, memory-mapped."""
        return cls(settings, view, load_adjacencies(folder))

    def append(self, hour: EventLog) -> None:
        """Take in what an hour received."""
        for name, part in typed_events(hour, self.settings).items():
            self.adjacencies[name].append(*part)

    def sample(self, users: np.ndarray, items: np.ndarray, cutoff_ms: np.ndarray) -> GraphSample:
        """Neighbours of instances [T, B]; row_ids are users [T, U, 1 + F] and items [T, I, 1 + F]."""
        user, item, time = map(torch.from_numpy, (users, items, cutoff_ms))
        seen_items, of_user_mask, of_user_codes = self._once_a_pair(user, time, self._of_users)
        b, shape = user.shape[1], seen_items.shape
        if self.settings.item_side:
            seen_users, of_item_mask, of_item_codes = self._once_a_pair(item, time, self._of_items)
        else:
            seen_users, of_item_mask = user[..., :0], torch.empty_like(user[..., :0], dtype=torch.bool)
        users_at, user_nodes = _number(user, seen_users, of_item_mask)
        items_at, item_nodes = _number(item, seen_items, of_user_mask)

        def build(rows: list[Tensor]) -> TypedGraphBatch:
            return TypedGraphBatch(
                users=rows[0],
                items=rows[1],
                instance_user=users_at[:, :b],
                instance_item=items_at[:, :b],
                of_users=Side(items_at[:, b:].reshape(shape), of_user_mask, of_user_codes),
                of_items=Side(users_at[:, b:].reshape(shape), of_item_mask, of_item_codes)
                if self.settings.item_side
                else None,
            )

        view, u, i = self.view, user_nodes.numpy(), item_nodes.numpy()
        user_rows = np.concatenate([view.user_rows(u)[..., None], view.user_field_rows(u)], axis=-1)
        item_rows = np.concatenate([view.item_rows(i)[..., None], view.item_field_rows(i)], axis=-1)
        return GraphSample([torch.from_numpy(user_rows), torch.from_numpy(item_rows)], build)

    def _once_a_pair(
        self, nodes: Tensor, times: Tensor, look_up: Callable[[Tensor, Tensor], tuple[Tensor, Tensor, Tensor]]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Instances of a node in one hour share one look-up; results [T, B, K] all the same."""
        pair_nodes, pair_times, pairs = unique_pairs(nodes, times, None, (nodes[:, 0], times[:, 0]))
        at = pairs.positions.unsqueeze(-1).expand(-1, -1, self.settings.neighbours)
        counterpart, mask, codes = (part.gather(1, at) for part in look_up(pair_nodes, pair_times))
        return counterpart, mask, codes

    def _of_items(self, items: Tensor, times: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        shown = self.adjacencies["shown_of_items"]
        latest = shown.neighbours(items, times, self.settings.neighbours)
        codes = self._codes(shown.gather("type", latest), times, shown.times(latest), latest.mask)
        return shown.gather("user", latest).long(), latest.mask, codes

    def _of_users(self, users: Tensor, times: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The K latest by the time of the event itself, among the K shown last and the K external received
        last.

        Receipt decides what may be seen, occurrence what is recent: a day's external clicks that all arrive
        at midnight must not push out the exposures of the evening.
        """
        k = self.settings.neighbours
        shown, external = self.adjacencies["shown_to_users"], self.adjacencies["external_of_users"]
        latest = shown.neighbours(users, times, k)
        item, kind, when = (
            shown.gather("item", latest).long(),
            shown.gather("type", latest),
            shown.times(latest),
        )
        mask = latest.mask
        if len(external):
            late = external.neighbours(users, times, k)
            item = torch.cat([external.gather("item", late).long(), item], dim=-1)
            kind = torch.cat([torch.full_like(kind, EXTERNAL), kind], dim=-1)
            when = torch.cat([external.gather("occurred_at", late), when], dim=-1)
            mask = torch.cat([late.mask, mask], dim=-1)
            ranked = when.masked_fill(~mask, torch.iinfo(torch.int64).min)
            order = torch.sort(ranked, dim=-1, stable=True).indices[..., k:]
            item, kind, when, mask = (part.gather(-1, order) for part in (item, kind, when, mask))
        return item, mask, self._codes(kind, times, when, mask)

    def _codes(self, kind: Tensor, now: Tensor, when: Tensor, mask: Tensor) -> Tensor:
        minutes = torch.div(now.unsqueeze(-1) - when, MINUTE_MS, rounding_mode="floor").clamp_min(0)
        # Whole minutes below 2^53 are exact in float64, so that a bucket's edge is where it says.
        age = torch.floor(torch.log2(minutes.double() + 1)).long().clamp_max(self.settings.age_buckets - 1)
        return (kind.long() * self.settings.age_buckets + age) * mask


def typed_events(log: EventLog, settings: TypedSettings) -> Directions:
    """Node, time of receipt and payload of every event, by direction."""
    e, x = log.exposures, log.external
    kind = np.where(e.clicked, CLICK, SKIP).astype(np.uint8)
    if settings.engaged_seconds is not None:
        dwell = np.nan_to_num(e.dwell_seconds, nan=0.0)
        kind[np.asarray(e.clicked, bool) & (dwell >= settings.engaged_seconds)] = ENGAGED
    # Of external clicks received at one instant, the one that happened last counts as the latest.
    order = np.lexsort((x.occurred_at, x.received_at))
    user, item = index_column(e.user, "user"), index_column(e.item, "item")
    x_user, x_item = index_column(x.user[order], "user"), index_column(x.item[order], "item")
    received, occurred = time_column(x.received_at[order]), time_column(x.occurred_at[order])
    shown_at, types = time_column(e.shown_at), torch.from_numpy(kind)
    directions: Directions = {
        "shown_to_users": (user, shown_at, {"item": item, "type": types}),
        "external_of_users": (x_user, received, {"item": x_item, "occurred_at": occurred}),
    }
    if settings.item_side:
        directions["shown_of_items"] = (item, shown_at, {"user": user, "type": types})
    return directions


def _number(instances: Tensor, neighbours: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Distinct nodes among instances [T, B] and unmasked neighbours: positions [T, B + B·K], nodes."""
    ids = torch.cat([instances, neighbours.flatten(1)], dim=1)
    real = torch.cat([torch.ones_like(instances, dtype=torch.bool), mask.flatten(1)], dim=1)
    distinct = unique_nodes(ids, real, instances[:, 0])
    return distinct.positions, distinct.values
