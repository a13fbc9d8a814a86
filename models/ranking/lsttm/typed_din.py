"""DIN over typed events **(ours)**: a key is an item plus what happened and how long ago.

    k_j = W x_j + e_type(j) + e_age(j)      v = Σ_j softmax_j(unit(k_j, W x_target)) · k_j

The keys' messages are those of `typed_neighbours.py`; DIN's activation unit (`models.layers.din`)
decides which of them matter, where the graph takes a sum of a query's and a key's share.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.layers.din import DIN, DINSettings
from models.ranking.lsttm.typed_events import TYPES, Side

EDGE_STD = 0.01


class TypedDIN(nn.Module):
    """The encoder of a typed list; parameters may carry a leading task axis."""

    def __init__(
        self, key_width: int, age_buckets: int, din: DINSettings, generator: torch.Generator, width: int
    ) -> None:
        """Args: key_width of an item; age_buckets of the list's codes; width of a projected vector."""
        super().__init__()
        self.din = DIN(key_width, din, generator, width)
        self.width = self.din.width  #: D, of the vector that comes out
        # As small as the embeddings they are added to: larger ones would drown the items.
        self.type_embedding, self.age_embedding = (
            nn.Parameter(torch.randn(n, self.width, generator=generator) * EDGE_STD)
            for n in (TYPES, age_buckets)
        )

    def forward(self, keys: Tensor, targets: Tensor, listed: Side) -> Tensor:
        """Items float [T, M, key_width], targets as in `DIN`, lists among the M → [T, B, D]."""
        edges = self.type_embedding.unsqueeze(-2) + self.age_embedding.unsqueeze(-3)
        coded = (edges.flatten(-3, -2), listed.codes)
        return self.din(keys, targets, listed.neighbours, listed.mask, coded)
