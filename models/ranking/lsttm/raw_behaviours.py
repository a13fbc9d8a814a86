"""A user's internal and external clicks as raw features: means of embeddings, without a graph.

What is left of LSTTM's two user representations when GAT and L_N are taken away (paper, Table 4): the K
latest clicks of either kind, each item described as the target item is (ID embedding + projection of its
fields), averaged.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.layers.attention import take_nodes
from models.layers.embedding import gather
from models.layers.mlp import Dense
from models.ranking.features.codes import Layout
from models.ranking.systems.behaviours import BehaviourBatch

SIDES = 2  #: internal, external: the order of `BehaviourSettings.lists`


class RawBehaviours(nn.Module):
    """u^s and u^l as means of item embeddings: internal clicks make one, external clicks the other."""

    def __init__(self, layout: Layout, width: int, generator: torch.Generator) -> None:
        """Args: width of every embedding."""
        super().__init__()
        fields = len(layout.columns("item_field")) * width
        sides = SIDES if fields else 0
        self.projections = nn.ModuleList(Dense(fields, width, generator) for _ in range(sides))

    def forward(self, rows: Tensor, batch: BehaviourBatch) -> tuple[Tensor, Tensor]:
        """Of every instance.

        Args:
            rows: float [R, D + 1], the touched embedding rows.
            batch: index tensors into them, with the rows of items' fields.

        Returns:
            float [T, B, 2, D], internal and external, zero without clicks; and bool [T, B, 2], whether there
            are any.
        """
        identity, fields = gather(rows, batch.items)[..., :-1].tensor_split([1], dim=-2)
        means = []
        for side, part in enumerate(batch.lists):
            nodes = identity.squeeze(-2)
            if len(self.projections):
                nodes = nodes + self.projections[side](fields.flatten(-2))
            means.append(part.mean(nodes))
        vectors = take_nodes(torch.cat(means, dim=-1), batch.pair).unflatten(-1, (SIDES, -1))
        known = torch.stack([part.mask.any(-1) for part in batch.lists], dim=-1)
        return vectors, known.gather(1, batch.pair.unsqueeze(-1).expand(-1, -1, SIDES))
