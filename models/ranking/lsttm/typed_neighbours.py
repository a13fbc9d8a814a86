"""Attention over typed temporal neighbours **(ours)**: Eqs. 2 and 3 with edges that say what happened and
when.

    h_ij = W_k x_j + e_type(ij) + e_age(ij)
    s_ij = LeakyReLU(w_q·W_q x_i + w_k·h_ij) + (W_t x_target)·h_ij / √D
    y_i  = ELU(Σ_j softmax_j(s_ij) · h_ij)

`x` is a node's ID embedding beside its field embeddings. A click and a skip thus leave different messages, so
that a mean over them is a click rate. The last term of the score, target attention, is there for a reason:
the printed score adds up a share of the query and a share of the key, so that every query ranks its
neighbours alike.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.layers.attention import glorot, masked_softmax, take_nodes
from models.layers.embedding import gather
from models.ranking.lsttm.typed_events import TYPES, Side, TypedGraphBatch, TypedSettings


class TypedAttention(nn.Module):
    """One layer of one side; parameters may carry a leading task axis, as in `models.layers.gat`."""

    def __init__(
        self, settings: TypedSettings, query_width: int, key_width: int, *, generator: torch.Generator
    ) -> None:
        super().__init__()
        width = settings.width
        self.query_weight = glorot(query_width, width, generator=generator)  #: W_q
        self.key_weight = glorot(key_width, width, generator=generator)  #: W_k
        self.query_attention = glorot(width, 1, generator=generator)  #: w_q
        self.key_attention = glorot(width, 1, generator=generator)  #: w_k
        self.type_embedding = glorot(TYPES, width, generator=generator)
        self.age_embedding = glorot(settings.age_buckets, width, generator=generator)
        self.target_weight = (
            glorot(key_width, width, generator=generator) if settings.target_attention else None
        )

    def forward(self, queries: Tensor, keys: Tensor, targets: Tensor, side: Side) -> tuple[Tensor, Tensor]:
        """Aggregate.

        Args:
            queries: float [T, B, query_width], the nodes themselves.
            keys: float [T, M, key_width], the distinct nodes of the other side.
            targets: float [T, B, key_width], the instances' node of the other side.
            side: neighbours among the M keys, with edge codes.

        Returns:
            float [T, B, width], zero where there is no neighbour; and bool [T, B], whether there is one.
        """
        edges = self.type_embedding.unsqueeze(-2) + self.age_embedding.unsqueeze(-3)
        edges = edges.flatten(-3, -2).expand(keys.shape[0], -1, -1)
        messages = take_nodes(self._scored(keys @ self.key_weight), side.neighbours)
        messages = messages + take_nodes(self._scored(edges), side.codes)
        hidden, key_scores = messages[..., :-1], messages[..., -1]
        scores = F.leaky_relu(queries @ (self.query_weight @ self.query_attention) + key_scores, 0.2)
        if self.target_weight is not None:
            target = (targets @ self.target_weight).unsqueeze(-1)
            scores = scores + (hidden @ target).squeeze(-1) / hidden.shape[-1] ** 0.5
        weights = masked_softmax(scores, side.mask)
        return F.elu((weights.unsqueeze(-2) @ hidden).squeeze(-2)), side.mask.any(-1)

    def _scored(self, hidden: Tensor) -> Tensor:
        """`hidden [T, N, D]` with its share of the score as one more column: one gather fetches both."""
        return torch.cat([hidden, hidden @ self.key_attention], dim=-1)


class TypedGraph(nn.Module):
    """Both sides: what a user met lately, and whom an item met lately."""

    def __init__(
        self,
        settings: TypedSettings,
        user_fields: int,
        item_fields: int,
        *,
        generator: torch.Generator,
        dim: int = 16,
    ) -> None:
        """Args: user_fields, item_fields the numbers of fields; dim the width of an embedding."""
        super().__init__()
        user_width, item_width = (1 + user_fields) * dim, (1 + item_fields) * dim
        self.user_side = TypedAttention(settings, user_width, item_width, generator=generator)
        self.item_side = (
            TypedAttention(settings, item_width, user_width, generator=generator)
            if settings.item_side
            else None
        )

    def forward(self, rows: Tensor, graph: TypedGraphBatch) -> tuple[Tensor, Tensor | None, Tensor]:
        """Vectors of every instance's user and item.

        Args:
            rows: float [R, D + 1], the touched embedding rows; the last column, a first-order term, is left.
            graph: index tensors into them.

        Returns:
            the user's vector float [T, B, width], the item's vector (None without an item side), and bool
            [T, B, 1 or 2]: which of them has neighbours (the other is zero).
        """
        values = rows[:, :-1]
        users, items = (gather(values, part).flatten(2) for part in (graph.users, graph.items))
        user, item = take_nodes(users, graph.instance_user), take_nodes(items, graph.instance_item)
        user_vector, user_known = self.user_side(user, items, item, graph.of_users)
        if self.item_side is None or graph.of_items is None:
            return user_vector, None, user_known.unsqueeze(-1)
        item_vector, item_known = self.item_side(item, users, user, graph.of_items)
        return user_vector, item_vector, torch.stack([user_known, item_known], dim=-1)
