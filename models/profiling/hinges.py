"""Sums of many ReLUs of one number: Σ_s relu(a + b_s), without forming every a + b_s."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

BINS = 4096


class Hinges:
    """For each of H rows the function `a → Σ_s relu(a + b_s)`.

    It is piecewise linear with knots at −b_s: with n of them below a, it is `n · a + Σ of the n largest b_s`.
    The knots below a number are counted by its bin of a fine grid, then one by one within the bin; a knot of
    a higher bin is never below it, as numbers and knots are rounded to bins alike, so the count is exact.
    """

    def __init__(self, offsets: Tensor) -> None:
        """`offsets` b are float [H, S], S ≥ 1."""
        descending = offsets.sort(dim=1, descending=True).values
        self.sums = F.pad(descending.double().cumsum(1), (1, 0)).to(offsets.dtype)  # [H, S + 1]
        knots = -descending
        self._low = knots[:, :1]
        self._scale = BINS / (knots[:, -1:] - self._low).clamp(min=1e-20)
        bins = self._bins(knots).contiguous()
        grid = torch.arange(BINS + 2, device=offsets.device).expand(len(offsets), -1).contiguous()
        self._before = torch.searchsorted(bins, grid)  # [H, BINS + 2]: knots of lower bins
        self._most = int(torch.zeros_like(grid).scatter_add_(1, bins, torch.ones_like(bins)).max())
        self._knots = F.pad(knots, (0, 1), value=torch.inf)

    def sums_of(self, numbers: Tensor) -> Tensor:
        """Σ_s relu(a + b_s) of numbers a, float [H, U]: [H, U]."""
        below = self._below(numbers)
        return (below * numbers).add_(self.sums.gather(1, below))

    def _below(self, numbers: Tensor) -> Tensor:
        if self._most > 8:  # many knots are equal, or nearly so
            return torch.searchsorted(self._knots[:, :-1].contiguous(), numbers)
        below = self._before.gather(1, self._bins(numbers))
        for _ in range(self._most):
            below += self._knots.gather(1, below) < numbers
        return below

    def _bins(self, numbers: Tensor) -> Tensor:
        return torch.sub(numbers, self._low).mul_(self._scale).add_(1.0).clamp_(0.0, BINS + 1.0).long()
