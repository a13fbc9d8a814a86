"""What the workers of a comparison do: train systems on the days before a test day, score its hours.

An hour is scored by the state adapted on the hours before it, and only then are its labels used. Days are
encoded before, and the long-term graphs of a (day, seed) are trained once for the systems that need them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from assets.common.provenance import git_revision
from assets.experiments.comparison.day_facts import DayFacts, ShownBefore
from assets.experiments.comparison.parts import DayScore, HourScore, WithinFigures
from assets.experiments.comparison.settings import CompareSettings
from assets.experiments.comparison.systems import chosen_long_term, chosen_systems
from assets.experiments.frame import Finished
from assets.experiments.source_logs import Logs, read_history, read_hours
from assets.experiments.workers import Emit, WorkProgress
from assets.ranking.window_days import WindowFolders, longest
from models.progress import Progress
from models.threads import use_threads
from warehouse.landing.service_time import ServiceZone

if TYPE_CHECKING:
    from models.ranking.features.event_log import EventLog
    from models.ranking.lsttm.long_term_days import LongTermDays
    from models.ranking.training.system import SystemSettings


FAILURES = (ValueError, ArithmeticError)  #: of one system, which end no other one


@dataclass(frozen=True)
class ScoringUnit:
    """What one worker does in one go: some systems of one day and seed, on one reading of the logs."""

    settings: CompareSettings
    logs: Logs
    day: str
    seed: int
    systems: tuple[str, ...]
    windows: Mapping[str, WindowFolders]  #: system → partitions before the day


@dataclass(frozen=True)
class Scores:
    """Click probabilities of a day's exposures float64 [E], in their order."""

    adapted: np.ndarray  #: each hour by the state adapted on the hours before it
    #: by the model as trained that morning, which only received the hours before; None: it never adapts
    static: np.ndarray | None = None
    gate: np.ndarray | None = None  #: weight of the short-term representation, of systems with a gate

    def arrays(self) -> dict[str, np.ndarray]:
        """Those of them that the system has."""
        return {name: values for name, values in vars(self).items() if values is not None}


def scores_name(system: str, day: str, seed: int) -> str:
    """The name of a scored day's arrays among those of a comparison."""
    return f"{system}.{day}.{seed}"


def facts_name(day: str) -> str:
    """The name of what is known of a day's exposures, whatever the system."""
    return f"facts.{day}"


def score_unit(unit: ScoringUnit, emit: Emit) -> None:
    """Score the systems of one day with one seed, and emit each as it is done.

    A system whose training diverges or whose scores are no numbers is emitted with the reason; the others go
    on.
    """
    if unit.settings.device == "cpu":
        use_threads()
    hours = read_hours(unit.logs, unit.day)
    with unit.logs.open() as warehouse:
        day_start_ms = ServiceZone(unit.logs.zone).day_start_ms(unit.day)
        before = ShownBefore.read(warehouse, unit.logs.start_ms, day_start_ms)
    emit(Finished(arrays={facts_name(unit.day): vars(DayFacts.of(before, hours))}))
    systems = chosen_systems(unit.settings)

    def report(stage: str, done: int, total: int) -> None:
        emit(WorkProgress(f"{unit.day} seed {unit.seed} {stage}", done, total))

    long_term = None
    if reading := [name for name in unit.systems if systems[name].uses_long_term]:
        try:
            long_term = _long_term(unit, [systems[name] for name in reading], report)
        except FAILURES as error:
            emit(Finished(tuple(_failure(name, unit, error) for name in reading)))
    for name in unit.systems:
        if systems[name].uses_long_term and long_term is None:
            continue
        try:
            day, scores = score_day(name, systems[name], hours, unit, long_term, report)
        except FAILURES as error:
            emit(Finished((_failure(name, unit, error),)))
        else:
            emit(Finished((day,), {scores_name(name, unit.day, unit.seed): scores.arrays()}))


def _long_term(unit: ScoringUnit, systems: Sequence[SystemSettings], report: Progress) -> LongTermDays:
    """Long-term vectors as of each morning of the longest window of some systems."""
    from models.ranking.lsttm.long_term_mornings import train_long_term_days

    lengths = [system.training.window_days for system in systems]
    return train_long_term_days(
        read_history(unit.logs, unit.day),
        chosen_long_term(unit.settings),
        seed=unit.seed,
        days=longest(lengths),
        device=unit.settings.device,
        progress=report,
    )


def _failure(name: str, unit: ScoringUnit, error: Exception) -> DayScore:
    return DayScore.of_failure(name, unit.seed, unit.day, error)


def score_day(
    name: str,
    system: SystemSettings,
    hours: Sequence[EventLog],
    unit: ScoringUnit,
    long_term: LongTermDays | None,
    report: Progress,
) -> tuple[DayScore, Scores]:
    """Train on the window before the day, then score each hour before adapting on it.

    A copy of the trained model scores the hours too: it receives each, but never adapts.

    Raises:
        Diverged: the training has.
        NotFinite: scores of an hour are NaN or infinite.
    """
    from models.metrics import finite
    from models.ranking.day import ServedDay

    def of_system(stage: str, done: int, total: int) -> None:
        report(f"{name}: {stage}", done, total)

    day = ServedDay.train(
        system,
        unit.windows[name].open(system.features),
        seed=unit.seed,
        device=unit.settings.device,
        long_term=long_term,
        progress=of_system,
        with_twin=True,
    )
    adapted, gate, static = [], [], []
    for scored in day.live(hours, of_system):
        adapted.append(finite(scored.probability))
        gate.append(scored.details.get("gate_short"))
        if scored.static is not None:
            static.append(finite(scored.static))
    seconds = {"train_seconds": day.train_seconds, "hours_seconds": day.hours_seconds}
    return (
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
    from models.metrics import auc, auc_by_period, ranking_figures

    labels = np.concatenate([hour.exposures.clicked for hour in hours])
    users = np.concatenate([hour.exposures.user for hour in hours])
    request = np.concatenate([hour.exposures.request for hour in hours])
    of_hour = np.repeat(np.arange(len(hours)), [len(hour.exposures) for hour in hours])
    scores, still = np.concatenate(adapted), np.concatenate(static or adapted)
    figures = ranking_figures(labels, scores, users, of_hour, request)
    within = {figure: figures.get(figure) for figure in WithinFigures.model_fields}
    return DayScore(
        system=name,
        seed=unit.seed,
        day=unit.day,
        hours=tuple(
            HourScore(
                hour=h,
                exposures=len(hour.exposures),
                auc=auc(hour.exposures.clicked, adapted[h]),
                auc_static=auc(hour.exposures.clicked, (static or adapted)[h]),
                gate_short=None if (weights := gate[h]) is None or not len(weights) else weights.mean(),
            )
            for h, hour in enumerate(hours)
        ),
        auc=figures["auc"],
        auc_static=auc(labels, still),
        auc_error=figures["auc_se"],
        aupr=figures["aupr"],
        log_loss=figures["log_loss"],
        gauc=figures["gauc"],
        git=git_revision(),
    ).model_copy(update=within | auc_by_period(labels, scores, of_hour, still) | seconds)


def _joined(gate: Sequence[np.ndarray | None]) -> np.ndarray | None:
    weights = [of_hour for of_hour in gate if of_hour is not None]
    return np.concatenate(weights) if weights else None
