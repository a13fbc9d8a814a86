"""A rolling comparison: each system retrained on the days before each test day, then scored hour by hour.

An hour is scored by the state adapted on the hours before it, and only then are its labels used.
The long-term graph is trained once for each (day, seed) and shared by the systems that need it. No
Dagster run and no MLflow: the same models, warehouse and evaluation that the assets call.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from assets.experiments.logs import Logs, hash_of, read_day
from assets.experiments.partial import PartialResults
from assets.experiments.settings import CompareSettings
from assets.experiments.summary import DayScore, HourScore, pairs, rows, summary
from assets.experiments.systems import LONG_TERM, chosen_long_term, chosen_systems
from assets.experiments.truth import day_columns, truth
from assets.experiments.workers import Emit, run_units
from assets.provenance import flat, git_revision

if TYPE_CHECKING:
    from models.data.event_log import EventLog
    from models.lsttm.long_term_graph import LongTermState
    from models.system import SystemSettings

ProgressCallback = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Unit:
    """What one worker does in one go: the systems of one day and seed, on one reading of the logs."""

    settings: CompareSettings
    logs: Logs
    day: str
    seed: int
    systems: tuple[str, ...]


@dataclass(frozen=True)
class Scored:
    """A scored day with its scores, float64 [E] in the order of the day's exposures."""

    day: DayScore
    scores: np.ndarray


@dataclass(frozen=True)
class Moved:
    """Progress of a worker."""

    stage: str
    done: int
    total: int


def compare(
    settings: CompareSettings,
    logs: Logs,
    out: Path,
    *,
    workers: int = 1,
    progress: ProgressCallback | None = None,
) -> dict[str, Any]:
    """Score every system on every day with every seed, write the JSON to `out` and return it.

    Rows are kept in `<out>.partial` as they come; the same call after a kill goes on from there.
    """
    of_systems = _all_settings(settings)
    data_hash = hash_of(logs, settings.days)
    partial = PartialResults(out, settings.key(data_hash, of_systems))
    report = progress or silent
    done = {(day.system, day.day, day.seed) for day in partial.days()}
    total = len(settings.systems) * len(settings.days) * len(settings.seeds)
    report("days scored", len(done), total)

    def keep(result: Scored | Moved) -> None:
        if isinstance(result, Moved):
            report(result.stage, result.done, result.total)
            return
        partial.add(result.day, result.scores)
        done.add((result.day.system, result.day.day, result.day.seed))
        report("days scored", len(done), total)

    run_units(score_unit, _units(settings, logs, done), workers, keep)
    days = _in_order(settings, partial.days())
    result = {
        "source": settings.source,
        "settings": settings.model_dump(mode="json") | {"of": of_systems},
        "git": ", ".join(dict.fromkeys(day.git for day in days)),
        "data_hash": data_hash,
        "rows": rows(days),
        "summary": summary(days),
        "pairs": pairs(days),
        "delong": paired_tests(settings, logs, partial),
    }
    if logs.simulated:
        result["truth"] = truth(logs, settings.days)
    write_json(out, result)
    partial.remove()
    return result


def score_unit(unit: Unit, emit: Emit) -> None:
    """Score the systems of one day with one seed, and emit each as it is done."""
    import torch

    if unit.settings.device == "cpu":
        torch.set_num_threads(1)
    history, hours = read_day(unit.logs, unit.day)
    systems = chosen_systems(unit.settings)

    def report(stage: str, done: int, total: int) -> None:
        emit(Moved(f"{unit.day} seed {unit.seed} {stage}", done, total))

    long_term = None
    if any(systems[name].uses_long_term for name in unit.systems):
        from models.lsttm.long_term_graph import train_long_term

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
    unit: Unit,
    long_term: LongTermState | None,
    report: ProgressCallback,
) -> Scored:
    """Train on the history, then score each hour before adapting on it."""
    from models.ranker import Ranker

    def told(stage: str, done: int, total: int) -> None:
        report(f"{name}: {stage}", done, total)

    started = time.perf_counter()
    ranker = Ranker.train(
        system,
        history,
        seed=unit.seed,
        device=unit.settings.device,
        long_term=long_term if system.uses_long_term else None,
        progress=told,
    )
    trained, scores = time.perf_counter(), []
    for done, hour in enumerate(hours, start=1):
        scores.append(ranker.score(hour))
        ranker.adapt(hour)
        told("hours", done, len(hours))
    return Scored(
        evaluate(
            name,
            unit,
            hours,
            scores,
            train_seconds=trained - started,
            hours_seconds=time.perf_counter() - trained,
        ),
        np.concatenate(scores),
    )


def evaluate(
    name: str, unit: Unit, hours: Sequence[EventLog], scores: Sequence[np.ndarray], **seconds: float
) -> DayScore:
    """The figures of a scored day."""
    from models.evaluation import auc, auc_standard_error, gauc, log_loss

    labels = np.concatenate([hour.exposures.clicked for hour in hours])
    users = np.concatenate([hour.exposures.user for hour in hours])
    pooled = np.concatenate(scores)
    return DayScore(
        system=name,
        seed=unit.seed,
        day=unit.day,
        hours=tuple(
            HourScore(hour=place, exposures=len(score), auc=auc(hour.exposures.clicked, score))
            for place, (hour, score) in enumerate(zip(hours, scores, strict=True))
        ),
        auc=auc(labels, pooled),
        auc_error=auc_standard_error(labels, pooled),
        log_loss=log_loss(labels, pooled),
        gauc=gauc(labels, pooled, users),
        git=git_revision(),
        **seconds,
    )


def _all_settings(settings: CompareSettings) -> dict[str, dict[str, str]]:
    """Every setting behind the comparison, by system, and those of the long-term graph that they share."""
    systems = chosen_systems(settings)
    found = {name: flat(system) for name, system in systems.items()}
    if any(system.uses_long_term for system in systems.values()):
        found[LONG_TERM] = flat(chosen_long_term(settings))
    return found


def silent(stage: str, done: int, total: int) -> None:
    """Progress that nobody watches."""


def paired_tests(settings: CompareSettings, logs: Logs, partial: PartialResults) -> list[dict[str, Any]]:
    """DeLong's test for each two systems on the pooled exposures of each day and seed."""
    from models.evaluation import auc_difference

    found = []
    for day in settings.days:
        clicked = day_columns(logs, day)["clicked"]
        for seed in settings.seeds:
            scores = {system: partial.scores(system, day, seed) for system in settings.systems}
            for first, second in combinations(settings.systems, 2):
                test = auc_difference(clicked, scores[first], scores[second])
                if test is not None:
                    figures = dict(zip(("difference", "standard_error", "p_value"), test, strict=True))
                    found.append({"first": first, "second": second, "day": day, "seed": seed, **figures})
    return found


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(json.dumps(value, indent=1, allow_nan=False) + "\n")
    fresh.replace(path)


def _units(settings: CompareSettings, logs: Logs, done: set[tuple[str, str, int]]) -> list[Unit]:
    units = []
    for day in settings.days:
        for seed in settings.seeds:
            left = tuple(name for name in settings.systems if (name, day, seed) not in done)
            if left:
                units.append(Unit(settings, logs, day, seed, left))
    return units


def _in_order(settings: CompareSettings, days: Sequence[DayScore]) -> list[DayScore]:
    """By system, seed and day as the settings name them, whatever the order of arrival."""
    found = {(day.system, day.seed, day.day): day for day in days}
    return [
        found[system, seed, day]
        for system in settings.systems
        for seed in settings.seeds
        for day in settings.days
    ]
