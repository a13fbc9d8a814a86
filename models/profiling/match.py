"""The metric head: closed-form ridge in a space of profile vectors, everybody else as background.

For customers S of K users among n, with vectors t centred over the background and turned so that their
covariance is diagonal, v:

    w = (diag(v) + λ)⁻¹ (1/n) Σ_{u ∈ S} (t_u − mean t),    match_u = w · t_u

which is ridge regression of membership on the vectors, with the inverse shared by all brands. A background
user is scored as if it had been left out (the hat value h_u takes its own row off), so that those who were
in the background and those who were not are scored alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

_BLOCK = 4_096  #: users whose squares fit a processor's cache


@dataclass(frozen=True)
class MatchSpace:
    """Profile vectors of an as-of date, ready to be compared."""

    vectors: Tensor  #: float32 [U, r], centred over the background, axes uncorrelated over it
    variance: Tensor  #: float32 [r] of each axis over the background
    background: Tensor  #: bool [U]
    _hats: dict[float, Tensor] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(
        cls, vectors: np.ndarray, background: np.ndarray, device: torch.device | str = "cpu"
    ) -> MatchSpace:
        """From vectors [U, r] in any axes, in the memory of one copy and a block."""
        turned_from = torch.as_tensor(vectors, device=device)
        inside = torch.as_tensor(background, device=device)
        n, width = max(int(inside.sum()), 1), turned_from.shape[1]
        total = torch.zeros(width, dtype=torch.float64, device=device)
        squares = torch.zeros(width, width, dtype=torch.float64, device=device)
        parts = list(zip(turned_from.split(_BLOCK), inside.split(_BLOCK), strict=True))
        for rows, chosen in parts:
            total += rows[chosen].double().sum(0)
        centre = total / n
        for rows, chosen in parts:
            apart = rows[chosen].double() - centre
            squares += apart.T @ apart
        values, axes = torch.linalg.eigh(squares / n)
        turned = torch.empty_like(turned_from)
        for rows, out in zip(turned_from.split(_BLOCK), turned.split(_BLOCK), strict=True):
            torch.mm(rows - centre.float(), axes.float(), out=out)
        return cls(turned, values.clamp(min=0.0).float(), inside)

    @cached_property
    def total(self) -> float:
        """Variance of all axes together: the unit in which λ is given."""
        return max(float(self.variance.sum()), 1e-12)

    def scores(self, supports: Sequence[np.ndarray], shrinkage: float) -> Tensor:
        """float32 [S, U], mean 0 and deviation 1 over the background, for S lists of customers.

        Args:
            supports: int64 positions of each brand's customers.
            shrinkage: λ as a share of `total`.
        """
        inverse = 1.0 / (self.variance + shrinkage * self.total)
        n = int(self.background.sum())
        sums = torch.stack([self.vectors[torch.as_tensor(one)].sum(0) for one in supports])
        size = torch.tensor([float(len(one)) for one in supports], device=self.vectors.device)[:, None]
        # The centre of the background is zero, so the sum over customers is already the covariance with
        # membership, whatever its mean.
        weights = sums / n * inverse
        scores = weights @ self.vectors.T
        if shrinkage not in self._hats:
            hat = self._hat(inverse / n).clamp(max=0.5)
            self._hats[shrinkage] = torch.where(self.background, hat, 0.0)
        leave_out = self._hats[shrinkage]
        scores = (scores + leave_out * size / n) / (1.0 - leave_out)
        rows = scores[:, self.background]
        return (scores - rows.mean(1, keepdim=True)) / rows.std(1, keepdim=True).clamp(min=1e-9)

    def match(self, customers: np.ndarray, shrinkage: float) -> np.ndarray:
        """`scores` of one list of customers, float64 [U]."""
        return self.scores([customers], shrinkage)[0].cpu().numpy().astype(np.float64)

    def _hat(self, scale: Tensor) -> Tensor:
        """Σ_j t_uj² · scale_j, float32 [U]; in blocks, as the squares of a million users are not wanted."""
        blocks = self.vectors.split(_BLOCK)
        return torch.cat([block.square() @ scale for block in blocks])
