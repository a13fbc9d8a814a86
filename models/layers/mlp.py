"""Dense layers whose weights may carry a leading task axis: all tasks of a batch run in one product."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn


class Dense(nn.Module):
    """x [T, N, in] → [T, N, out]; weight [in, out] or [T, in, out], bias [1, out] or [T, 1, out]."""

    def __init__(self, fan_in: int, fan_out: int, generator: torch.Generator) -> None:
        super().__init__()
        bound = math.sqrt(6.0 / (fan_in + fan_out))  # Glorot
        self.weight = nn.Parameter((torch.rand(fan_in, fan_out, generator=generator) * 2 - 1) * bound)
        self.bias = nn.Parameter(torch.zeros(1, fan_out))

    def forward(self, x_TNi: Tensor) -> Tensor:
        """See the class."""
        return x_TNi @ self.weight + self.bias


class MLP(nn.Module):
    """Dense layers with ReLU between them, the last one linear."""

    def __init__(self, widths: Sequence[int], generator: torch.Generator) -> None:
        """Args: widths of input, hidden layers and output, e.g. (768, 128, 64, 1)."""
        super().__init__()
        self.layers = nn.ModuleList(
            Dense(fan_in, fan_out, generator) for fan_in, fan_out in itertools.pairwise(widths)
        )

    @property
    def first(self) -> Dense:
        """The layer that reads the input."""
        return cast(Dense, self.layers[0])

    def forward(self, x_TNi: Tensor) -> Tensor:
        """[T, N, widths[0]] → [T, N, widths[-1]]."""
        return self.after_first(self.first(x_TNi))

    def after_first(self, x_TNh: Tensor) -> Tensor:
        """What the first layer gave, [T, N, widths[1]] → [T, N, widths[-1]]."""
        for layer in self.layers[1:]:
            x_TNh = layer(torch.relu(x_TNh))
        return x_TNh
