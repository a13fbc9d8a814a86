"""The hourly one-pass update (spec 5 and 9.2): every instance in exactly one gradient step, in time order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol

import torch
from pydantic import Field
from torch import Tensor

from models.ranking.features.batch import Batch
from models.ranking.features.vocabulary import ITEM_ROWS
from models.ranking.training.learner import Learner
from models.ranking.training.loop import cross_entropy, loss_and_gradients
from models.settings import Settings


class AdaptationSettings(Settings):
    """The hourly step: the printed rule, ours, or none (a static daily model).

    `replayed` takes the two-speed step at the rates that would have paid on the last training day, or none
    if none would (`replay.py`). `learned` takes the rates that meta-training learned; only systems
    trained with learned rates know it.
    """

    #: `sgd` is printed; `two_speed`, `replayed` and `learned` are ours; `none` is static
    online: Literal["two_speed", "replayed", "sgd", "learned", "none"] = "two_speed"
    batch_size: int = Field(default=128, ge=1)  #: instances a step, in time order
    #: `sgd`: the inner-loop rate, on batch-mean gradients, for everything
    sgd_rate: float = Field(default=0.01, gt=0)
    #: `two_speed`: of item-ID rows, on the mean gradient of a row's own instances
    item_rate: float = Field(default=0.02, ge=0)
    #: `two_speed`: rows that the daily training has moved take this share of `item_rate`, those that were new
    #: to it all of it
    settled: float = Field(default=0.25, ge=0)
    continued: float = Field(default=0.1, ge=0)  #: `two_speed`: everything else, times the training rate
    #: `two_speed`: everything else learns from errors less what is the item's own and what is the hour's: of
    #: an item that a mini-batch holds n times, n / (n + pooling) of its mean error, then the mean of all. The
    #: smaller, the more is left to the item's row. None: from the errors as they are
    pooling: float | None = Field(default=1.0, gt=0)
    #: `replayed`: pairs of item_rate and continued to try, beside no step at all; the first is taken where
    #: no instances can try them
    candidates: tuple[tuple[float, float], ...] = Field(default=((0.02, 0.1), (0.05, 0.3)), min_length=1)
    #: `replayed`: a candidate must gain so many standard errors over the still model
    margin: float = Field(default=1.0, ge=0)


@dataclass(frozen=True)
class AdaptReport:
    """What an hour's adaptation did."""

    instances: int
    steps: int
    loss: float  #: mean cross-entropy before each step; NaN without a step
    new_users: int  #: that got a row of their own
    new_items: int
    seconds: float


class Adapter(Protocol):
    """The online step: called once for every mini-batch of an hour, in time order."""

    def step(self, learner: Learner, batch: Batch) -> float:
        """One gradient step on a batch with T = 1; returns its mean loss before the step."""

    def finish(self, learner: Learner) -> None:
        """The hour's last mini-batch has been used."""


class StepByStep:
    """What the rules share for which an hour ends with its last step."""

    def finish(self, learner: Learner) -> None:
        """Nothing more to do."""


class Sgd(StepByStep):
    """The printed rule: the inner loop's plain SGD on everything."""

    def __init__(self, settings: AdaptationSettings) -> None:
        self._rate = settings.sgd_rate

    def step(self, learner: Learner, batch: Batch) -> float:
        """θ ← θ − α ∇ mean loss."""
        loss, gradient, dense = loss_and_gradients(learner, batch)
        learner.table.scatter(batch.unique, learner.table.gather(batch.unique) - self._rate * gradient)
        learner.touch(batch.unique)
        with torch.no_grad():
            for parameter, slope in zip(learner.module.parameters(), dense, strict=True):
                parameter.sub_(self._rate * slope)
        return loss


