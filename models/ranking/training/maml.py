"""Temporal MAML, all tasks of a batch at once, on the rows they touch (Algorithm 1, lines 4 to 8).

Each task gets its own copy of the table rows that it gathers (`localise_tasks`) and of the dense
parameters (expanded along a leading task axis, no memory until they move). So one forward pass, one backward
pass and one update serve every task, and a step costs O(rows touched), whatever the size of the table.

    θ'_t = θ − α ∇ L_support,t(θ)          the inner step
    ∇_θ Σ_t L_query,t(θ'_t)                the outer gradient, which the caller's optimiser applies
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from models.ranking.features.batch import Batch
from models.ranking.features.vocabulary import ITEM_ROWS
from models.ranking.training.rates import GROUPS, InnerRates, MetaSettings


@dataclass(frozen=True)
class Joined:
    """Support and query of the same tasks over one common set of row copies."""

    support: Batch
    query: Batch
    unique: Tensor  #: int64 [R] table rows, in order of (task, row)
    task: Tensor  #: int64 [R]
    support_at: Tensor  #: int64 [R_support] position of each of the support's rows in `unique`
    query_at: Tensor  #: int64 [R_query]


@dataclass(frozen=True)
class MetaGradient:
    """The outer gradient, and the losses of the step."""

    rows: Tensor  #: int64 [R'] table rows, ascending, each once
    row_gradient: Tensor  #: [R', W]
    dense: dict[str, Tensor]  #: by parameter name
    rates: Tensor | None  #: [G], of the logarithms of learned rates
    support_loss: Tensor  #: [T] before the inner step
    query_loss: Tensor  #: [T] after it


def join(support: Batch, query: Batch) -> Joined:
    """Find the row copies that support and query of a task share, so that one adapts what the other reads."""
    tasks = [_task_of_rows(batch) for batch in (support, query)]
    rows = torch.cat([support.unique, query.unique])
    stride = int(rows.max()) + 1
    keys, inverse = torch.unique(rows + stride * torch.cat(tasks), return_inverse=True)
    support_at, query_at = inverse.split([len(support.unique), len(query.unique)])
    return Joined(support, query, keys % stride, keys // stride, support_at, query_at)


def task_losses(logits: Tensor, batch: Batch) -> Tensor:
    """[T] mean cross-entropy of each task (Eq. 7) over its weighted instances; 0 for a task without any."""
    losses = F.binary_cross_entropy_with_logits(logits, batch.labels, reduction="none")
    return (losses * batch.weight).sum(1) / batch.weight.sum(1).clamp(min=1.0)


def expand(dense: Mapping[str, Tensor], tasks: int) -> dict[str, Tensor]:
    """Views of dense parameters with a leading task axis of the given length."""
    return {name: value.unsqueeze(0).expand(tasks, *value.shape) for name, value in dense.items()}


def inner_step(
    model: nn.Module,
    rows: Tensor,
    dense: Mapping[str, Tensor],
    joined: Joined,
    rates: Tensor,
    settings: MetaSettings,
    row_groups: Tensor,
    dense_group: Callable[[str], str],
) -> tuple[Tensor, dict[str, Tensor], Tensor]:
    """One gradient step of every task on its own support set.

    Args:
        model: obeys the forward contract, `model(rows, batch) -> logits [T, B]`.
        rows: [R, W] the copies named by `joined.unique`.
        dense: parameters with a task axis, see `expand`.
        joined: the tasks.
        rates: [G] rate of each parameter group, in the order of `GROUPS`.
        settings: `order`, `inner_groups` and `item_row_step` are read.
        row_groups: int64 [R] group (index into `GROUPS`) of each row.
        dense_group: group of a dense parameter by its name.

    Returns:
        Adapted rows [R, W], adapted dense parameters, and the support losses [T] before the step.
    """
    logits = functional_call(model, dict(dense), (rows[joined.support_at], joined.support))
    losses = task_losses(logits, joined.support)
    moving = [name for name in dense if dense_group(name) in settings.inner_groups]
    gradients = torch.autograd.grad(
        losses.sum(),
        [rows, *(dense[name] for name in moving)],
        create_graph=settings.order == 2,
        allow_unused=True,
        materialize_grads=True,
    )
    row_rates = rates[row_groups].unsqueeze(1)
    if settings.item_row_step == "row_mean":
        row_rates = row_rates * item_row_scale(joined, row_groups).unsqueeze(1)
    adapted = dict(dense)
    for name, gradient in zip(moving, gradients[1:], strict=True):
        adapted[name] = dense[name] - rates[GROUPS.index(dense_group(name))] * gradient
    return rows - row_rates * gradients[0], adapted, losses


def item_row_scale(joined: Joined, row_groups: Tensor) -> Tensor:
    """[R] set size ÷ count of the item: turns a set-mean gradient into a mean over the item's instances."""
    batch = joined.support
    count = batch.weight.new_zeros(len(joined.unique))
    count[joined.support_at] = batch.mentions()
    scale = batch.weight.sum(1)[joined.task] / count.clamp(min=1.0)
    return torch.where((row_groups == ITEM_ROWS) & (count > 0), scale, torch.ones_like(scale))


def meta_gradient(
    model: nn.Module,
    rows: Tensor,
    joined: Joined,
    rates: InnerRates,
    settings: MetaSettings,
    row_groups: Tensor,
    dense_group: Callable[[str], str],
) -> MetaGradient:
    """The gradient of the summed query losses at the adapted parameters (Algorithm 1, line 8).

    Nothing is updated: `rows` and `row_gradient` go to the row optimiser, `dense` to the dense one.

    Args:
        model: the dense parameters θ, and the forward pass.
        rows: [R, W] the table's rows at `joined.unique`.
        joined: support and query of T tasks.
        rates: inner rates.
        settings: order and shape of the inner step.
        row_groups: int64 [R] group (index into `GROUPS`) of each row.
        dense_group: group of a dense parameter by its name.
    """
    rows = rows.detach().requires_grad_()
    dense = dict(model.named_parameters())
    copies = expand(dense, len(joined.query.labels))
    adapted_rows, adapted, support_loss = inner_step(
        model, rows, copies, joined, rates(), settings, row_groups, dense_group
    )
    logits = functional_call(model, adapted, (adapted_rows[joined.query_at], joined.query))
    query_loss = task_losses(logits, joined.query)
    learned = [] if rates.logarithms is None else [rates.logarithms]
    gradients = torch.autograd.grad(
        query_loss.sum(), [rows, *dense.values(), *learned], allow_unused=True, materialize_grads=True
    )
    unique, inverse = torch.unique(joined.unique, return_inverse=True)
    summed = torch.zeros(len(unique), rows.shape[1], dtype=rows.dtype, device=rows.device)
    return MetaGradient(
        rows=unique,
        row_gradient=summed.index_add_(0, inverse, gradients[0]),
        dense=dict(zip(dense, gradients[1 : 1 + len(dense)], strict=True)),
        rates=gradients[-1] if learned else None,
        support_loss=support_loss.detach(),
        query_loss=query_loss.detach(),
    )


def _task_of_rows(batch: Batch) -> Tensor:
    if batch.task is not None:
        return batch.task
    if len(batch.labels) > 1:
        raise ValueError(
            f"a batch of {len(batch.labels)} tasks must say whose copy each of its rows is (Batch.task)"
        )
    return torch.zeros_like(batch.unique)
