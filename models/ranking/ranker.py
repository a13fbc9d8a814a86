"""The ranker: daily training, hourly scoring and hourly adaptation of every system.

Used the same way by the deployment and by the studies:

    ranker = Ranker.train(system, log, seed=0)        # everything received before the day
    for hour in hours:
        scores = ranker.score(hour)                   # as at the hour's start; its labels are never read
        ranker.adapt(hour)                            # one pass over it; then the hour joins the history

An hour costs in proportion to the hour: histories are searched, never scanned, and only touched rows move.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from models.progress import Progress
from models.ranking import storage
from models.ranking.daily_training import train_daily
from models.ranking.features.event_log import HOUR_MS, EventLog
from models.ranking.instances.window import TrainingWindow
from models.ranking.state import RankerState
from models.ranking.training.adaptation import AdaptReport
from models.ranking.training.system import LongTermVectors, SystemSettings

#: Instances are scored in padded chunks of one size, so that a score never depends, through the rounding of a
#: matrix product, on how many others are scored with it.
CHUNK = 512


@dataclass(eq=False)
class Ranker(RankerState):
    """A trained system with its history. Make one with `train`, `load` or `load_hour`."""

    def __post_init__(self) -> None:
        self._adapter = self.settings.adapter(self.strategy_state)

    @classmethod
    def train(
        cls,
        system: SystemSettings,
        history: EventLog | TrainingWindow,
        *,
        seed: int = 0,
        device: torch.device | str = "cpu",
        long_term: LongTermVectors | None = None,
        checkpoint: Path | None = None,
        progress: Progress | None = None,
    ) -> Ranker:
        """Train a daily model.

        Args:
            system: what to train.
            history: everything received before the day, as a log that is encoded in memory or as a window of
                days that were encoded before.
            seed: of initial weights and of the order of instances.
            device: where weights lie; histories stay on the CPU.
            long_term: the long-term vectors, of every morning or of the last one for all; systems without
                `uses_long_term` ignore them.
            checkpoint: a file to resume from, and to write after every block and every epoch.
            progress: called with (stage, done, total).

        Raises:
            ValueError: no exposure to train on, no long-term vectors where the system needs them, or a window
                of other feature settings than the system's.
            Diverged: a loss or a weight is no longer a number.
        """
        state = train_daily(
            system,
            history,
            seed=seed,
            device=device,
            long_term=long_term,
            checkpoint=checkpoint,
            progress=progress,
        )
        state.learner.record()
        return cls(**vars(state))

    @property
    def adapts(self) -> bool:
        """Whether `adapt` may move a weight; if not, it does what `receive` does."""
        return self._adapter is not None

    def score(self, hour: EventLog, chunk: int = CHUNK) -> np.ndarray:
        """Click probabilities float64 [E] of the hour's exposures, from what was received before the hour.

        Args:
            hour: its labels are not read.
            chunk: how many are scored at once; another than `CHUNK` moves scores by the rounding of single
                precision, and does not pad a short list to an hour's length.

        Raises:
            ValueError: the log is longer than an hour, or the history already holds part of it.
        """
        return self.score_details(hour, chunk)["probability"]

    def score_details(self, hour: EventLog, chunk: int = CHUNK) -> dict[str, np.ndarray]:
        """`probability` as in `score`, and what else the system says of an exposure (each float64 [E]).

        The systems with a gate give `gate_short`, the weight of the short-term representation.
        """
        self._check(hour)
        e = hour.exposures
        unlabelled = replace(e, clicked=np.zeros(len(e), bool), dwell_seconds=np.zeros(len(e), np.float32))
        data = self.instances(unlabelled, hour)
        chunks: dict[str, list[torch.Tensor]] = {"logits": []}
        for first in range(0, len(data), chunk):
            index = np.arange(first, first + chunk)
            index[index >= len(data)] = first
            for name, values in self.learner.details(data.batch(index[None]).to(self.learner.device)).items():
                chunks.setdefault(name, []).append(values[0].double())
        empty = torch.empty(0, dtype=torch.float64)
        whole = {name: torch.cat(parts) if parts else empty for name, parts in chunks.items()}
        # Before the padding is cut off: the last elements of an odd length are rounded by another loop.
        whole["probability"] = torch.sigmoid(whole.pop("logits"))
        return {name: values[: len(data)].cpu().numpy() for name, values in whole.items()}

    def adapt(self, hour: EventLog) -> AdaptReport:
        """Use each of the hour's instances in exactly one gradient step, then let the hour join the history.

        Raises:
            ValueError: as `score`.
        """
        self._check(hour)
        started = time.perf_counter()
        users, items, losses = 0, 0, []
        if self._adapter is not None and len(hour.exposures):
            vocabulary = self.learner.vocabulary
            users = self.grow(vocabulary.user_column, hour.exposures.user)
            items = self.grow(vocabulary.item_column, hour.exposures.item)
            data = self.instances(hour.exposures, hour)
            size = self.settings.adaptation.batch_size
            for first in range(0, len(data), size):
                index = np.arange(first, min(first + size, len(data)))
                batch = data.batch(index[None]).to(self.learner.device)
                losses.append(self._adapter.step(self.learner, batch))
            self._adapter.finish(self.learner)
        self.receive(hour)
        loss = float(np.mean(losses)) if losses else float("nan")
        seconds = time.perf_counter() - started
        return AdaptReport(len(hour.exposures), len(losses), loss, users, items, seconds)

    def save(self, path: Path) -> None:
        """Write the daily model to the folder `path`, whole or not at all."""
        storage.save_daily(self, path)

    @classmethod
    def load(cls, path: Path, device: torch.device | str = "cpu") -> Ranker:
        """The ranker that `save` wrote; its arrays are memory-mapped.

        Raises:
            FileNotFoundError: no ranker was saved in `path`.
            ValueError: it was saved by a version with other settings.
        """
        return cls(**vars(storage.load_daily(path, device)))

    def save_hour(self, path: Path, moves_to: Path | None = None) -> None:
        """Write what moved since the daily model, and the hours received since the last save, to `path`.

        The folder appears whole or not at all, and leans on the folders of earlier hours, whose names and
        places beside it must stay.

        Args:
            path: a folder for this hour alone.
            moves_to: where the caller will move it, at the same depth; None: it stays.

        Raises:
            ValueError: the ranker leans on the folder that would be written over.
        """
        storage.save_hour(self, path, moves_to)

    @classmethod
    def load_hour(cls, daily_path: Path, hour_path: Path, device: torch.device | str = "cpu") -> Ranker:
        """The ranker as after an hour: the daily model, what moved since, and the hours of the chain.

        Raises:
            FileNotFoundError: one of them is missing.
            ValueError: the hour was saved from another daily model; `BrokenChain`: a folder that it leans on
                is gone, or was saved again with other events.
        """
        return cls(**vars(storage.load_hour(daily_path, hour_path, device)))

    def _check(self, hour: EventLog) -> None:
        if hour.end_ms - hour.start_ms > HOUR_MS:
            raise ValueError(
                f"a log of {(hour.end_ms - hour.start_ms) / HOUR_MS:g} hours was given where one hour is due"
            )
        if hour.start_ms < self.end_ms:
            raise ValueError(
                f"the hour starts at {hour.start_ms} ms, but the ranker has received everything before "
                f"{self.end_ms} ms; load the state of the hour before"
            )
