"""A sampled neighbourhood made fast: nodes that look alike are one, and sums are sorted once a batch.

The layers see a user or an item by its fields alone, so all users of one profile are one node to them. In a
log of ten thousand users there may be a thousand profiles.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from models.layers.bags import Edges, FieldBags
from models.ranking.features.sampling import unique_nodes

if TYPE_CHECKING:
    from models.ranking.lsttm.short_term_graph import ShortTermGraphBatch


def profiles(rows: Tensor) -> tuple[Tensor, Tensor]:
    """The distinct combinations of field values.

    Args:
        rows: int64 [T, M, F] table rows of nodes' fields.

    Returns:
        rows of the distinct combinations [T, P, F], and the combination of each node, int64 [T, M] → P.
    """
    low = rows.amin((0, 1))
    spans = (rows.amax((0, 1)) - low + 1).tolist()
    if len(rows) * prod(spans) >= 2**62:  # does not fit a key: every node is its own
        return rows, torch.arange(rows.shape[1], device=rows.device).expand(rows.shape[:2])
    key = torch.zeros(rows.shape[:2], dtype=torch.int64, device=rows.device)
    for field, span in enumerate(spans):
        key = key * span + (rows[..., field] - low[field])
    distinct = unique_nodes(key, None, key[:, 0])
    left, columns = distinct.values, []
    for field, span in reversed(list(enumerate(spans))):
        columns.append(left % span + low[field])
        left = torch.div(left, span, rounding_mode="floor")
    return torch.stack(columns[::-1], dim=-1), distinct.positions


def by_profile(graph: ShortTermGraphBatch, users: Tensor, items: Tensor) -> ShortTermGraphBatch:
    """The graph with its nodes U and I replaced by their profiles; users int64 [T, U], items int64 [T, I]."""

    def through(profile: Tensor, positions: Tensor) -> Tensor:
        return profile.gather(1, positions.flatten(1)).view(positions.shape)

    return replace(
        graph,
        pair_user=through(users, graph.pair_user),
        user_items=through(items, graph.user_items),
        pair_item=None if graph.pair_item is None else through(items, graph.pair_item),
        item_users=None if graph.item_users is None else through(users, graph.item_users),
    )


@dataclass(frozen=True)
class GraphBags:
    """What makes forward and backward pass sums over bags (`models.layers.bags`) instead of gathers."""

    users: FieldBags
    items: FieldBags
    user_items: Edges
    item_users: Edges | None  #: of the second hop, with two layers
    user_item_pairs: Edges | None

    @classmethod
    def of(cls, graph: ShortTermGraphBatch) -> GraphBags:
        """Sort what the layers will sum, once a batch."""
        users, items = FieldBags.of(graph.user_fields), FieldBags.of(graph.item_fields)
        first = Edges.of(graph.user_items, graph.user_mask, graph.item_fields.shape[1])
        if graph.item_users is None or graph.item_mask is None or graph.user_item_pairs is None:
            return cls(users, items, first, None, None)
        hop = Edges.of(graph.item_users, graph.item_mask, graph.user_fields.shape[1])
        second = Edges.of(graph.user_item_pairs, graph.user_mask, graph.item_users.shape[1])
        return cls(users, items, first, hop, second)

    def to(self, device: torch.device | str) -> GraphBags:
        """The same structures on another device."""
        moved = {n: part.to(device) for n, part in vars(self).items() if part is not None}
        return replace(self, **moved)
