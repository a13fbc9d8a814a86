"""A rolling comparison: each system retrained on the days before each test day, then scored hour by hour.

No Dagster run and no MLflow: the same models, warehouse and evaluation that the assets call.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from assets.common.provenance import flat, made_today
from assets.experiments.comparison.details import details
from assets.experiments.comparison.parts import ComparedSettings, DayFigures, DayScore, FailedSystem, Made
from assets.experiments.comparison.results import Comparison
from assets.experiments.comparison.scores import facts_name, hours_read, work_on
from assets.experiments.comparison.settings import CompareSettings
from assets.experiments.comparison.summary import pairs, rows, summary
from assets.experiments.comparison.systems import LONG_TERM, chosen_long_term, chosen_systems
from assets.experiments.comparison.truth import truth
from assets.experiments.comparison.units import Piece, WorkPlan, left_to_score, planned
from assets.experiments.frame import Study
from assets.experiments.source_logs import Logs, hash_of
from assets.experiments.windows import INSTANCES, encode_windows
from models.progress import Progress


def compare(
    settings: CompareSettings,
    logs: Logs,
    out: Path,
    *,
    workers: int = 1,
    progress: Progress | None = None,
) -> Comparison:
    """Score every system on every day with every seed, write the JSON to `out` and return it.

    Scored days are kept in `<out>.partial`; the same call after a kill goes on from there. A system that
    cannot be trained, or whose scores are no numbers, is named with its reason in `failed`; all figures and
    tests are of the others.

    Raises:
        ValueError: every system failed.
    """
    of_systems = all_settings(settings)
    data_hash = hash_of(logs, settings.days)
    key = settings.key(data_hash, of_systems)
    study = Study(out, key, DayScore, unit="days scored", progress=progress)
    study.expect(len(settings.systems) * len(settings.days) * len(settings.seeds))
    _score(settings, logs, study, workers)
    failed = _failures(settings, study.rows)
    sound = [name for name in settings.systems if name not in failed]
    if not sound:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in failed.items())
        raise ValueError(f"no system could be compared. {reasons}")
    days = _in_order(settings, sound, study.rows)
    more, beside = details(settings, sound, study)
    result = Comparison(
        source=settings.source,
        simulated=logs.simulated,
        settings=ComparedSettings(**settings.model_dump(), of=of_systems),
        tuned=settings.tuned,
        git=", ".join(dict.fromkeys(day.git for day in days)),
        data_hash=data_hash,
        made=Made(**made_today(), workers=workers),
        rows=rows(days),
        days=tuple(DayFigures(**day.model_dump(exclude={"hours", "failed"})) for day in days),
        summary=summary(days, beside),
        failed=tuple(FailedSystem(system=name, reason=reason) for name, reason in failed.items()),
        pairs=pairs(days),
        truth=truth(logs, settings.days) if logs.simulated else None,
        **vars(more),
    )
    study.write(result.document())
    return result


def all_settings(settings: CompareSettings) -> dict[str, dict[str, str]]:
    """Every setting behind the comparison, by system, and those of the long-term graph that they share."""
    systems = chosen_systems(settings)
    flattened = {name: flat(system) for name, system in systems.items()}
    if any(system.uses_long_term for system in systems.values()):
        flattened[LONG_TERM] = flat(chosen_long_term(settings))
    return flattened


def _score(settings: CompareSettings, logs: Logs, study: Study[DayScore], workers: int) -> None:
    """Score what is not scored yet."""
    scored = {(day.system, day.day, day.seed) for day in study.rows}
    plan = _plan(settings, logs, left_to_score(settings, scored), study)
    try:
        study.run(work_on, plan.units, workers, plan.needs)
    finally:
        hours_read.cache_clear()


def _plan(settings: CompareSettings, logs: Logs, left: Sequence[Piece], study: Study[DayScore]) -> WorkPlan:
    """The units of what is left, with the instances to train on, which are encoded first."""
    named = {name for name, *_ in left}
    systems = {name: system for name, system in chosen_systems(settings).items() if name in named}
    days = list(dict.fromkeys(day for _, day, _ in left))
    windows = encode_windows(logs, systems, days, study.folder / INSTANCES, study.report) if left else {}
    described = [day for day in days if study.path(facts_name(day)).exists()]
    return planned(settings, logs, left, windows, study.folder, described)


def _failures(settings: CompareSettings, days: Sequence[DayScore]) -> dict[str, str]:
    """System → the first reason for which it has no figures; systems in the order of the settings."""
    reasons = {(day.system, day.day, day.seed): day.failed for day in days if day.failed is not None}
    return {
        name: min((key, why) for key, why in reasons.items() if key[0] == name)[1]
        for name in settings.systems
        if any(system == name for system, _, _ in reasons)
    }


def _in_order(settings: CompareSettings, systems: Sequence[str], days: Sequence[DayScore]) -> list[DayScore]:
    """By system, seed and day as they are named, whatever the order of arrival."""
    scored = {(day.system, day.seed, day.day): day for day in days}
    return [
        scored[system, seed, day] for system in systems for seed in settings.seeds for day in settings.days
    ]
