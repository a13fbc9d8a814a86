"""The hourly step with the rates that meta-training learned, in place of tuned ones."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from models.ranking.features.batch import Batch
from models.ranking.features.vocabulary import ITEM_ROWS
from models.ranking.training.adaptation import StepByStep, instances_per_row
from models.ranking.training.learner import Learner
from models.ranking.training.loop import loss_and_gradients
from models.ranking.training.rates import GROUPS, MetaSettings


class LearnedStep(StepByStep):
    """An `Adapter`: groups of the inner loop move as they do in it, the others by the training optimiser.

    The inner loop was trained on support sets of `TaskSettings.instances`; hourly mini-batches should have
    that size, or the rates are those of another step.
    """

    def __init__(
        self, rates: Tensor, settings: MetaSettings, continued: float, dense_group: Callable[[str], str]
    ) -> None:
        """Args: rates [G] in the order of `GROUPS`; `continued` scales the optimiser's rate for the rest."""
        self.rates, self.settings, self.continued, self.dense_group = rates, settings, continued, dense_group

    def step(self, learner: Learner, batch: Batch) -> float:
        """One gradient step on a batch with T = 1; returns its mean loss before the step."""
        loss, gradient, dense = loss_and_gradients(learner, batch)
        groups = learner.row_groups(batch.unique)
        inner = torch.tensor([group in self.settings.inner_groups for group in GROUPS], device=groups.device)
        learned = inner[groups]
        rates = self.rates.to(gradient)[groups]
        if self.settings.item_row_step == "row_mean":
            rates = torch.where(groups == ITEM_ROWS, rates * instances_per_row(batch), rates)
        rows = batch.unique[learned]
        moved = learner.table.gather(rows) - rates[learned].unsqueeze(1) * gradient[learned]
        others: list[Tensor | None] = []
        with torch.no_grad():
            for (name, parameter), slope in zip(learner.module.named_parameters(), dense, strict=True):
                group = self.dense_group(name)
                if group in self.settings.inner_groups:
                    parameter.sub_(float(self.rates[GROUPS.index(group)]) * slope)
                others.append(None if group in self.settings.inner_groups else slope)
        learner.apply(batch.unique[~learned], gradient[~learned], others, scale=self.continued)
        learner.table.scatter(rows, moved)
        learner.touch(rows)
        return loss
