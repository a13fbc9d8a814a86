"""What the workers of a comparison do: train systems on the days before a test day, score its hours.

An hour is scored by the state adapted on the hours before it, and only then are its labels used. The
long-term graph is trained once for each (day, seed) and shared by the systems that need it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from assets.common.provenance import git_revision
from assets.experiments.comparison.day_facts import DayFacts
from assets.experiments.comparison.partial import Scores
from assets.experiments.comparison.settings import CompareSettings
from assets.experiments.comparison.summary import DayScore, HourScore
from assets.experiments.comparison.systems import chosen_long_term, chosen_systems
from assets.experiments.source_logs import Logs, read_day
from assets.experiments.workers import Emit, WorkProgress
from models.progress import Progress

if TYPE_CHECKING:
    from models.ranking.features.event_log import EventLog
    from models.ranking.lsttm.long_term_graph import LongTermState
    from models.ranking.training.system import SystemSettings


@dataclass(frozen=True)
class ScoringUnit:
    """What one worker does in one go: some systems of one day and seed, on one reading of the logs."""

    settings: CompareSettings
    logs: Logs
    day: str
    seed: int
    systems: tuple[str, ...]


@dataclass(frozen=True)
class Scored:
    """A scored day with its scores."""

    day: DayScore
    scores: Scores


@dataclass(frozen=True)
class SegmentFacts:
    """What segments need to know of a day."""

    day: str
    facts: DayFacts


def score_unit(unit: ScoringUnit, emit: Emit) -> None:
    """Score the systems of one day with one seed, and emit each as it is done."""
    import torch

    if unit.settings.device == "cpu":
        torch.set_num_threads(1)
    history, hours = read_day(unit.logs, unit.day)
    emit(SegmentFacts(unit.day, DayFacts.of(history, hours)))
    systems = chosen_systems(unit.settings)

    def report(stage: str, done: int, total: int) -> None:
        emit(WorkProgress(f"{unit.day} seed {unit.seed} {stage}", done, total))

    long_term = None
    if any(systems[name].uses_long_term for name in unit.systems):
        from models.ranking.lsttm.long_term_graph import train_long_term

        chosen = chosen_long_term(unit.settings)
        device = unit.settings.device
        long_term = train_long_term(history, chosen, seed=unit.seed, device=device, progress=report)
    for name in unit.systems:
        emit(score_day(name, systems[name], history, hours, unit, long_term, report))


def score_day(
    name: str,
    system: SystemSettings,
    history: EventLog,
    hours: Sequence[EventLog],
    unit: ScoringUnit,
    long_term: LongTermState | None,
    report: Progress,
) -> Scored:
    """Train on the history, then score each hour before adapting on it.

    A copy of the trained model scores the hours too: it receives each, but never adapts.
    """
    from models.ranking.day import ServedDay

    def of_system(stage: str, done: int, total: int) -> None:
        report(f"{name}: {stage}", done, total)

    day = ServedDay.train(
        system,
        history,
        seed=unit.seed,
        device=unit.settings.device,
        long_term=long_term,
        progress=of_system,
        with_twin=True,
    )
    adapted, gate, static = [], [], []
    for scored in day.live(hours, of_system):
        adapted.append(scored.probability)
        gate.append(scored.details.get("gate_short"))
        if scored.static is not None:
            static.append(scored.static)
    seconds = {"train_seconds": day.train_seconds, "hours_seconds": day.hours_seconds}
    return Scored(
        evaluate(name, unit, hours, adapted, static, gate, **seconds),
        Scores(np.concatenate(adapted), np.concatenate(static) if static else None, _joined(gate)),
    )


def evaluate(
    name: str,
    unit: ScoringUnit,
    hours: Sequence[EventLog],
    adapted: Sequence[np.ndarray],
    static: Sequence[np.ndarray],
    gate: Sequence[np.ndarray | None],
    **seconds: float,
) -> DayScore:
    """The figures of a scored day; `static` is empty for a system that never adapts."""
    from models.metrics import auc, auc_standard_error, gauc, log_loss

    labels = np.concatenate([hour.exposures.clicked for hour in hours])
    users = np.concatenate([hour.exposures.user for hour in hours])
    pooled = np.concatenate(adapted)
    return DayScore(
        system=name,
        seed=unit.seed,
        day=unit.day,
        hours=tuple(
            HourScore(
                hour=place,
                exposures=len(hour.exposures),
                auc=auc(hour.exposures.clicked, adapted[place]),
                auc_static=auc(hour.exposures.clicked, (static or adapted)[place]),
                gate_short=None if (weights := gate[place]) is None or not len(weights) else weights.mean(),
            )
            for place, hour in enumerate(hours)
        ),
        auc=auc(labels, pooled),
        auc_static=auc(labels, np.concatenate(static or adapted)),
        auc_error=auc_standard_error(labels, pooled),
        log_loss=log_loss(labels, pooled),
        gauc=gauc(labels, pooled, users),
        git=git_revision(),
        **seconds,
    )


def _joined(gate: Sequence[np.ndarray | None]) -> np.ndarray | None:
    there = [weights for weights in gate if weights is not None]
    return np.concatenate(there) if there else None
