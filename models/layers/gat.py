"""Graph attention (paper 3.2, Eqs. 2 and 3): PyG's `GATConv`, with a fast path over padded neighbour lists.

Importing this module imports torch_geometric; what other layers share stands in `models.layers.attention`.

Legend: T tasks, N queries a task, M key nodes a task, K neighbours a query. Parameters may carry a leading
    task axis (`torch.func.functional_call`); every operation of the fast path broadcasts it.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.nn.conv import GATConv

from models.layers.attention import Nodes, glorot, masked_softmax, take_nodes
from models.layers.bags import Edges, weighted_bag_sum
from models.layers.former_names import FORMER_NAMES, as_today


class GATLayer(GATConv):
    """A `GATConv` from keys to queries with one head, without bias and without self-loops.

    `forward(x, edge_index)` is PyG's own, over edge lists; `over_lists` computes ELU of the same over padded
    lists, for several tasks at once: `y_i = ELU(Σ_j α_ij · W_k x_j)`. There each key node is projected once,
    however often it is a neighbour; a query needs one number only, `x_i · (W_q w)`, so that its projection
    never appears.
    """

    def __init__(self, query_width: int, key_width: int, width: int, *, generator: torch.Generator) -> None:
        with torch.random.fork_rng(devices=()):  # PyG draws from the global generator, which is not to move
            super().__init__((key_width, query_width), width, add_self_loops=False, bias=False)
        # Transposed views: in memory a weight stays [in, out], the layout that the fast path multiplies by.
        self.lin_dst.weight = nn.Parameter(glorot(query_width, width, generator=generator).detach().T)
        self.lin_src.weight = nn.Parameter(glorot(key_width, width, generator=generator).detach().T)
        self.att_dst = nn.Parameter(glorot(width, 1, generator=generator).detach().view(1, 1, width))
        self.att_src = nn.Parameter(glorot(width, 1, generator=generator).detach().view(1, 1, width))

    def over_lists(
        self,
        queries: Nodes,
        keys: Nodes,
        neighbours: Tensor,
        mask: Tensor,
        query_positions: Tensor | None = None,
        edges: Edges | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Aggregate each query's neighbours: ELU of `forward` over the edges that `mask` marks.

        Args:
            queries: float [T, N, query_width]; or any nodes [T, M', query_width] that `query_positions`
                picks from.
            keys: float [T, M, key_width].
            neighbours: int64 [T, N, K], positions into the M keys of the same task.
            mask: bool [T, N, K].
            query_positions: int64 [T, N] or None.
            edges: `Edges.of(neighbours, mask, M)`, with which neighbours are summed without being gathered;
                the same result up to rounding, several times faster.

        Returns:
            float [T, N, width], the zero vector where a query has no neighbour; and bool [T, N], whether it
            has one.
        """
        query_attention, key_attention = (w.flatten(-3).unsqueeze(-1) for w in (self.att_dst, self.att_src))
        projected = keys @ self.lin_src.weight.mT
        key_scores = projected @ key_attention
        query_scores = queries @ (self.lin_dst.weight.mT @ query_attention)
        if query_positions is not None:
            query_scores = take_nodes(query_scores, query_positions)
        if edges is not None:
            near = take_nodes(key_scores, neighbours).squeeze(-1)
            weights = masked_softmax(F.leaky_relu(query_scores + near, self.negative_slope), mask)
            flat = weights.reshape(-1).index_select(0, edges.slots)
            summed = weighted_bag_sum(flat, projected.flatten(0, 1), edges.bags)
            return F.elu(summed.view(*mask.shape[:2], -1)), mask.any(-1)
        # One gather fetches a neighbour's projection and its share of the score.
        gathered = take_nodes(torch.cat([projected, key_scores], dim=-1), neighbours)
        scores = F.leaky_relu(query_scores + gathered[..., -1], self.negative_slope)
        weights = masked_softmax(scores, mask)
        return F.elu((weights.unsqueeze(-2) @ gathered[..., :-1]).squeeze(-2)), mask.any(-1)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        """Take a state of today's names, or of the former ones."""
        for former, name in FORMER_NAMES.items():
            if (value := state_dict.pop(prefix + former, None)) is not None:
                state_dict[prefix + name] = as_today(value, self.get_parameter(name))
        super()._load_from_state_dict(state_dict, prefix, *rest)