class TwoSpeed(StepByStep):
    """Item-ID rows by the mean gradient of the row's own instances; the rest continues training, slowly.

    A row that training has moved knows its item from far more instances than an hour has: it takes part of
    the step. And an hour has few items: that they are liked more or less than was thought is theirs, and not
    to be learned of whatever else they have in common, which is all that the next newcomer has (`pooling`).
    """

    def __init__(self, settings: AdaptationSettings) -> None:
        self._settings = settings

    @classmethod
    def at(cls, settings: AdaptationSettings, rates: tuple[float, float]) -> TwoSpeed:
        """The step at a candidate's `item_rate` and `continued`."""
        item_rate, continued = rates
        return cls(settings.model_copy(update={"item_rate": item_rate, "continued": continued}))

    def step(self, learner: Learner, batch: Batch) -> float:
        """One step at both speeds."""
        loss, own, gradient, dense = self._gradients(learner, batch)
        items = learner.row_groups(batch.unique) == ITEM_ROWS
        rows = batch.unique[items]
        rate = self._settings.item_rate * instances_per_row(batch)[items]
        rate = torch.where(learner.rows.has_moved(rows), self._settings.settled * rate, rate)
        moved = learner.table.gather(rows) - rate.unsqueeze(1) * own[items]
        learner.apply(batch.unique[~items], gradient[~items], dense, scale=self._settings.continued)
        learner.table.scatter(rows, moved)
        learner.touch(rows)
        return loss

    def _gradients(self, learner: Learner, batch: Batch) -> tuple[float, Tensor, Tensor, list[Tensor]]:
        """Mean loss, its gradient for rows [R, W], and that of the rest for rows and dense weights."""
        if self._settings.pooling is None:
            loss, own, dense = loss_and_gradients(learner, batch)
            return loss, own, own, dense
        values = learner.table.gather(batch.unique).requires_grad_()
        logits = learner.module(values, batch)
        with torch.no_grad():
            mean_loss = cross_entropy(logits, batch)
            error = torch.sigmoid(logits) - batch.labels
            share = batch.weight / batch.weight.sum().clamp(min=1.0)
            left = within_items(error, batch, learner.vocabulary.item_column, self._settings.pooling)
        (own,) = torch.autograd.grad(logits, [values], share * error, retain_graph=True)
        gradient, *dense = torch.autograd.grad(
            logits, [values, *learner.parameters], share * left, allow_unused=True, materialize_grads=True
        )
        return float(mean_loss), own, gradient, dense


def within_items(error: Tensor, batch: Batch, column: int, pooling: float) -> Tensor:
    """Errors [1, B] less n / (n + pooling) of the mean of their item's n in the batch, less the mean of all.

    What is left is what generalised least squares would weigh, were each item to have an effect of its own
    whose variance is that of an instance's noise, divided by `pooling`. Padding counts nowhere.
    """
    weight, item = batch.weight[0], batch.fields[0, :, column]
    count, total = error.new_zeros(2, len(batch.unique))
    count.index_add_(0, item, weight)
    total.index_add_(0, item, weight * error[0])
    left = error[0] - (total / (count + pooling))[item]
    return (left - (weight * left).sum() / weight.sum().clamp(min=1.0)).unsqueeze(0)


def instances_per_row(batch: Batch) -> Tensor:
    """[R] instances of the batch ÷ those that have the row as a field: turns a batch mean into a row mean.

    1 for rows that are in the batch only as neighbours.
    """
    count = batch.mentions()
    return torch.where(count > 0, batch.weight.sum() / count.clamp(min=1.0), torch.ones_like(count))


def adapter(settings: AdaptationSettings, strategy_state: dict[str, Any]) -> Adapter | None:
    """The step that the settings name; None where the model stays as it is.

    Args:
        settings: the rule.
        strategy_state: what training learned; `replayed` reads what was chosen under `replay`.
    """
    if settings.online == "none":
        return None
    if settings.online == "learned":
        raise ValueError("adaptation.online is 'learned', which needs a system with learned meta.inner_rates")
    if settings.online == "sgd":
        return Sgd(settings)
    if settings.online == "two_speed":
        return TwoSpeed(settings)
    chosen = strategy_state["replay"]["chosen"]
    if chosen < 0:
        return None
    return TwoSpeed.at(settings, settings.candidates[chosen])
