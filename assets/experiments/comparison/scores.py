"""What the workers of a comparison do: train a system on the days before a test day, score its hours.

An hour is scored by the state adapted on the hours before it, and only then are its labels used. Days are
encoded before, and the long-term graphs of a (day, seed) are trained once for the systems that need them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from assets.common.provenance import git_revision
from assets.experiments.comparison.day_facts import DayFacts, ShownBefore
from assets.experiments.comparison.parts import DayScore, HourScore, WithinFigures
from assets.experiments.comparison.systems import chosen_long_term, chosen_systems
from assets.experiments.comparison.units import MorningsUnit, ScoringUnit
from assets.experiments.frame import Finished
from assets.experiments.mornings import load_mornings, save_failure, save_mornings
from assets.experiments.source_logs import Logs, read_history, read_hours
from assets.experiments.workers import Emit, WorkProgress
from assets.ranking.window_days import longest
from models.progress import Progress
from models.threads import use_threads
from warehouse.landing.service_time import ServiceZone

if TYPE_CHECKING:
    from models.ranking.features.event_log import EventLog
    from models.ranking.lsttm.long_term_days import LongTermDays
    from models.ranking.training.system import SystemSettings


FAILURES = (ValueError, ArithmeticError)  #: of one system, which end no other one


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


def work_on(unit: MorningsUnit | ScoringUnit, emit: Emit) -> None:
    """Train graphs, or score a system; see `train_graphs` and `score_unit`."""
    if unit.settings.device == "cpu":
        use_threads()

    def report(stage: str, done: int, total: int) -> None:
        emit(WorkProgress(f"{unit.day} seed {unit.seed} {stage}", done, total))

    if isinstance(unit, MorningsUnit):
        train_graphs(unit, report)
    else:
        score_unit(unit, emit, report)


def train_graphs(unit: MorningsUnit, report: Progress) -> None:
    """Store the long-term vectors as of each morning of the longest window of the systems that read them.

    Where training fails, the reason is stored in their place.
    """
    from models.ranking.lsttm.long_term_mornings import train_long_term_days

    systems = chosen_systems(unit.settings).values()
    lengths = [system.training.window_days for system in systems if system.uses_long_term]
    try:
        mornings = train_long_term_days(
            read_history(unit.logs, unit.day),
            chosen_long_term(unit.settings),
            seed=unit.seed,
            days=longest(lengths),
            device=unit.settings.device,
            progress=report,
        )
    except FAILURES as error:
        save_failure(str(error), unit.path)
    else:
        save_mornings(mornings, unit.path)


def score_unit(unit: ScoringUnit, emit: Emit, report: Progress) -> None:
    """Score a system on a day with one seed, and emit it.

    A system whose training diverges, whose scores are no numbers or whose graphs failed is emitted with the
    reason.
    """
    hours = hours_read(unit.logs, unit.day)
    if unit.facts:
        emit(Finished(arrays={facts_name(unit.day): vars(_facts(unit, hours))}))
    try:
        long_term = None if unit.long_term is None else load_mornings(unit.long_term)
        day, scores = score_day(
            unit.system, chosen_systems(unit.settings)[unit.system], hours, unit, long_term, report
        )
    except FAILURES as error:
        emit(Finished((DayScore.of_failure(unit.system, unit.seed, unit.day, error),)))
    else:
        emit(Finished((day,), {scores_name(unit.system, unit.day, unit.seed): scores.arrays()}))


@lru_cache(maxsize=1)
def hours_read(logs: Logs, day: str) -> list[EventLog]:
    """The hours of a day, read once a worker."""
    return read_hours(logs, day)


def _facts(unit: ScoringUnit, hours: Sequence[EventLog]) -> DayFacts:
    day_start_ms = ServiceZone(unit.logs.zone).day_start_ms(unit.day)
    with unit.logs.open() as warehouse:
        return DayFacts.of(ShownBefore.read(warehouse, unit.logs.start_ms, day_start_ms), hours)


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
        unit.window.open(system.features),
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
