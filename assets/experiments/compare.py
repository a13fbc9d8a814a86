"""A rolling comparison: each system retrained on the days before each test day, then scored hour by hour.

An hour is scored by the state adapted on the hours before it, and only then are its labels used.
The long-term graph is trained once for each (day, seed) and shared by the systems that need it. No
Dagster run and no MLflow: the same models, warehouse and evaluation that the assets call.
"""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from assets.experiments.day_facts import DayFacts
from assets.experiments.details import details
from assets.experiments.logs import Logs, hash_of, read_day
from assets.experiments.partial import PartialResults, Scores
from assets.experiments.settings import CompareSettings
from assets.experiments.summary import DayScore, HourScore, pairs, rows, summary
from assets.experiments.systems import LONG_TERM, chosen_long_term, chosen_systems
from assets.experiments.truth import truth
from assets.experiments.workers import Emit, run_units
from assets.provenance import flat, git_revision, made_today

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
    """A scored day with its scores."""

    day: DayScore
    scores: Scores


@dataclass(frozen=True)
class Known:
    """What segments need to know of a day."""

    day: str
    facts: DayFacts


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

    def keep(result: Scored | Known | Moved) -> None:
        if isinstance(result, Moved):
            report(result.stage, result.done, result.total)
            return
        if isinstance(result, Known):
            partial.add_facts(result.day, result.facts)
            return
        partial.add(result.day, result.scores)
        done.add((result.day.system, result.day.day, result.day.seed))
        report("days scored", len(done), total)

    run_units(score_unit, _units(settings, logs, done), workers, keep)
    days = _in_order(settings, partial.days())
    found = details(settings, partial)
    ece = {entry["system"]: entry["ece"] for entry in found["calibration"]}
    result = {
        "source": settings.source,
        "simulated": logs.simulated,
        "settings": settings.model_dump(mode="json") | {"of": of_systems},
        "tuned": settings.tuned,
        "git": ", ".join(dict.fromkeys(day.git for day in days)),
        "data_hash": data_hash,
        "made": made_today() | {"workers": workers},
        "rows": rows(days),
        "days": [day.model_dump(exclude={"hours"}) for day in days],
        "summary": summary(days, ece),
        "pairs": pairs(days),
        **found,
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
    emit(Known(unit.day, DayFacts.of(history, hours)))
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
    *,
    twin: bool = True,
) -> Scored:
    """Train on the history, then score each hour before adapting on it.

    With `twin`, a copy of the trained model scores the hours too: it receives each, but never adapts.
    """
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
    trained, spent = time.perf_counter() - started, 0.0
    still = copy.deepcopy(ranker) if twin and ranker.adapts else None
    adapted, gate, static = [], [], []
    for done, hour in enumerate(hours, start=1):
        started = time.perf_counter()
        told_of = ranker.score_details(hour)
        ranker.adapt(hour)
        spent += time.perf_counter() - started
        adapted.append(told_of["probability"])
        gate.append(told_of.get("gate_short"))
        if still is not None:
            static.append(still.score(hour))
            still.receive(hour)
        told("hours", done, len(hours))
    return Scored(
        evaluate(name, unit, hours, adapted, static, gate, train_seconds=trained, hours_seconds=spent),
        Scores(np.concatenate(adapted), np.concatenate(static) if static else None, _joined(gate)),
    )


def evaluate(
    name: str,
    unit: Unit,
    hours: Sequence[EventLog],
    adapted: Sequence[np.ndarray],
    static: Sequence[np.ndarray],
    gate: Sequence[np.ndarray | None],
    **seconds: float,
) -> DayScore:
    """The figures of a scored day; `static` is empty for a system that never adapts."""
    from models.evaluation import auc, auc_standard_error, gauc, log_loss

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


def _all_settings(settings: CompareSettings) -> dict[str, dict[str, str]]:
    """Every setting behind the comparison, by system, and those of the long-term graph that they share."""
    systems = chosen_systems(settings)
    found = {name: flat(system) for name, system in systems.items()}
    if any(system.uses_long_term for system in systems.values()):
        found[LONG_TERM] = flat(chosen_long_term(settings))
    return found


def silent(stage: str, done: int, total: int) -> None:
    """Progress that nobody watches."""


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
