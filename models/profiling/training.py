"""Meta-training: episodes, Adam with a cyclical learning rate and then warm restarts, exact resume.

An episode is drawn from (seed, step) alone, so a run that was killed goes on from its checkpoint to the same
weights, bit for bit (CPU).
"""

from __future__ import annotations

import copy
import math
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from models.files import replace_file
from models.profiling.episodes import Episode, EpisodeSampler, episode_loss
from models.profiling.inputs import ProfileInputs
from models.profiling.network import ProfileNetwork
from models.profiling.settings import MetaProfileSettings, ScheduleSettings, ValidationSettings
from models.progress import Progress
from models.unfinished import read_unfinished

STAGE = "meta-profile"


def learning_rate(schedule: ScheduleSettings, step: int) -> float:
    """Of a step, from 0: triangles between `low` and `high` [28], then cosine periods from `high` [29]."""
    if step < schedule.cyclical_steps:
        position = (step % schedule.cycle) / schedule.cycle
        return schedule.low + (schedule.high - schedule.low) * (1.0 - abs(2.0 * position - 1.0))
    position, period = step - schedule.cyclical_steps, schedule.first_period
    while position >= period:
        position, period = position - period, period * schedule.period_factor
    return schedule.floor + (schedule.high - schedule.floor) * 0.5 * (
        1.0 + math.cos(math.pi * position / period)
    )


def scaled(schedule: ScheduleSettings, steps: int, rate: float = 1.0) -> ScheduleSettings:
    """The same shape in so many steps, its rates times `rate`."""
    share = steps / max(schedule.steps, 1)
    cyclical = round(schedule.cyclical_steps * share)
    return schedule.model_copy(
        update={
            "cyclical_steps": cyclical,
            "restart_steps": steps - cyclical,
            "cycle": max(round(schedule.cycle * share), 2),
            "first_period": max(round(schedule.first_period * share), 1),
            "low": schedule.low * rate,
            "high": schedule.high * rate,
        }
    )


@dataclass
class Training:
    """All that moves while a network is trained."""

    network: ProfileNetwork
    inputs: ProfileInputs
    sampler: EpisodeSampler
    schedule: ScheduleSettings
    seed: int
    hidden_share: float = 0.0
    validation: ValidationSettings = field(default_factory=ValidationSettings)
    held_out: EpisodeSampler | None = None
    step: int = 0
    losses: list[float] = field(default_factory=list)
    looks: list[float] = field(default_factory=list)
    best: dict[str, torch.Tensor] | None = None

    def __post_init__(self) -> None:
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=self.schedule.high)
        self._fixed = [] if self.held_out is None else self._held_out_episodes(self.held_out)

    def run(
        self,
        *,
        progress: Progress | None = None,
        checkpoint: Path | None = None,
        checkpoint_steps: int = 50,
        fingerprint: str = "",
        stage: str = STAGE,
    ) -> list[float]:
        """Train to the last step, from `checkpoint` if it holds a state of the same `fingerprint`.

        Leaves the network with its last weights, or with the best ones where users are held out, in
        evaluation mode. Returns the loss of each step.
        """
        saved = read_unfinished(checkpoint, self.inputs.device)
        if saved is not None:
            self._resume(saved, fingerprint)
        reported = time.monotonic()
        while self.step < self.schedule.steps and not self._stopped:
            self.losses.append(self.take_step())
            if self._fixed and self.step % self.validation.every == 0:
                self._look()
            if progress is not None and (
                time.monotonic() - reported > 0.5 or self.step == self.schedule.steps
            ):
                progress(stage, self.step, self.schedule.steps)
                reported = time.monotonic()
            if checkpoint is not None and self.step % checkpoint_steps == 0:
                self._save(checkpoint, fingerprint)
        if self.best is not None:
            self.network.load_state_dict(self.best)
        self.network.eval()
        return self.losses

    def take_step(self) -> float:
        """One episode, one step of Adam; returns Eq. 1."""
        generator = np.random.default_rng([self.seed, self.step])
        episode = self.sampler.draw(generator)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.schedule, self.step)
        self.network.train()
        hidden = None
        if self.hidden_share > 0:
            shape = (len(self.inputs.stores) + 1, len(episode.users))
            hidden = generator.random(shape) < self.hidden_share
        loss = self._loss(episode, hidden)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.step += 1
        return float(loss.detach())

    def _loss(self, episode: Episode, hidden: np.ndarray | None = None) -> torch.Tensor:
        batch, support = episode.unpacked(self.network(self.inputs.take(episode.users, hidden)))
        mask = torch.from_numpy(episode.mask).to(batch.device)
        logits = self.network.relation.ways(batch, support, mask)
        return episode_loss(logits, torch.from_numpy(episode.labels).to(batch.device))

    def _held_out_episodes(self, sampler: EpisodeSampler) -> list[Episode]:
        generator = np.random.default_rng([self.seed, 2**32])  # no step has this number
        return [sampler.draw(generator) for _ in range(self.validation.episodes)]

    @torch.no_grad()
    def _look(self) -> None:
        self.network.eval()
        self.looks.append(sum(float(self._loss(episode)) for episode in self._fixed) / len(self._fixed))
        if self.looks[-1] == min(self.looks):
            self.best = copy.deepcopy(self.network.state_dict())

    @property
    def _stopped(self) -> bool:
        if not self.looks:
            return False
        return len(self.looks) - 1 - int(np.argmin(self.looks)) >= self.validation.patience

    def _save(self, path: Path, fingerprint: str) -> None:
        state: dict[str, Any] = {
            "fingerprint": fingerprint,
            "step": self.step,
            "losses": self.losses,
            "looks": self.looks,
            "best": self.best,
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        with replace_file(path) as temporary:
            torch.save(state, temporary)

    def _resume(self, state: dict[str, Any], fingerprint: str) -> None:
        if state.get("fingerprint") != fingerprint:  # of other settings or other data: start anew
            return
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.losses, self.looks = state["step"], state["losses"], state["looks"]
        self.best = state["best"]


def held_out_users(
    settings: MetaProfileSettings, users: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Training users (int64 [n]) parted into those who train and those who tell when to stop, ascending."""
    share = settings.validation.share
    order = np.random.default_rng([seed, 2**32 + 1]).permutation(len(users))
    cut = round(share * len(users))
    return users[np.sort(order[cut:])], users[np.sort(order[:cut])]
