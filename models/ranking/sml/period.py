"""What SML does with the data of one period, in daily training and in an hour online alike.

    fit      fresh values ŵ by gradient steps on the period's mini-batches, from w of the period before
    carry    w = f_Θ(w before, ŵ), for the rows that the period touched and for the dense weights
    judge    the loss of f_Θ(w before, ŵ) on the next period's data, by which Θ is trained

The table and the module hold ŵ while fitting, w after `carry`. Costs follow the rows touched.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from models.layers.embedding import Rows
from models.ranking.features.batch import Batch
from models.ranking.sml.transfer import Transferred, TransferSettings
from models.ranking.training.learner import Learner
from models.ranking.training.loop import cross_entropy


class Period:
    """The values at a period's start of whatever the period has touched; and, carried on, the fresh ones."""

    def __init__(self, learner: Learner) -> None:
        """Start a period at the learner's present weights."""
        self.touched = torch.empty(0, dtype=torch.int64, device=learner.device)  # ascending
        self.old = learner.table.gather(self.touched)  # [n, W]
        self.old_dense = _copies(learner)
        self.fresh: Tensor | None = None  # [n, W]
        self.fresh_dense: list[Tensor] = []

    def fit(self, learner: Learner, batch: Batch, settings: TransferSettings) -> float:
        """One gradient step on ŵ, at the loss of f_Θ(w before, ŵ); returns the loss before it."""
        module = transferred(learner)
        groups = learner.row_groups(batch.unique)
        self._see(learner.table, batch.unique[module.moving(groups)])

        def through(fresh: Tensor, dense: Mapping[str, Tensor]) -> Tensor:
            old, position = fresh.detach().clone(), torch.searchsorted(self.touched, batch.unique)
            moving = module.moving(groups)
            old[moving] = self.old[position[moving]]
            return module.logits(module.rows(groups, old, fresh), module.dense(self.old_dense, dense), batch)

        return fit(learner, batch, settings, scale=settings.fit_rate, logits=through)

    @torch.no_grad()
    def carry(self, learner: Learner) -> None:
        """Replace ŵ by w = f_Θ(w before, ŵ) in table and module; ŵ is kept for `judge`."""
        module = transferred(learner)
        self.fresh, self.fresh_dense = learner.table.gather(self.touched), _copies(learner)
        if learner.average is not None:
            learner.average.before(learner.table, self.touched)
        rows = module.rows(learner.row_groups(self.touched), self.old, self.fresh)
        learner.table.scatter(self.touched, rows)
        learner.touch(self.touched)
        weights = dict(module.ranker.named_parameters())
        for name, value in module.dense(self.old_dense, weights).items():
            weights[name].copy_(value)
        if learner.average is not None:
            learner.average.after(learner.table, self.touched, module)

    def judge(self, learner: Learner, batch: Batch) -> Tensor:
        """Mean cross-entropy of a later batch at f_Θ(w before, ŵ), differentiable by Θ alone.

        Rows that the period left alone are read as they are. Call after `carry`.
        """
        if self.fresh is None:
            raise RuntimeError("a period is judged after it has been carried on")
        module = transferred(learner)
        rows = learner.table.gather(batch.unique)
        if len(self.touched):
            position = torch.searchsorted(self.touched, batch.unique).clamp(max=len(self.touched) - 1)
            at = (self.touched[position] == batch.unique).nonzero().squeeze(1)
            position = position[at]
            groups = learner.row_groups(batch.unique[at])
            rows = rows.index_copy(0, at, module.rows(groups, self.old[position], self.fresh[position]))
        names = [name for name, _ in module.ranker.named_parameters()]
        dense = module.dense(self.old_dense, dict(zip(names, self.fresh_dense, strict=True)))
        return cross_entropy(module.logits(rows, dense, batch), batch)

    def state(self) -> dict[str, Any]:
        """For checkpoints."""
        return dict(vars(self))

    @classmethod
    def restored(cls, state: dict[str, Any]) -> Period:
        """The period whose `state` this is."""
        period = cls.__new__(cls)
        vars(period).update(state)
        return period

    def _see(self, table: Rows, rows: Tensor) -> None:
        """Remember what rows int64 [r], ascending, hold now, if this is the first time they are touched."""
        position = torch.searchsorted(self.touched, rows)
        known = torch.zeros_like(rows, dtype=torch.bool)
        inside = position < len(self.touched)
        known[inside] = self.touched[position[inside]] == rows[inside]
        new = rows[~known]
        if len(new):
            self.touched, order = torch.cat([self.touched, new]).sort()
            self.old = torch.cat([self.old, table.gather(new)])[order]


def fit(
    learner: Learner,
    batch: Batch,
    settings: TransferSettings,
    *,
    scale: float = 1.0,
    logits: Callable[[Tensor, Mapping[str, Tensor]], Tensor] | None = None,
) -> float:
    """One step of the training optimiser on the ranker's weights, Θ left alone.

    Args:
        learner: what moves, with a `Transferred` as its module.
        batch: the instances.
        settings: λ1 is read.
        scale: of the training rate.
        logits: of rows [R, W] and dense weights by name; None takes the ranker as it is.

    Returns:
        The mean cross-entropy before the step.
    """
    module = transferred(learner)
    rows = learner.table.gather(batch.unique).requires_grad_()
    dense = dict(module.ranker.named_parameters())
    loss = cross_entropy(module(rows, batch) if logits is None else logits(rows, dense), batch)
    gradient, *slopes = torch.autograd.grad(
        loss, [rows, *dense.values()], allow_unused=True, materialize_grads=True
    )
    presence = batch.mentions() / batch.weight.sum().clamp(min=1.0)
    gradient = gradient + settings.fit_penalty * presence.unsqueeze(1) * rows.detach()
    others = [None] * (len(list(module.parameters())) - len(slopes))  # Θ stands after the ranker
    moving = module.moving(learner.row_groups(batch.unique))
    learner.apply(batch.unique[moving], gradient[moving], [*slopes, *others], scale=scale)
    return float(loss.detach())


def transferred(learner: Learner) -> Transferred:
    """The learner's module, which SML's steps know to be a `Transferred`."""
    assert isinstance(learner.module, Transferred)
    return learner.module


def _copies(learner: Learner) -> list[Tensor]:
    return [parameter.detach().clone() for parameter in transferred(learner).ranker.parameters()]
