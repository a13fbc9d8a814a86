"""The click graph factorised: a truncated singular value decomposition in the place of walks **(ours)**.

    A_ui = 1 / √((clicks of u + a) (clicks of i + b))   where u clicked i, in any application
    A ≈ U S Vᵀ,   user vectors U √S,   item vectors V √S

A product of random-walk vectors says next to nothing of a pair (docs/decisions, 0014); that of these vectors
does, and they cost seconds. Subspace iteration (Halko, Martinsson and Tropp 2011, algorithm 4.4) finds
them, starting from the day before: a day's graph is nearly that of the day before.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from pydantic import Field
from torch import Tensor

from models.settings import Settings

OVERSAMPLED = 8  #: columns beyond the width that make the iteration converge in few rounds


class FactorSettings(Settings):
    """The factorised click graph."""

    width: int = Field(default=48, ge=1)  #: of a vector
    user_shrinkage: float = Field(default=10.0, ge=0)  #: a: clicks added to every user's
    item_shrinkage: float = Field(default=30.0, ge=0)  #: b: clicks added to every item's
    rounds: int = Field(default=8, ge=1)  #: of subspace iteration, from a random start
    warm_rounds: int = Field(default=3, ge=1)  #: from the day before
    #: training days with vectors of their own, counted back from the end; earlier instances have none
    days: int = Field(default=14, ge=1)


@dataclass(frozen=True)
class Factors:
    """One graph's vectors, zero for users and items without a click."""

    users: Tensor  #: float32 [U, width]
    items: Tensor  #: float32 [I, width]


def factorise(
    users: Tensor, items: Tensor, sizes: tuple[int, int], settings: FactorSettings, before: Factors | None
) -> Factors:
    """Factors of the graph whose edges are the distinct pairs among clicks.

    Args:
        users, items: int64 [C] of each click.
        sizes: numbers of users U and of items I.
        before: the factors of the day before, of the same sizes: where to start, and what to turn the axes
            towards, so that a model may be trained on several days' vectors. None, or all zero: start anew.
    """
    width = settings.width
    if before is not None and not before.items.any():
        before = None
    pairs = torch.unique(users * sizes[1] + items)
    if not len(pairs):
        return Factors(torch.zeros(sizes[0], width), torch.zeros(sizes[1], width))
    user, item = pairs // sizes[1], pairs % sizes[1]
    of_user = torch.bincount(user, minlength=sizes[0]).double() + settings.user_shrinkage
    of_item = torch.bincount(item, minlength=sizes[1]).double() + settings.item_shrinkage
    weight = (of_user[user] * of_item[item]).rsqrt().float()
    forth, back = _sparse(user, item, weight, sizes), _sparse(item, user, weight, sizes[::-1])
    columns = min(width + OVERSAMPLED, *sizes)
    basis = torch.randn(sizes[1], columns, generator=torch.Generator().manual_seed(0))
    if before is not None:
        used = before.items.norm(dim=0)[:columns] > 0
        basis[:, : len(used)][:, used] = before.items[:, :columns][:, used]
    for _ in range(settings.rounds if before is None else settings.warm_rounds):
        basis = torch.linalg.qr(back @ (forth @ basis)).Q
    image = forth @ basis
    values, axes = torch.linalg.eigh((image.T @ image).double())
    order = values.argsort(descending=True)[:width]
    singular = values[order].clamp_min(0).sqrt()
    axes = axes[:, order]
    inverse = torch.where(singular > 1e-6 * singular.max(), singular.clamp_min(1e-12).rsqrt(), 0.0)
    factors = Factors(
        _padded((image.double() @ axes * inverse).float(), width),
        _padded((basis.double() @ axes * singular.sqrt()).float(), width),
    )
    return factors if before is None else _turned(factors, before)


def _turned(factors: Factors, before: Factors) -> Factors:
    """The same products in the axes nearest to those of the day before (orthogonal Procrustes)."""
    first, _, second = torch.linalg.svd(factors.items.T.double() @ before.items.double())
    turn = (first @ second).float()
    return Factors(factors.users @ turn, factors.items @ turn)


def _sparse(rows: Tensor, columns: Tensor, weight: Tensor, sizes: tuple[int, ...]) -> Tensor:
    at = torch.stack([rows, columns])
    return torch.sparse_coo_tensor(at, weight, size=sizes, check_invariants=False).coalesce()


def _padded(vectors: Tensor, width: int) -> Tensor:
    return torch.nn.functional.pad(vectors, (0, width - vectors.shape[1]))
