"""The pairwise part of a factorisation machine (Rendle 2010): all pairs in time linear in the fields."""

from __future__ import annotations

from torch import Tensor


def pairwise(x_TBFD: Tensor) -> Tensor:
    """Sum over all pairs f < g of the inner products of fields: [..., F, D] → [...]."""
    total = x_TBFD.sum(-2)
    return 0.5 * (total.square().sum(-1) - x_TBFD.square().sum((-1, -2)))


def bi_interaction(x_TBFD: Tensor) -> Tensor:
    """Sum over all pairs f < g of the elementwise products of fields (NFM, Eq. 4): [..., F, D] → [..., D]."""
    return 0.5 * (x_TBFD.sum(-2).square() - x_TBFD.square().sum(-2))
