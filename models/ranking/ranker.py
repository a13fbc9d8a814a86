"""The ranker: one door for daily training, hourly scoring and hourly adaptation of every system.

Used the same way by the assets and by `compare`:

    ranker = Ranker.train(system, log, seed=0)        # everything received before the day
    for hour in hours:
        scores = ranker.score(hour)                   # as at the hour's start; its labels are never read
        ranker.adapt(hour)                            # one pass over it; then the hour joins the history

An hour costs in proportion to the hour: histories are searched, never scanned, and only touched rows move.
"""

from __future__ import annotations

import time
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch

from models.layers.embedding import initial_rows
from models.progress import Progress
from models.ranking import storage
from models.ranking.features.day_events import digest, mentioned
from models.ranking.features.event_log import DAY_MS, HOUR_MS, EventLog, Exposures
from models.ranking.features.features import Features
from models.ranking.features.instances import Instances
from models.ranking.features.neighbours import NeighbourIndex, RowView
from models.ranking.features.vocabulary import Vocabulary
from models.ranking.training.adaptation import AdaptReport
from models.ranking.training.learner import Learner, make_learner
from models.ranking.training.loop import fit
from models.ranking.training.phases import TrainingCodes, phases
from models.ranking.training.system import WIDTH, LongTermVectors, SystemSettings

#: Instances are scored in padded chunks of one size, so that a score never depends, through the rounding of a
#: matrix product, on how many others are scored with it.
CHUNK = 512


