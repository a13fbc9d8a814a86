"""The training loop that every system shares: a strategy's steps, checkpoints, exact resume, progress.

Instances come in blocks, and the plan of a block is drawn from (seed, epoch, block) alone, so a run that was
killed deals the same blocks and draws the same steps again, skips those that its checkpoint holds, and ends
with the same weights, bit for bit (CPU).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from models.mapped import give_back
from models.progress import Progress, silent
from models.ranking.features.batch import Batch
from models.ranking.features.instances import Instances
from models.ranking.instances.stream import InstanceBlock, InstanceStream, Order
from models.ranking.training.checkpoint import Checkpoint, Position, Resumable
from models.ranking.training.learner import Learner
from models.settings import Settings

GIVE_BACK_STEPS = 4  #: from one look at the memory that mapped files take to the next


class TrainingSettings(Settings):
    """How a daily model is trained."""

    epochs: int = Field(default=1, ge=1)  #: passes over the training instances
    batch_size: int = Field(default=256, ge=1)  #: instances a step, in plain training
    optimizer: Literal["adam", "adagrad"] = "adam"  #: of dense parameters and of the touched rows
    learning_rate: float = Field(default=1e-3, gt=0)  #: of that optimiser
    order: Literal["shuffled", "time"] = "shuffled"  #: of instances in plain training
    #: decay of the moving average of weights; None keeps the last weights
    average: float | None = Field(default=0.99, gt=0, lt=1)
    embedding_std: float = Field(default=0.01, gt=0)  #: standard deviation of fresh embeddings
    #: train on the last days only (the paper: 8); counts still see everything. None: on all days
    window_days: int | None = Field(default=8, ge=1)
    #: neighbours and lists of behaviours reach so far back for clicks; for what was shown and not clicked, as
    #: far as `window_days`. None: to the first day
    click_days: int | None = Field(default=28, ge=1)
    #: instances in memory at a time; more come in blocks, each of which holds a part of every hour
    block_size: int = Field(default=2**20, ge=1)
    #: the row that a user or item reads in training on its first day (or in its first hour only): its own, or
    #: the OOV row, as when the model will rank newcomers
    newcomers: Literal["own", "hour", "day"] = "day"
    #: `time` (ours, spec 9.4): after the epochs, one more plain pass in time order for which item rows are
    #: reset, and an item is new in its first hour only: the model learns to live with young item rows
    last_pass: Literal["none", "time"] = "none"
    last_pass_rate: float = Field(default=1.0, gt=0)  #: of that pass, times the training rate
    checkpoint_steps: int = Field(default=2000, ge=1)  #: a checkpoint is also written after every epoch


class Diverged(ValueError):
    """A training whose loss is no longer a number."""


class Strategy(Resumable, Protocol):
    """A way of training: plain mini-batches, say, or temporal MAML."""

    @property
    def order(self) -> Order:
        """Its blocks: of parts of all hours, of hour after hour, or none, as it reads the stream itself."""

    def plan(self, block: InstanceBlock, epoch: int, generator: np.random.Generator) -> Sequence[Any]:
        """The steps of an epoch within a block, drawn from `generator` alone."""

    def step(self, learner: Learner, data: Instances, item: Any) -> float:
        """Take one step of the plan on the block's instances; returns its mean loss."""


class Stateless:
    """What the strategies share that learn nothing beyond the weights."""

    def state(self) -> dict[str, Any]:
        """Nothing of its own."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Nothing to take."""


class Plain(Stateless):
    """Mini-batches over all instances, each once an epoch."""

    def __init__(self, settings: TrainingSettings, scale: float = 1.0) -> None:
        """Args: `scale` times the training rate is that of a step."""
        self._settings, self._scale = settings, scale

    @property
    def order(self) -> Order:
        """See `Strategy.order`."""
        return self._settings.order

    def plan(self, block: InstanceBlock, epoch: int, generator: np.random.Generator) -> Sequence[np.ndarray]:  # noqa: ARG002
        """Instance positions [1, B] of each step."""
        n = len(block.data)
        order = np.arange(n) if self.order == "time" else generator.permutation(n)
        size = self._settings.batch_size
        return [chunk[None] for chunk in np.split(order, range(size, len(order), size))]

    def step(self, learner: Learner, data: Instances, item: np.ndarray) -> float:
        """One optimiser step on a mini-batch."""
        batch = data.batch(item).to(learner.device)
        loss, gradient, dense = loss_and_gradients(learner, batch)
        learner.apply(batch.unique, gradient, dense, scale=self._scale)
        return loss


