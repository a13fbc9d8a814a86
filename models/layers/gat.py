"""Graph attention over padded neighbour lists (paper 3.2, Eqs. 2 and 3), for several tasks at once.

Legend: T tasks, N queries a task, M key nodes a task, K neighbours a query. Parameters may carry a leading
    task axis (`torch.func.functional_call`); every operation broadcasts it.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.layers.bags import Edges, FieldNodes, weighted_bag_sum
from models.layers.embedding import gather

Nodes = Tensor | FieldNodes  #: [T, M, D], written out or as sums over fields


def glorot(*shape: int, generator: torch.Generator) -> nn.Parameter:
    """A parameter `[..., in, out]` drawn from Glorot's uniform distribution."""
    bound = (6.0 / (shape[-2] + shape[-1])) ** 0.5
    return nn.Parameter((torch.rand(*shape, generator=generator) * 2 - 1) * bound)


def take_nodes(values: Tensor, positions: Tensor) -> Tensor:
    """`values [T, M, D]` at `positions [T, ...]` (into each task's M nodes): `[T, ..., D]`.

    Backward adds up in order whatever shares a node, so that it is the same bit for bit on any number of
    threads.
    """
    tasks, nodes, width = values.shape
    if tasks > 1:
        step = torch.arange(tasks, device=positions.device) * nodes
        positions = positions + step.view(-1, *[1] * (positions.dim() - 1))
    return gather(values.reshape(-1, width), positions)


def masked_softmax(scores: Tensor, mask: Tensor) -> Tensor:
    """Softmax over the last axis among the places where `mask` holds; all zero where none does."""
    scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    return torch.softmax(scores, dim=-1) * mask


class GATLayer(nn.Module):
    """One attention head without self-loop: `y_i = ELU(Σ_j α_ij · W_k x_j)`.

    Equals `torch_geometric.nn.GATConv((key_width, query_width), width, add_self_loops=False, bias=False)`
    and ELU on the same edges. Each key node is projected once, however often it is a neighbour; a query
    needs one number only, `x_i · (W_q w)`, so that its projection never appears.
    """

    def __init__(
        self, query_width: int, key_width: int, width: int, *, generator: torch.Generator, slope: float = 0.2
    ) -> None:
        super().__init__()
        self.query_weight = glorot(query_width, width, generator=generator)  #: W_q
        self.key_weight = glorot(key_width, width, generator=generator)  #: W_k
        self.query_attention = glorot(width, 1, generator=generator)  #: first half of w (Eq. 3)
        self.key_attention = glorot(width, 1, generator=generator)  #: second half of w
        self.slope = slope

    def forward(
        self,
        queries: Nodes,
        keys: Nodes,
        neighbours: Tensor,
        mask: Tensor,
        query_positions: Tensor | None = None,
        edges: Edges | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Aggregate each query's neighbours.

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
        projected = keys @ self.key_weight
        key_scores = projected @ self.key_attention
        query_scores = queries @ (self.query_weight @ self.query_attention)
        if query_positions is not None:
            query_scores = take_nodes(query_scores, query_positions)
        if edges is not None:
            near = take_nodes(key_scores, neighbours).squeeze(-1)
            weights = masked_softmax(F.leaky_relu(query_scores + near, self.slope), mask)
            flat = weights.reshape(-1).index_select(0, edges.slots)
            summed = weighted_bag_sum(flat, projected.flatten(0, 1), edges.bags)
            return F.elu(summed.view(*mask.shape[:2], -1)), mask.any(-1)
        # One gather fetches a neighbour's projection and its share of the score.
        gathered = take_nodes(torch.cat([projected, key_scores], dim=-1), neighbours)
        scores = F.leaky_relu(query_scores + gathered[..., -1], self.slope)
        weights = masked_softmax(scores, mask)
        return F.elu((weights.unsqueeze(-2) @ gathered[..., :-1]).squeeze(-2)), mask.any(-1)
