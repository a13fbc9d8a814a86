"""A rolling comparison: each system retrained on the days before each test day, then scored hour by hour.

No Dagster run and no MLflow: the same models, warehouse and evaluation that the assets call.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from assets.common.provenance import flat, made_today
from assets.experiments.comparison.details import details
from assets.experiments.comparison.partial import PartialResults
from assets.experiments.comparison.scores import Scored, ScoringUnit, SegmentFacts, score_unit
from assets.experiments.comparison.settings import CompareSettings
from assets.experiments.comparison.summary import DayScore, pairs, rows, summary
from assets.experiments.comparison.systems import LONG_TERM, chosen_long_term, chosen_systems
from assets.experiments.comparison.truth import truth
from assets.experiments.source_logs import Logs, hash_of
from assets.experiments.workers import WorkProgress, run_units, silent
from models.progress import Progress


def compare(
    settings: CompareSettings,
    logs: Logs,
    out: Path,
    *,
    workers: int = 1,
    progress: Progress | None = None,
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

    def keep(result: Scored | SegmentFacts | WorkProgress) -> None:
        if isinstance(result, WorkProgress):
            report(result.stage, result.done, result.total)
            return
        if isinstance(result, SegmentFacts):
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


def _all_settings(settings: CompareSettings) -> dict[str, dict[str, str]]:
    """Every setting behind the comparison, by system, and those of the long-term graph that they share."""
    systems = chosen_systems(settings)
    found = {name: flat(system) for name, system in systems.items()}
    if any(system.uses_long_term for system in systems.values()):
        found[LONG_TERM] = flat(chosen_long_term(settings))
    return found


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(json.dumps(value, indent=1, allow_nan=False) + "\n")
    fresh.replace(path)


def _units(settings: CompareSettings, logs: Logs, done: set[tuple[str, str, int]]) -> list[ScoringUnit]:
    """What is left, by day and seed: the systems that share a long-term graph, then the others.

    Two pieces a day and seed keep all workers at work nearly to the end, and train no graph twice.
    """
    shares = {name: system.uses_long_term for name, system in chosen_systems(settings).items()}
    units = []
    for day in settings.days:
        for seed in settings.seeds:
            for long_term in (True, False):
                wanted = (name for name in settings.systems if shares[name] == long_term)
                left = tuple(name for name in wanted if (name, day, seed) not in done)
                if left:
                    units.append(ScoringUnit(settings, logs, day, seed, left))
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
