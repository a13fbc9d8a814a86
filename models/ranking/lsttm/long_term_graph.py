"""The long-term graph of a day: from clicks, and the graph of an earlier day, to what rankers read.

`models/ranking/lsttm/long_term_encoder.py` holds its layers and loss, `long_term_training.py` its steps.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import torch

from models.files import replace_file
from models.progress import Progress
from models.ranking.features.event_log import DAY_MS, EventLog
from models.ranking.lsttm.long_term_encoder import LongTermSettings
from models.ranking.lsttm.long_term_start import why_cold
from models.ranking.lsttm.long_term_state import LongTermState
from models.ranking.lsttm.long_term_training import LongTermTraining
from models.ranking.lsttm.random_walks import ClickGraph, Clicks
from models.unfinished import read_unfinished


def train_long_term(
    clicks: EventLog | Clicks,
    settings: LongTermSettings,
    *,
    seed: int,
    before: LongTermState | None = None,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
    checkpoint: Path | None = None,
) -> LongTermState:
    """Train on every click, internal and external, that was received by then (paper 3.5.2).

    Args:
        clicks: a log of everything received before the day, of which the last `click_days` are used; or the
            very clicks to use.
        settings: shape, loss and length of the training.
        seed: of weights, walks, neighbours and negatives; on a CPU the same seed gives the same vectors.
        before: the state of an earlier day, of the same settings and seed, from which to go on for
            `warm_epochs`; None: from scratch. Users and items keep their index from day to day.
        device: where to compute.
        progress: told (stage, steps done, steps in all).
        checkpoint: a file written after every epoch. A training that finds one of the same clicks, settings,
            seed and `before` goes on from there, to the same vectors; any other is written over, and one that
            cannot be read is set aside with a warning.

    Raises:
        ValueError: `before` has other settings or another seed.
        Diverged: the loss is NaN or infinite.
    """
    if before is not None and (reason := why_cold(before, settings, seed)):
        raise ValueError(f"the long-term graph cannot go on from an earlier day of {reason}: train it anew")
    graph = _graph(clicks, settings, before)
    fingerprint = _fingerprint(graph, settings, seed, before)
    training = LongTermTraining(graph.to(device), settings, seed, before)
    saved = read_unfinished(checkpoint, device)
    if saved is not None:
        training.resume(saved, fingerprint)
    while training.remains:
        training.run_epoch(progress)
        if checkpoint is not None:
            with replace_file(checkpoint) as temporary:
                torch.save(training.state() | {"fingerprint": fingerprint}, temporary)
    axes = fingerprint[:16] if before is None else before.axes
    return _state_of(training, axes)


def _state_of(training: LongTermTraining, axes: str) -> LongTermState:
    graph = training.graph
    sides = (
        np.split(of_nodes.cpu().numpy(), [graph.users])
        for of_nodes in (training.vectors(), graph.degrees > 0)
    )
    (user_vectors, item_vectors), (user_known, item_known) = sides
    return LongTermState(
        user_vectors,
        item_vectors,
        user_known,
        item_known,
        losses=tuple(training.losses),
        collapses=tuple(training.collapses),
        settings=training.settings.model_dump_json(),
        axes=axes,
        training=training.arrays(),
    )


def _graph(clicks: EventLog | Clicks, settings: LongTermSettings, before: LongTermState | None) -> ClickGraph:
    if isinstance(clicks, EventLog):
        days = settings.click_days
        start = clicks.start_ms if days is None else max(clicks.start_ms, clicks.end_ms - days * DAY_MS)
        clicks = Clicks.of(clicks.between(start, clicks.end_ms))
    if before is not None:
        clicks = clicks.with_at_least(len(before.user_vectors), len(before.item_vectors))
    return ClickGraph.of(clicks, timed=settings.neighbor_sampling == "recency")


def _fingerprint(
    graph: ClickGraph, settings: LongTermSettings, seed: int, before: LongTermState | None
) -> str:
    # It names the layer's class: a checkpoint of another layer (decision 0029) is written over, not misread.
    about = f"GATConv {seed} {graph.users} {graph.items} {settings.model_dump_json()}"
    digest = hashlib.sha256(about.encode())
    for part in (graph.starts, graph.targets, graph.times):
        digest.update(part.numpy().tobytes())
    if before is not None:
        digest.update(before.training["counters"].tobytes() + before.training["encoder"].tobytes())
    return digest.hexdigest()
