"""Temporal MAML as a way of training: which tasks an epoch holds, and what a step does to the weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from models.ranking.features.instances import Instances
from models.ranking.instances.stream import InstanceBlock, Order
from models.ranking.training.learner import Learner
from models.ranking.training.maml import join, meta_gradient
from models.ranking.training.rates import InnerRates, MetaSettings
from models.ranking.training.temporal_tasks import TaskBatch, TaskSettings, TemporalTasks, user_groups

FIRST_USER_FIELD = 2  #: column of the first user field; user ID and item ID stand before it (`Features`)


class TemporalMAML:
    """A `Strategy` (Algorithm 1): diversified tasks in batches, an inner step each, an outer step for all."""

    def __init__(self, tasks: TaskSettings, meta: MetaSettings, dense_group: Callable[[str], str]) -> None:
        """Args: `dense_group` gives the parameter group of a dense parameter by its name."""
        self.tasks, self.meta, self.dense_group = tasks, meta, dense_group
        self.rates = InnerRates(meta)
        self._outer: torch.optim.Optimizer | None = None
        if self.rates.logarithms is not None:
            self._outer = torch.optim.Adam([self.rates.logarithms], lr=meta.outer_rate_of_rates)

    @property
    def order(self) -> Order:
        """See `Strategy.order`."""
        return "shuffled"

    def plan(
        self,
        block: InstanceBlock,
        epoch: int,  # noqa: ARG002
        generator: np.random.Generator,
    ) -> Sequence[TaskBatch]:
        """The task batches of an epoch within a block: every instance in one query set."""
        groups, data = None, block.data
        if not len(data):
            return []
        if self.tasks.task_granularity == "hour_x_group":
            groups = user_groups(data.rows.column(self._group_column), self.tasks.groups)
        return TemporalTasks(data.hour, self.tasks, groups).epoch(generator)

    def step(self, learner: Learner, data: Instances, item: TaskBatch) -> float:
        """One step of Algorithm 1, lines 4 to 8; returns the mean query loss at the adapted weights."""
        layout = learner.vocabulary.layout
        if self.tasks.task_granularity == "hour_x_group":
            fields = layout.columns("user_field")
            if self._group_column not in fields:
                raise ValueError(
                    f"group_field is {self.tasks.group_field}, but users have {len(fields)} fields; "
                    "choose a lower one or task_granularity 'hour'"
                )
        device = learner.device
        support = data.batch(item.support, item.support_weight).to(device)
        query = data.batch(item.query, item.query_weight).to(device)
        joined = join(support, query)
        self.rates.to(device)
        gradient = meta_gradient(
            learner.module,
            learner.table.gather(joined.unique),
            joined,
            self.rates,
            self.meta,
            learner.row_groups(joined.unique),
            self.dense_group,
        )
        learner.apply(gradient.rows, gradient.row_gradient, list(gradient.dense.values()))
        if self._outer is not None and self.rates.logarithms is not None:
            self.rates.logarithms.grad = gradient.rates
            self._outer.step()
        return float(gradient.query_loss.mean())

    def state(self) -> dict[str, Any]:
        """Learned rates and the moments of their optimiser; empty for fixed rates."""
        if self._outer is None:
            return {}
        return {"rates": self.rates.state_dict(), "outer": self._outer.state_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        """Take the state that `state` gave."""
        if self._outer is not None:
            # Moments go where their parameters lie: with those of a GPU's training, on the GPU.
            self.rates.to(state["rates"]["moved"].device)
            self.rates.load_state_dict(state["rates"])
            self._outer.load_state_dict(state["outer"])

    @property
    def _group_column(self) -> int:
        return FIRST_USER_FIELD + self.tasks.group_field
