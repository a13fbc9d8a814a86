"""The fusion of short- and long-term representations (paper 3.4, Eqs. 4 and 5), for several tasks at once."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.layers.attention import glorot


class FusionGate(nn.Module):
    """`[g_s, g_l] = softmax([w_s·[u^s ‖ d], w_l·[u^l ‖ d]])` and `u = g_s·u^s + g_l·u^l`.

    **(ours)** A user without neighbours has a zero vector; a learned number, zero at first, is then added to
    that side's score, so that the gate can tell 'nothing known' from a vector that happens to be small. With
    `see_missing=False` the gate is the printed one.
    """

    def __init__(self, width: int, *, generator: torch.Generator, see_missing: bool = True) -> None:
        super().__init__()
        self.short_weight = glorot(2 * width, 1, generator=generator)  #: w_s
        self.long_weight = glorot(2 * width, 1, generator=generator)  #: w_l
        self.missing = nn.Parameter(torch.zeros(1, 2)) if see_missing else None

    def forward(
        self, short: Tensor, long: Tensor, target: Tensor, present: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Fuse.

        Args:
            short: float [T, B, D], u^s.
            long: float [T, B, D], u^l.
            target: float [T, B, D], the target item's embedding d.
            present: bool [T, B, 2], whether the short and the long side know the user; None means they all
                do.

        Returns:
            the user's representation float [T, B, D], and the weights (g_s, g_l) float [T, B, 2].
        """
        scores = torch.cat(
            [
                torch.cat([short, target], dim=-1) @ self.short_weight,
                torch.cat([long, target], dim=-1) @ self.long_weight,
            ],
            dim=-1,
        )
        if self.missing is not None and present is not None:
            scores = scores + self.missing * (~present)
        weights = torch.softmax(scores, dim=-1)
        return weights[..., :1] * short + weights[..., 1:] * long, weights
