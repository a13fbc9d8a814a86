"""Optimisers for rows of the fused table: a step costs in proportion to the rows touched.

Adam on touched rows has no momentum. Dense Adam goes on moving a row for some ten steps after its gradient;
by the time a rare row is touched again, all of that has happened. Momentum held until the next touch would
arrive late, and the first step would be a tenth of the whole: users with ten exposures would hardly learn.
Without momentum it comes at once. Adagrad equals its dense form, as an untouched row has gradient zero.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

from models.layers.embedding import Rows

Kind = Literal["adam", "adagrad"]
BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


class RowOptimizer:
    """State (matrices [V, W], beside the table) and step of one kind of optimiser."""

    def __init__(
        self, kind: Kind, rate: float, size: int, width: int, device: torch.device | str = "cpu"
    ) -> None:
        """Args: rate of a full step; size V and width W of the table."""
        self.kind = kind
        self.rate = rate
        self.steps = 0
        self.state = [Rows(torch.zeros(size, width, device=device))]  # of squared gradients

    def step(self, table: Rows, index: Tensor, gradient: Tensor, scale: float = 1.0) -> None:
        """Move rows `index` int64 [R] (distinct) by their `gradient` [R, W], at `scale` times the rate."""
        table.scatter(index, self.moved(table.gather(index), index, gradient, scale))

    def moved(self, values: Tensor, index: Tensor, gradient: Tensor, scale: float = 1.0) -> Tensor:
        """What `step` makes of rows `index` that stand at `values` [R, W], which stays as it is."""
        self.steps += 1
        square = self.state[0].gather(index)
        if self.kind == "adagrad":
            square.addcmul_(gradient, gradient)
            root = square.sqrt()
        else:
            square.mul_(BETA2).addcmul_(gradient, gradient, value=1 - BETA2)
            root = square.sqrt().div_(math.sqrt(1 - BETA2**self.steps))
        self.state[0].scatter(index, square)
        return torch.addcdiv(values, gradient, root.add_(EPSILON), value=-scale * self.rate)

    def has_moved(self, index: Tensor) -> Tensor:
        """bool [R]: which of rows `index` int64 [R] any step has moved; what was only appended is not."""
        return self.state[0].gather(index).any(dim=1)

    def append(self, rows: int) -> None:
        """Add the zero state of new rows."""
        for part in self.state:
            part.append(part.base.new_zeros(rows, part.base.shape[1]))


def dense_optimizer(kind: Kind, rate: float, module: nn.Module) -> torch.optim.Optimizer:
    """The torch optimiser of the same kind, for the parameters that every step touches.

    All parameters move in one call, where torch has it: their gradients must lie in memory as they do.
    """
    parameters = list(module.parameters())
    if kind == "adagrad":
        fused = all(parameter.device.type == "cpu" for parameter in parameters)
        return torch.optim.Adagrad(parameters, lr=rate, fused=fused)
    return torch.optim.Adam(parameters, lr=rate, betas=(BETA1, BETA2), eps=EPSILON, fused=True)
