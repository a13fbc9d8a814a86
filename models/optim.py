"""Optimisers for rows of the fused table: a step costs in proportion to the rows touched.

Adam on touched rows only, as `torch.optim.SparseAdam`: moments of a row decay when it is touched. Adagrad
equals its dense form, since an untouched row has gradient zero.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from models.layers.embedding import Rows

Kind = Literal["adam", "adagrad"]
BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


class RowOptimizer:
    """State (one or two matrices [V, W]) and step of one kind of optimiser."""

    def __init__(
        self, kind: Kind, rate: float, size: int, width: int, device: torch.device | str = "cpu"
    ) -> None:
        """Args: rate of a full step; size V and width W of the table."""
        self.kind = kind
        self.rate = rate
        self.steps = 0
        self.state = [
            Rows(torch.zeros(size, width, device=device)) for _ in range(2 if kind == "adam" else 1)
        ]

    def step(self, table: Rows, index: Tensor, gradient: Tensor, scale: float = 1.0) -> None:
        """Move rows `index` int64 [R] (distinct) by their `gradient` [R, W], at `scale` times the rate."""
        self.steps += 1
        table.scatter(index, table.gather(index) - scale * self.rate * self._direction(index, gradient))

    def _direction(self, index: Tensor, gradient: Tensor) -> Tensor:
        if self.kind == "adagrad":
            total = self.state[0].gather(index) + gradient.square()
            self.state[0].scatter(index, total)
            return gradient / (total.sqrt() + 1e-10)
        mean = torch.lerp(gradient, self.state[0].gather(index), BETA1)
        square = torch.lerp(gradient.square(), self.state[1].gather(index), BETA2)
        self.state[0].scatter(index, mean)
        self.state[1].scatter(index, square)
        mean = mean / (1 - BETA1**self.steps)
        return mean / ((square / (1 - BETA2**self.steps)).sqrt() + EPSILON)

    def append(self, rows: int) -> None:
        """Add the zero state of new rows."""
        for part in self.state:
            part.append(part.base.new_zeros(rows, part.base.shape[1]))


def dense_optimizer(kind: Kind, rate: float, module: nn.Module) -> torch.optim.Optimizer:
    """The torch optimiser of the same kind, for the parameters that every step touches."""
    if kind == "adagrad":
        return torch.optim.Adagrad(module.parameters(), lr=rate)
    return torch.optim.Adam(module.parameters(), lr=rate, betas=(BETA1, BETA2), eps=EPSILON)