class Ranker:
    """A trained system with its history. Make one with `train`, `load` or `load_hour`."""

    def __init__(
        self,
        settings: SystemSettings,
        features: Features,
        learner: Learner,
        graph: NeighbourIndex | None,
        user_vectors: np.ndarray | None,
        strategy_state: dict[str, Any],
        end_ms: int,
        fingerprint: str,
        losses: list[float],
    ) -> None:
        self.settings, self.features, self.learner, self.graph = settings, features, learner, graph
        self.user_vectors, self.strategy_state = user_vectors, strategy_state
        self.end_ms = end_ms  #: everything received before this instant is in the history
        self.fingerprint = fingerprint  #: of settings, seed and training log
        self.losses = losses  #: mean training loss of each epoch
        self.hours: list[EventLog] = []  #: appended since the daily training
        self.grown: list[tuple[int, np.ndarray]] = []  #: (column, ids) that got rows since, in order
        self._adapter = settings.adapter(strategy_state)
        learner.record()

    @classmethod
    def train(
        cls,
        system: SystemSettings,
        log: EventLog,
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
            log: everything received before the day.
            seed: of initial weights and of the order of instances.
            device: where weights lie; histories stay on the CPU.
            long_term: the long-term vectors, for systems with `uses_long_term`.
            checkpoint: a file to resume from, and to write after every epoch.
            progress: told (stage, done, total).

        Raises:
            ValueError: no exposure to train on, or no long-term vectors where the system needs them.
        """
        if not len(log.exposures):
            raise ValueError(
                "no exposure before the day to train on; load earlier days, or start at a later day"
            )
        if system.uses_long_term and long_term is None:
            raise ValueError(f"{system.kind} needs the long-term graph of the day; materialise it first")
        features = Features(system.features, log)
        exposures = _window(log, system.training.window_days)
        codes = features.codes(exposures)
        t, zone = system.training, log.zone_offset_ms
        hours = (exposures.shown_at + zone) // HOUR_MS
        coded = TrainingCodes(features.layout, codes, hours, t, system.adaptation)
        vocabulary = Vocabulary.fit(features.layout, coded.known)
        graph = system.graph(log, RowView(vocabulary, features.users, features.items))
        user_vectors = None
        if system.uses_long_term and long_term is not None:
            user_vectors = np.asarray(long_term.user_vectors, np.float32)
        generator = torch.Generator().manual_seed(seed)
        module = system.module(features.layout, generator).to(device)
        table = initial_rows(vocabulary.size, WIDTH, system.training.embedding_std, generator).to(device)
        learner = make_learner(module, table, vocabulary, t.optimizer, t.learning_rate, t.average)

        def instances(of: np.ndarray) -> Instances:
            kept = of if system.reads_codes else None
            return Instances.of(exposures, vocabulary.rows(of), zone, graph, user_vectors, kept)

        strategy = system.strategy()
        fingerprint = sha256(f"{system.model_dump_json()} {seed} {digest(log)}".encode()).hexdigest()
        losses, notes = fit(
            learner,
            phases(coded, instances, strategy, t, system.adaptation, progress),
            t,
            seed=seed,
            checkpoint=checkpoint,
            fingerprint=fingerprint,
            progress=progress,
        )
        learner.finish()
        state = strategy.state() | notes
        return cls(system, features, learner, graph, user_vectors, state, log.end_ms, fingerprint, losses)

    @property
    def adapts(self) -> bool:
        """Whether `adapt` may move a weight; if not, it does what `receive` does."""
        return self._adapter is not None

    def score(self, hour: EventLog) -> np.ndarray:
        """Click probabilities float64 [E] of the hour's exposures, from what was received before the hour.

        Raises:
            ValueError: the log is longer than an hour, or the history already holds part of it.
        """
        return self.score_details(hour)["probability"]

    def score_details(self, hour: EventLog) -> dict[str, np.ndarray]:
        """`probability` as in `score`, and what else the system tells of an exposure (each float64 [E]).

        The systems with a gate tell `gate_short`, the weight of the short-term representation.
        """
        self._check(hour)
        e = hour.exposures
        unlabelled = replace(e, clicked=np.zeros(len(e), bool), dwell_seconds=np.zeros(len(e), np.float32))
        data = self._hourly(unlabelled, hour)
        told: dict[str, list[torch.Tensor]] = {"logits": []}
        for first in range(0, len(data), CHUNK):
            index = np.arange(first, first + CHUNK)
            index[index >= len(data)] = first
            for name, values in self.learner.details(data.batch(index[None]).to(self.learner.device)).items():
                told.setdefault(name, []).append(values[0].double())
        empty = torch.empty(0, dtype=torch.float64)
        whole = {name: torch.cat(parts) if parts else empty for name, parts in told.items()}
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
            data = self._hourly(hour.exposures, hour)
            size = self.settings.adaptation.batch_size
            for first in range(0, len(data), size):
                index = np.arange(first, min(first + size, len(data)))
                losses.append(
                    self._adapter.step(self.learner, data.batch(index[None]).to(self.learner.device))
                )
            self._adapter.finish(self.learner)
        self.receive(hour)
        loss = float(np.mean(losses)) if losses else float("nan")
        return AdaptReport(
            len(hour.exposures), len(losses), loss, users, items, time.perf_counter() - started
        )

    def receive(self, hour: EventLog) -> None:
        """Let an hour join the history without learning from it: what a static model does."""
        self.features.append(hour)
        if self.graph is not None:
            self.graph.append(hour)
        self.hours.append(mentioned(hour))
        self.end_ms = hour.end_ms

    def grow(self, column: int, ids: np.ndarray) -> int:
        """Rows for those of `ids` that have none in an ID column; returns how many."""
        new = self.learner.grow(column, ids)
        if len(new):
            self.grown.append((column, new))
        return len(new)

    def save(self, path: Path) -> None:
        """Write the daily model to the folder `path`, whole or not at all."""
        storage.save_daily(self, path)

    @classmethod
    def load(cls, path: Path, device: torch.device | str = "cpu") -> Ranker:
        """The ranker that `save` wrote; its arrays are memory-mapped.

        Raises:
            FileNotFoundError: no ranker there.
        """
        return cls(**storage.load_daily(path, device))

    def save_hour(self, path: Path) -> None:
        """Write what moved since the daily model to the folder `path`, whole or not at all."""
        storage.save_hour(self, path)

    @classmethod
    def load_hour(cls, daily_path: Path, hour_path: Path, device: torch.device | str = "cpu") -> Ranker:
        """The ranker as after an hour: the daily model and what moved since.

        Raises:
            FileNotFoundError: one of them is missing.
            ValueError: the hour was saved from another daily model.
        """
        ranker = cls.load(daily_path, device)
        storage.load_hour(ranker, hour_path, device)
        return ranker

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

    def _hourly(self, exposures: Exposures, hour: EventLog) -> Instances:
        codes = self.features.codes(exposures, hour.users, hour.items)
        rows = self.learner.vocabulary.rows(codes)
        return Instances.of(
            exposures,
            rows,
            self.features.zone_offset_ms,
            self.graph,
            self.user_vectors,
            codes if self.settings.reads_codes else None,
        )


def _window(log: EventLog, days: int | None) -> Exposures:
    return log.exposures if days is None else log.between(log.end_ms - days * DAY_MS, log.end_ms).exposures
