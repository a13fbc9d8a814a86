"""A sampled neighbourhood as index tensors, made fast: look-alikes are one, sums are sorted once.

The layers see a user or an item by its fields alone, so all users of one profile are one node to them. In a
log of ten thousand users there may be a thousand profiles.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

import torch
from torch import Tensor

from models.layers.bags import Edges
from models.layers.field_bags import FieldBags
from models.ranking.features.sampling import unique_nodes


@dataclass(frozen=True)
class ShortTermGraphBatch:
    """Index tensors of the neighbourhoods of T tasks; letters as in `models.ranking.features.batch`.

    P user pairs and Q item pairs are distinct (node, period start); U users and I items are distinct nodes,
    or distinct profiles of nodes, which is all that a layer sees of them. With one layer, the tensors of the
    second hop are None.
    """

    user_fields: Tensor  #: int64 [T, U, F] positions of embedding rows
    item_fields: Tensor  #: int64 [T, I, F]
    instance_pair: Tensor  #: int64 [T, B] → P
    pair_user: Tensor  #: int64 [T, P] → U
    user_items: Tensor  #: int64 [T, P, K] → I
    user_mask: Tensor  #: bool [T, P, K]
    user_item_pairs: Tensor | None = None  #: int64 [T, P, K] → Q
    pair_item: Tensor | None = None  #: int64 [T, Q] → I
    item_users: Tensor | None = None  #: int64 [T, Q, K] → U
    item_mask: Tensor | None = None  #: bool [T, Q, K]
    bags: GraphBags | None = None  #: the same neighbourhoods, to be summed; None: gathered one by one

    def to(self, device: torch.device | str) -> ShortTermGraphBatch:
        """The same tensors on another device."""
        moved = {n: tensor.to(device) for n, tensor in vars(self).items() if tensor is not None}
        return replace(self, **moved)

    def by_profile(self, users: Tensor, items: Tensor) -> ShortTermGraphBatch:
        """The graph with its nodes U and I replaced by their profiles, int64 [T, U] and [T, I]."""

        def through(profile: Tensor, positions: Tensor) -> Tensor:
            return profile.gather(1, positions.flatten(1)).view(positions.shape)

        return replace(
            self,
            pair_user=through(users, self.pair_user),
            user_items=through(items, self.user_items),
            pair_item=None if self.pair_item is None else through(items, self.pair_item),
            item_users=None if self.item_users is None else through(users, self.item_users),
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
    rest, columns = distinct.values, []
    for field, span in reversed(list(enumerate(spans))):
        columns.append(rest % span + low[field])
        rest = torch.div(rest, span, rounding_mode="floor")
    return torch.stack(columns[::-1], dim=-1), distinct.positions
