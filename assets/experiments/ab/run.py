"""An online A/B test on the simulator (the paper's 5.5): every user in it is simulated.

Users are split by hash. Each hour the accounts that open the feed are asked for by the world, each arm ranks
the same kind of candidates for its own users, shows the best, and learns from their reactions; each day it is
retrained. See `docs/ab-test.md` for the design and `docs/metrics.md` for the figures.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from assets.common.provenance import flat, git_revision, made_today
from assets.experiments.ab.metrics import (
    compared,
    compared_pairwise,
    false_alarms,
    figures,
    sample_ratio,
    user_table,
)
from assets.experiments.ab.partial import PlayedDays
from assets.experiments.ab.play import HOURS, ArmRun, PlayedDay, WorkProgress, run_play
from assets.experiments.ab.settings import SCRIPTED, ABSettings
from assets.experiments.comparison.systems import LONG_TERM, chosen_long_term, chosen_systems
from assets.experiments.workers import run_units, silent
from models.progress import Progress

AA = " (A/A)"  #: marks the base on the users of another arm


def ab_test(
    settings: ABSettings,
    out: Path,
    *,
    workers: int = 1,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Play every arm through every day, write the JSON to `out` and return it.

    Finished days are kept in `<out>.partial`; the same call after a kill goes on from there. Arms run in
    processes of their own where there are several workers.

    Raises:
        ValueError: an unknown system, or a first day before the second simulated one.
    """
    of_systems = _all_settings(settings)
    settings.first_day_of_world()
    partial = PlayedDays(out, settings.key(of_systems))
    report, plays = progress or silent, _plays(settings)
    total = len(plays) * settings.days
    done = sum(len(partial.finished(play.name)) for play in plays)
    report("days played", done, total)

    def keep(result: PlayedDay | WorkProgress) -> None:
        nonlocal done
        if isinstance(result, WorkProgress):
            report(result.stage, result.done, result.total)
            return
        partial.add(result)
        done += 1
        report("days played", done, total)

    run_units(run_play, _left(plays, partial), workers, keep)
    result = _result(settings, plays, partial) | {
        "settings": settings.model_dump(mode="json") | {"of": of_systems, "test_days": settings.test_days}
    }
    partial.finish(result)
    return result


def _plays(settings: ABSettings) -> list[ArmRun]:
    """The arms first, then the base on the other arms' users, then the bounds."""
    plays = [ArmRun(settings, system, group) for group, system in enumerate(settings.arms)]
    if settings.aa:
        plays += [ArmRun(settings, settings.base, group) for group in range(1, len(settings.arms))]
    if settings.bounds:
        plays += [ArmRun(settings, rule, None) for rule in SCRIPTED]
    return plays


def _left(plays: list[ArmRun], partial: PlayedDays) -> list[ArmRun]:
    """The plays that have days to go, with the exposures of those behind them."""
    left = []
    for play in plays:
        days = [line["day"] for line in partial.finished(play.name)]
        if len(days) < play.settings.days:
            paths = tuple(partial.exposures_path(play.name, day) for day in days)
            left.append(ArmRun(play.settings, play.system, play.group, paths))
    return left


def _result(settings: ABSettings, plays: list[ArmRun], partial: PlayedDays) -> dict[str, Any]:
    told = [line for play in plays for line in partial.finished(play.name)]
    arms = {system: _days(plays[group], partial) for group, system in enumerate(settings.arms)}
    tables = {name: _table(days) for name, days in arms.items()}
    srm = sample_ratio({name: len(users) for name, (users, _) in tables.items()})
    rng = np.random.default_rng(settings.seed)
    world = settings.simulation()
    return {
        "simulated": True,
        "source": "simulator",
        "world": {"settings_hash": world.settings_hash(), "users": world.population.users},
        "git": ", ".join(dict.fromkeys(line["git"] for line in told)) or git_revision(),
        "made": made_today(),
        "seconds": {play.name: sum(d["seconds"] for d in partial.finished(play.name)) for play in plays},
        "arms": list(settings.arms),
        "base": settings.base,
        "valid": srm["valid"],
        "srm": srm,
        "days": [row for name, days in arms.items() for row in _day_rows(name, days)],
        "pooled": [{"arm": name, **_row(table)} for name, (_, table) in tables.items()],
        "metrics": _metrics(settings, {name: table for name, (_, table) in tables.items()}, rng),
        "hours": [row for name, days in arms.items() for row in _hour_rows(name, days)],
        "resplits": {
            "arm": settings.base,
            "splits": settings.resplits,
            "share_below_05": false_alarms(tables[settings.base][1], settings.resplits, rng),
        },
        "aa": _aa(settings, tables, partial, rng) if settings.aa else None,
        "bounds": _bounds(plays, partial),
    }


