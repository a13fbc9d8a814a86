"""A process that trains a night's system on partitions, to be killed at a step or an operation on files."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from assets.ranking.states import States
from assets.ranking.system_training import SystemTraining, train
from assets.ranking.training_window import system_settings
from assets.ranking.window_days import WindowFolders
from models.ranking import daily_training, ranker  # noqa: F401  imported before the fork
from models.ranking.training.loop import Plain
from models.ranking.training.system import SystemSettings
from models.ranking.training.temporal_maml import TemporalMAML
from tests.assets.ranking.day_logs import DAYS
from tests.faults.kills import Operations, die
from warehouse.home import Deployment

#: In plain steps, with graphs, clicks and factors that are stored beside the days; in steps of temporal MAML.
SYSTEMS = {"lsttm_spectral": Plain, "lsttm_no_external": TemporalMAML}


def settings_of(system: str) -> SystemSettings:
    """Trained in three blocks and without a long-term graph, with a checkpoint within each block."""
    settings = system_settings((system,), "tiny", {})[system]
    training = {"block_size": 500, "batch_size": 64, "checkpoint_steps": 3}
    return settings.model_copy(
        update={"fusion": "short_only", "training": settings.training.model_copy(update=training)}
    )


@dataclass
class Steps:
    """Counts a strategy's steps, and ends the process at one of them."""

    kill_at: int | None  #: from 0 on
    done: int = 0
    blocks: list[int] = field(default_factory=list)  #: number of steps before each block

    def watch(self, strategy: type[Any]) -> None:
        """Put this into the strategy's ways."""
        plan, step = strategy.plan, strategy.step

        def planning(one: Any, *arguments: Any) -> Any:
            self.blocks.append(self.done)
            return plan(one, *arguments)

        def stepping(one: Any, *arguments: Any) -> float:
            if self.done == self.kill_at:
                die()
            self.done += 1
            return float(step(one, *arguments))

        strategy.plan, strategy.step = planning, stepping


def run(root: Path, folders: list[Path], system: str, told: Connection, **kill_at: int) -> None:
    """Train on `folders` below `root` into `root/models`; tells operations on files and steps.

    Args: `kill_at` is the number of a `step` or of an `operation`.
    """
    import torch

    torch.set_num_threads(1)
    steps, operations = Steps(kill_at.get("step")), Operations(root, kill_at.get("operation"))
    steps.watch(SYSTEMS[system])
    sys.addaudithook(operations)
    settings = settings_of(system)
    told.send("begins")
    window, deployment = WindowFolders.of(folders, settings), Deployment(size="tiny", systems=(system,))
    states = States(root / "models")
    train(SystemTraining(system, DAYS[-1], "h", deployment, settings, states, window), lambda *_: None)
    told.send((operations.done, steps.done, steps.blocks))
