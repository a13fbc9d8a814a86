"""Sequential training (SML, algorithm 1): hours in time order, each fitted, carried on, then judged.

For each period t, an hour that holds instances: fit ŵ on D_t from w_{t−1}; w_t = f_Θ(w_{t−1}, ŵ); then train
Θ on D_{t+1}, by its loss at f_Θ(w_{t−1}, ŵ). So w_t has seen nothing later than t, just as online, where it
ranks the next hour. The first periods are fitted plainly, as in the paper's pre-training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch

from models.ranking.features.instances import Instances
from models.ranking.instances.stream import InstanceBlock, Order
from models.ranking.sml.period import Period, fit, transferred
from models.ranking.sml.transfer import TransferSettings
from models.ranking.training.learner import Learner


@dataclass(frozen=True)
class Step:
    """One gradient step of the plan."""

    stage: Literal["pretrain", "fit", "transfer"]
    instances: np.ndarray  #: int64 [1, B]
    carries: bool = False  #: the period's last fit: its weights are carried on
    ends: bool = False  #: nothing more is done with the period


class SequentialTransfer:
    """A `Strategy`: fits fresh values period by period, and trains the transfer on what came next."""

    def __init__(
        self,
        settings: TransferSettings,
        *,
        pretrain: float,
        fit_batch: int,
        batch: int,
    ) -> None:
        """Args: share of instances to pre-train on; instances a step of a fit, and of every other step."""
        self._settings, self._pretrain = settings, pretrain
        self._fit_batch, self._batch = fit_batch, batch
        self._period: Period | None = None
        self._optimizer: torch.optim.Optimizer | None = None
        self._of_optimizer: dict[str, Any] | None = None  # restored before there is a learner to make one for

    @property
    def order(self) -> Order:
        """Hour after hour: a block holds whole hours."""
        return "time"

    def plan(self, block: InstanceBlock, epoch: int, generator: np.random.Generator) -> Sequence[Step]:
        """The steps of an epoch within a block: pre-training in the first one, then every hour in time order.

        The first hour of a block trains the transfer of the last period of the block before.
        """
        edges = block.stream.hour_edges
        fitted = 0  # the first period that is: the last of all always, as online goes on from it
        if epoch == 0:
            fitted = min(int(np.searchsorted(edges, self._pretrain * edges[-1])), len(edges) - 2)
        first, end = np.searchsorted(edges, [block.first, block.first + len(block.data)]).tolist()
        edges = edges - block.first
        before = generator.permutation(edges[max(first, min(fitted, end))])
        plan = [Step("pretrain", part) for part in _parts(before, self._batch)]
        for t in range(max(first, fitted), end):
            hour = np.arange(edges[t], edges[t + 1])
            if t > fitted:
                parts = _parts(generator.permutation(hour), self._batch)
                plan += [Step("transfer", part) for part in parts[:-1]]
                plan.append(Step("transfer", parts[-1], ends=True))
            # In time order, as an hour comes online.
            parts = _parts(hour, self._fit_batch)
            plan += [Step("fit", part) for part in parts[:-1]]
            plan.append(Step("fit", parts[-1], carries=True, ends=t == len(edges) - 2))
        return plan

    def step(self, learner: Learner, data: Instances, item: Step) -> float:
        """One step of pre-training, of ŵ or of Θ; returns its mean cross-entropy."""
        batch = data.batch(item.instances).to(learner.device)
        if item.stage == "pretrain":
            return fit(learner, batch, self._settings)
        if item.stage == "fit":
            self._period = self._period or Period(learner)
            loss = self._period.fit(learner, batch, self._settings)
            if item.carries:
                self._period.carry(learner)
        else:
            if self._period is None:
                raise RuntimeError("the transfer is trained on the data after a period that was fitted")
            loss = self._train_transfer(learner, self._period.judge(learner, batch))
        if item.ends:
            self._period = None
        return loss

    def state(self) -> dict[str, Any]:
        """The period under way and the moments of Θ's optimiser."""
        optimizer = self._of_optimizer if self._optimizer is None else self._optimizer.state_dict()
        return {"period": None if self._period is None else self._period.state(), "optimizer": optimizer}

    def restore(self, state: dict[str, Any]) -> None:
        """Take what `state` gave."""
        self._period = None if state["period"] is None else Period.restored(state["period"])
        self._optimizer, self._of_optimizer = None, state["optimizer"]

    def _train_transfer(self, learner: Learner, loss: torch.Tensor) -> float:
        parameters = transferred(learner).theta()
        if self._optimizer is None:
            self._optimizer = torch.optim.Adam(
                parameters, lr=self._settings.rate, weight_decay=self._settings.penalty
            )
            if self._of_optimizer is not None:
                self._optimizer.load_state_dict(self._of_optimizer)
        slopes = torch.autograd.grad(loss, parameters, allow_unused=True)
        for parameter, slope in zip(parameters, slopes, strict=True):
            parameter.grad = slope
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        return float(loss.detach())


def _parts(instances: np.ndarray, size: int) -> list[np.ndarray]:
    """Consecutive steps of at most `size` instances, each [1, B]."""
    return [instances[None, i : i + size] for i in range(0, len(instances), size)]
