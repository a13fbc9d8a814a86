"""Content vectors as field vectors: a learned projection, and one vector that stands for those unknown.

    p = W s x + b + (1 − known) · e_unknown        first order: w · s x

Parameters may carry a leading task axis, as in `models.layers.mlp`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from models.layers.mlp import MLP, Dense

#: s. At a rate that suits embeddings, vectors of unit length are learned too slowly (measured: on new items).
SCALE = 3.0
STD = 0.01  #: of the last layer's weights: as small as the embeddings that the vectors stand beside


class Projection(nn.Module):
    """From vectors [T, B, V] of unit length to field vectors [T, B, D] and first-order terms [T, B]."""

    def __init__(self, fan_in: int, hidden: Sequence[int], width: int, generator: torch.Generator) -> None:
        """Args: V; widths of hidden layers, none for a linear projection; D."""
        super().__init__()
        self.mlp = MLP([fan_in, *hidden, width], generator)
        last = self.mlp.layers[-1]
        assert isinstance(last, Dense)
        with torch.no_grad():
            last.weight.copy_(torch.randn(last.weight.shape, generator=generator) * STD)
        self.unknown = nn.Parameter(torch.randn(1, width, generator=generator) * STD)
        self.first = nn.Parameter(torch.zeros(fan_in, 1))

    def forward(self, x_TBV: Tensor, known_TB: Tensor) -> tuple[Tensor, Tensor]:
        """Args: vectors, zero where unknown; 1 where known and 0 elsewhere."""
        x_TBV = SCALE * x_TBV
        vectors = self.mlp(x_TBV) + (1 - known_TB).unsqueeze(-1) * self.unknown
        return vectors, (x_TBV @ self.first).squeeze(-1)
