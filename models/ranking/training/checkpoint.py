"""Where a training stands, and the file from which a killed one goes on to the same weights, bit for bit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch

from models.files import replace_file
from models.ranking.training.learner import Learner
from models.unfinished import read_unfinished


class Resumable(Protocol):
    """What has a state of its own beside the weights."""

    def state(self) -> dict[str, Any]:
        """What it learned beyond the weights."""

    def restore(self, state: dict[str, Any]) -> None:
        """Take what `state` gave."""


@dataclass
class Position:
    """How far a training has come."""

    phase: int = 0
    begun: bool = False  #: whether what precedes the phase is done
    epoch: int = 0  #: of the phase
    block: int = 0
    done: int = 0  #: steps of the block
    steps: int = 0  #: of the epoch
    total: float = 0.0  #: their losses
    losses: list[float] = field(default_factory=list)  #: mean of each epoch, over all phases
    notes: dict[str, Any] = field(default_factory=dict)  #: what the phases' beginnings returned


@dataclass(frozen=True)
class Checkpoint:
    """A file that holds one state of a training; without a path nothing is written or read."""

    path: Path | None
    fingerprint: str  #: of settings and data: a state of another one is not gone on from
    learner: Learner
    strategies: Sequence[Resumable]

    def save(self, position: Position) -> None:
        """Write the present state, whole or not at all."""
        if self.path is None:
            return
        saved = vars(position) | {"fingerprint": self.fingerprint, "learner": self.learner.state()}
        with replace_file(self.path) as temporary:
            torch.save(saved | {"strategies": [strategy.state() for strategy in self.strategies]}, temporary)

    def resume(self) -> Position:
        """Take the state that was saved, if it is of the same fingerprint; else start anew.

        A file that cannot be read is set aside, with a warning, and the training starts anew.
        """
        saved = read_unfinished(self.path, self.learner.device)
        if saved is None or saved.pop("fingerprint", None) != self.fingerprint:
            return Position()
        self.learner.restore(saved.pop("learner"))
        for strategy, its_own in zip(self.strategies, saved.pop("strategies"), strict=True):
            strategy.restore(its_own)
        return Position(**saved)
