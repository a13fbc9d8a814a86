"""Multi-head self-attention over field vectors (AutoInt's interacting layer, Song et al. 2019, Eqs. 5-8).

Parameters may carry a leading task axis, as in `models.layers.mlp`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.layers.gat import glorot


class InteractingLayer(nn.Module):
    """x [T, B, F, in] → [T, B, F, heads · width]: `ReLU(attention(x) + x W_res)`.

    A head's scores are inner products of projected fields, not scaled, as printed.
    """

    def __init__(self, fan_in: int, heads: int, width: int, *, generator: torch.Generator) -> None:
        """Args: fan_in the width of a field's vector; heads; width of a head."""
        super().__init__()
        self.heads, self.width = heads, width
        # Queries, keys, values and the residual side by side: one product makes them all.
        parts = [glorot(fan_in, heads * width, generator=generator) for _ in range(4)]
        self.weight = nn.Parameter(torch.cat([part.detach() for part in parts], dim=1))

    def forward(self, x_TBFi: Tensor) -> Tensor:
        """See the class."""
        tasks, batch, fields, _ = x_TBFi.shape
        projected = (x_TBFi.reshape(tasks, batch * fields, -1) @ self.weight).view(
            tasks, batch, fields, 4, -1
        )
        *attended, residual = projected.unbind(3)
        queries, keys, values = (
            part.unflatten(-1, (self.heads, self.width)).transpose(2, 3) for part in attended
        )
        weights = torch.softmax(queries @ keys.transpose(-1, -2), dim=-1)
        mixed = (weights @ values).transpose(2, 3).flatten(-2)
        return torch.relu(mixed + residual)
