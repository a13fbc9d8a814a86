"""The daily training: from everything received before a day to the state that the day's hours start from."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch

from models.layers.embedding import initial_rows
from models.progress import Progress, silent
from models.ranking.features.event_log import EventLog
from models.ranking.features.features import Features
from models.ranking.features.instances import LatestVectors, VectorsByMorning
from models.ranking.features.neighbours import RowView
from models.ranking.features.vocabulary import Vocabulary
from models.ranking.instances.maker import InstanceMaker
from models.ranking.instances.newcomers import Hiding, Newcomers, vocabulary_of
from models.ranking.instances.stream import InstanceStream
from models.ranking.instances.window import TrainingWindow
from models.ranking.state import RankerState
from models.ranking.training.learner import Learner, make_learner
from models.ranking.training.loop import Diverged, TrainingSettings, fit
from models.ranking.training.phases import Phases
from models.ranking.training.system import WIDTH, LongTermVectors, SystemSettings


def train_daily(
    system: SystemSettings,
    history: EventLog | TrainingWindow,
    *,
    seed: int,
    device: torch.device | str,
    long_term: LongTermVectors | None,
    checkpoint: Path | None,
    progress: Progress | None,
) -> RankerState:
    """See `Ranker.train`."""
    window = _window(system, history)
    features = window.own_features() if isinstance(history, TrainingWindow) else window.features
    spans = window.spans()
    parts = Phases(system.strategy(), system.training, system.adaptation)
    layout = replace(features.layout, vectors=(features.users.vector_width, features.items.vector_width))
    vocabulary = vocabulary_of(layout, spans, parts.with_rows)
    graph = system.graph(window.events, RowView(vocabulary, features.users, features.items))
    content = system.content_index(features, layout, window.events)
    user_vectors, by_morning = _vectors(system, long_term)
    learner = _fresh_learner(system, vocabulary, seed, device)

    def stream(newcomers: Newcomers) -> InstanceStream:
        hiding = None if newcomers == "own" else Hiding(layout, spans, newcomers)
        maker = InstanceMaker(
            vocabulary, window.zone_offset_ms, graph, by_morning, system.reads_codes, hiding, content
        )
        return InstanceStream(window, maker)

    fingerprint = _fingerprint(system, seed, window, features)
    losses, notes = fit(
        learner,
        parts.of(stream, progress or silent),
        system.training,
        seed=seed,
        checkpoint=checkpoint,
        fingerprint=fingerprint,
        progress=progress or silent,
    )
    _finish(learner, system.training, len(losses))
    made = parts.strategy.state() | notes
    end = window.end_ms
    return RankerState(
        system, features, learner, graph, user_vectors, made, end, fingerprint, losses, content=content
    )


def _window(system: SystemSettings, history: EventLog | TrainingWindow) -> TrainingWindow:
    days = system.training.window_days
    if isinstance(history, TrainingWindow):
        if history.features.settings != system.features:
            raise ValueError(
                f"the window was opened under other feature settings ({history.features.settings}) than "
                f"those of {system.kind} ({system.features}); open one for each of them"
            )
        window = history if days is None else history.last(days)
    elif len(history.exposures):
        window = TrainingWindow.of(history, system.features, days)
    else:
        raise ValueError("no exposure before the day to train on; load earlier days, or start at a later day")
    if not len(window):
        raise ValueError(
            f"no exposure in the {len(window.days)} days before the day to train on; load them, start at a "
            f"later day, or set training.window_days (it is {days})"
        )
    return window


def _fingerprint(system: SystemSettings, seed: int, window: TrainingWindow, features: Features) -> str:
    digests = [table.vector_digest for table in (features.users, features.items) if table.vector_width]
    about = [system.model_dump_json(), seed, window.fingerprint, *digests]
    return sha256(" ".join(map(str, about)).encode()).hexdigest()


def _finish(learner: Learner, training: TrainingSettings, epochs: int) -> None:
    learner.finish()
    if not learner.finite:
        raise Diverged(
            f"training diverged: weights are not finite after {epochs} epochs; lower the system's "
            f"learning rate (training.learning_rate is {training.learning_rate:g})"
        )


def _vectors(
    system: SystemSettings, long_term: LongTermVectors | None
) -> tuple[np.ndarray | None, VectorsByMorning | None]:
    """The last morning's vectors, and those that training instances read; nothing for who needs none."""
    if not system.uses_long_term:
        return None, None
    if long_term is None:
        raise ValueError(f"{system.kind} needs the long-term graph of the day; materialise it first")
    latest = np.asarray(long_term.user_vectors, np.float32)
    return latest, long_term if isinstance(long_term, VectorsByMorning) else LatestVectors(latest)


def _fresh_learner(
    system: SystemSettings, vocabulary: Vocabulary, seed: int, device: torch.device | str
) -> Learner:
    t, generator = system.training, torch.Generator().manual_seed(seed)
    module = system.module(vocabulary.layout, generator).to(device)
    table = initial_rows(vocabulary.size, WIDTH, t.embedding_std, generator).to(device)
    return make_learner(module, table, vocabulary, t.optimizer, t.learning_rate, t.average)
