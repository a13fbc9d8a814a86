"""The daily training: from everything received before a day to the state that the day's hours start from."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import numpy as np
import torch

from models.layers.embedding import initial_rows
from models.progress import Progress
from models.ranking.features.day_events import digest
from models.ranking.features.event_log import DAY_MS, HOUR_MS, EventDays, EventLog, Exposures
from models.ranking.features.features import Features
from models.ranking.features.instances import Instances
from models.ranking.features.neighbours import RowView
from models.ranking.features.vocabulary import Vocabulary
from models.ranking.state import RankerState
from models.ranking.training.learner import Learner, make_learner
from models.ranking.training.loop import Diverged, fit
from models.ranking.training.phases import TrainingCodes, phases
from models.ranking.training.system import WIDTH, LongTermVectors, SystemSettings


def train_daily(
    system: SystemSettings,
    log: EventLog,
    *,
    seed: int,
    device: torch.device | str,
    long_term: LongTermVectors | None,
    checkpoint: Path | None,
    progress: Progress | None,
) -> RankerState:
    """See `Ranker.train`."""
    _check(system, log, long_term)
    training, zone = system.training, log.zone_offset_ms
    features = Features(system.features, log)
    exposures = _window(log, training.window_days)
    hours = (exposures.shown_at + zone) // HOUR_MS
    codes = TrainingCodes(
        features.layout, features.codes(exposures).matrix(), hours, training, system.adaptation
    )
    vocabulary = Vocabulary.fit(features.layout, codes.known)
    graph = system.graph(EventDays.of(log), RowView(vocabulary, features.users, features.items))
    user_vectors = None
    if system.uses_long_term and long_term is not None:
        user_vectors = np.asarray(long_term.user_vectors, np.float32)
    learner = _fresh_learner(system, vocabulary, seed, device)

    def instances(of: np.ndarray) -> Instances:
        read = of if system.reads_codes else None
        return Instances.of(exposures, vocabulary.rows(of), zone, graph, user_vectors, read)

    strategy = system.strategy()
    fingerprint = sha256(f"{system.model_dump_json()} {seed} {digest(log)}".encode()).hexdigest()
    losses, notes = fit(
        learner,
        phases(codes, instances, strategy, training, system.adaptation, progress),
        training,
        seed=seed,
        checkpoint=checkpoint,
        fingerprint=fingerprint,
        progress=progress,
    )
    learner.finish()
    if not learner.finite:
        raise Diverged(
            f"training diverged: weights are not finite after {len(losses)} epochs; lower the system's "
            f"learning rate (training.learning_rate is {training.learning_rate:g})"
        )
    state = strategy.state() | notes
    return RankerState(system, features, learner, graph, user_vectors, state, log.end_ms, fingerprint, losses)


def _check(system: SystemSettings, log: EventLog, long_term: LongTermVectors | None) -> None:
    if not len(log.exposures):
        raise ValueError("no exposure before the day to train on; load earlier days, or start at a later day")
    if system.uses_long_term and long_term is None:
        raise ValueError(f"{system.kind} needs the long-term graph of the day; materialise it first")


def _window(log: EventLog, days: int | None) -> Exposures:
    return log.exposures if days is None else log.between(log.end_ms - days * DAY_MS, log.end_ms).exposures


def _fresh_learner(
    system: SystemSettings, vocabulary: Vocabulary, seed: int, device: torch.device | str
) -> Learner:
    t, generator = system.training, torch.Generator().manual_seed(seed)
    module = system.module(vocabulary.layout, generator).to(device)
    table = initial_rows(vocabulary.size, WIDTH, t.embedding_std, generator).to(device)
    return make_learner(module, table, vocabulary, t.optimizer, t.learning_rate, t.average)