def _aa(
    settings: ABSettings,
    tables: Mapping[str, tuple[np.ndarray, np.ndarray]],
    partial: PlayedDays,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """The base on the users of every arm: no effect should be found. And what it would have been for them."""
    base = settings.base
    again = {
        name: _days(ArmRun(settings, base, group), partial)
        for group, name in enumerate(settings.arms)
        if group
    }
    same = {name: _table(days) for name, days in again.items()}
    labels = {name: f"{base} on the users of {name}{AA}" for name in same}
    users = {base: len(tables[base][0])} | {labels[name]: len(same[name][0]) for name in same}
    own = {base: tables[base][1]} | {labels[name]: table for name, (_, table) in same.items()}
    return {
        "arms": list(own),
        "srm": sample_ratio(users),
        "days": [row for name, days in again.items() for row in _day_rows(labels[name], days)],
        "pooled": [{"arm": name, **_row(table)} for name, table in own.items()],
        "metrics": _metrics(settings, own, rng),
        "paired": [
            {"arm": name, "base": base, **entry}
            for name, (_, table) in same.items()
            for entry in compared_pairwise(table, tables[name][1], draws=settings.draws, rng=rng)
        ],
    }


def _bounds(plays: list[ArmRun], partial: PlayedDays) -> list[dict[str, Any]]:
    rules = [play for play in plays if play.group is None]
    return [{"arm": play.system, **_row(_table(_days(play, partial))[1])} for play in rules]


def _metrics(
    settings: ABSettings, tables: Mapping[str, np.ndarray], rng: np.random.Generator
) -> list[dict[str, Any]]:
    base, *others = tables
    return [
        {"arm": name, "base": base, **entry}
        for name in others
        for entry in compared(tables[base], tables[name], draws=settings.draws, rng=rng)
    ]


def _days(play: ArmRun, partial: PlayedDays) -> dict[str, dict[str, np.ndarray]]:
    return {day: partial.exposures(play.name, day) for day in play.settings.test_days}


def _table(days: Mapping[str, dict[str, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    columns = ("user", "clicked", "dwell")
    return user_table(*(np.concatenate([day[name] for day in days.values()]) for name in columns))


def _day_rows(arm: str, days: Mapping[str, dict[str, np.ndarray]]) -> list[dict[str, Any]]:
    return [{"day": day, "arm": arm, **_row(_table({day: columns})[1])} for day, columns in days.items()]


def _row(table: np.ndarray) -> dict[str, Any]:
    users, exposures, clicks = (int(value) for value in table.sum(axis=0)[:3])
    return {"users": users, "exposures": exposures, "clicks": clicks, **figures(table)}


def _hour_rows(arm: str, days: Mapping[str, dict[str, np.ndarray]]) -> list[dict[str, Any]]:
    rows = []
    for day, columns in days.items():
        hour = columns["hour"] % HOURS
        shown = np.bincount(hour, minlength=HOURS)
        clicks = np.bincount(hour, weights=columns["clicked"], minlength=HOURS)
        rows += [
            {
                "day": day,
                "hour": place,
                "arm": arm,
                "exposures": int(shown[place]),
                "clicks": int(clicks[place]),
                "ctr": float(clicks[place] / shown[place]) if shown[place] else None,
            }
            for place in range(HOURS)
        ]
    return rows


def _all_settings(settings: ABSettings) -> dict[str, dict[str, str]]:
    """Every setting behind the trained arms, by system."""
    comparison = settings.comparison()
    if comparison is None:
        return {}
    systems = chosen_systems(comparison)
    found = {name: flat(system) for name, system in systems.items()}
    if any(system.uses_long_term for system in systems.values()):
        found[LONG_TERM] = flat(chosen_long_term(comparison))
    return found