def cross_entropy(logits: Tensor, batch: Batch) -> Tensor:
    """Mean cross-entropy (Eq. 7) over the weighted instances of all tasks: a scalar."""
    losses = F.binary_cross_entropy_with_logits(logits, batch.labels, reduction="none")
    return (losses * batch.weight).sum() / batch.weight.sum().clamp(min=1.0)


def loss_and_gradients(learner: Learner, batch: Batch) -> tuple[float, Tensor, list[Tensor]]:
    """Mean loss of a batch, its gradient for the touched rows [R, W], and those of the dense parameters."""
    rows = learner.table.gather(batch.unique).requires_grad_()
    logits = learner.module(rows, batch)
    with torch.no_grad():  # the loss's own slope is known: nothing is recorded for it
        loss = cross_entropy(logits, batch)
        slope = (torch.sigmoid(logits) - batch.labels) * batch.weight / batch.weight.sum().clamp(min=1.0)
    gradient, *dense = torch.autograd.grad(
        logits, [rows, *learner.parameters], slope, allow_unused=True, materialize_grads=True
    )
    return float(loss), gradient, dense


@dataclass(frozen=True)
class Phase:
    """A part of a training: some epochs over some instances, in one way."""

    data: InstanceStream
    strategy: Strategy
    epochs: int
    #: done once before the phase; what it returns goes into checkpoints and comes back with the losses
    begin: Callable[[Learner], dict[str, Any]] | None = None


def fit(
    learner: Learner,
    phases: Sequence[Phase],
    settings: TrainingSettings,
    *,
    seed: int,
    checkpoint: Path | None = None,
    fingerprint: str = "",
    progress: Progress = silent,
) -> tuple[list[float], dict[str, Any]]:
    """Train to the end of the last phase, from `checkpoint` if it holds a state of the same `fingerprint`.

    Raises:
        Diverged: the loss of a step is NaN or infinite.

    Returns:
        Mean training loss of each epoch, and what the phases' beginnings returned.
    """
    strategies = list({id(phase.strategy): phase.strategy for phase in phases}.values())
    saved = Checkpoint(checkpoint, fingerprint, learner, strategies)
    state = saved.resume()
    while state.phase < len(phases):
        phase = phases[state.phase]
        if phase.begin is not None and not state.begun:
            state.notes |= phase.begin(learner)
            state.begun = True
            saved.save(state)
        # One count of epochs over all phases: no two of them draw alike.
        draw = [seed, len(state.losses)]
        for block in phase.data.blocks(phase.strategy.order, settings.block_size, draw, state.block):
            plan = phase.strategy.plan(block, state.epoch, np.random.default_rng([*draw, block.number]))
            _train_block(learner, phase, block, plan, state, settings, progress, saved)
            state.block, state.done = block.number + 1, 0
            if state.block < block.of:
                saved.save(state)
        state.losses.append(state.total / max(state.steps, 1))
        state.epoch, state.block, state.steps, state.total = state.epoch + 1, 0, 0, 0.0
        if state.epoch == phase.epochs:
            state.phase, state.epoch, state.begun = state.phase + 1, 0, False
        saved.save(state)
    return state.losses, state.notes


def _train_block(
    learner: Learner,
    phase: Phase,
    block: InstanceBlock,
    plan: Sequence[Any],
    state: Position,
    settings: TrainingSettings,
    progress: Progress,
    saved: Checkpoint,
) -> None:
    reported = time.monotonic()
    while state.done < len(plan):
        state.total += phase.strategy.step(learner, block.data, plan[state.done])
        state.done, state.steps = state.done + 1, state.steps + 1
        if state.done % GIVE_BACK_STEPS == 0:
            give_back()
        if not math.isfinite(state.total):
            raise Diverged(_diverged(state, settings.learning_rate))
        if time.monotonic() - reported > 0.5 or state.done == len(plan):
            before = (state.epoch * block.of + block.number) * len(plan)
            progress("train", before + state.done, phase.epochs * block.of * len(plan))
            reported = time.monotonic()
        if state.done % settings.checkpoint_steps == 0 and state.done < len(plan):
            saved.save(state)


def _diverged(state: Position, rate: float) -> str:
    return (
        f"training diverged: the loss of step {state.steps} of epoch {len(state.losses) + 1} is not finite; "
        f"lower the system's learning rate (training.learning_rate is {rate:g})"
    )
