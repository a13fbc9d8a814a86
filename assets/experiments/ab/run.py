"""An online A/B test on the simulator (the paper's 5.5): every user in it is simulated.

Users are split by hash. Each hour the accounts that open the feed are asked for by the world, each arm ranks
the same kind of candidates for its own users, shows the best, and learns from their reactions; each day it is
retrained. See `docs/ab-test.md` for the design and `docs/metrics.md` for the figures.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from assets.experiments.ab.play import ArmRun, PlayedDay, run_play
from assets.experiments.ab.results import ABResult, TestedSettings
from assets.experiments.ab.settings import SCRIPTED, ABSettings
from assets.experiments.ab.summary import ArmExposures, ab_result
from assets.experiments.comparison.run import all_settings
from assets.experiments.frame import Study
from models.progress import Progress


def ab_test(
    settings: ABSettings,
    out: Path,
    *,
    workers: int = 1,
    progress: Progress | None = None,
) -> ABResult:
    """Play every arm through every day, write the JSON to `out` and return it.

    Finished days are kept in `<out>.partial`; the same call after a kill goes on from there. Arms run in
    processes of their own where there are several workers. An arm whose training diverges or whose scores
    are no numbers is named in `failed`; the others are tested without it.

    Raises:
        ValueError: an unknown system, a first day before the second simulated one, or a failed base.
    """
    comparison = settings.comparison()
    of_systems = {} if comparison is None else all_settings(comparison)
    settings.first_day_of_world()
    study = Study(out, settings.key(of_systems), PlayedDay, unit="days played", progress=progress)
    runs = _runs(settings)
    study.expect(len(runs) * settings.days, sum(len(_finished(run, study)) for run in runs))
    study.run(run_play, _remaining(runs, study), workers)
    failed = _failures(runs, study)
    sound, runs = _without(settings, runs, failed)
    rows = [row for run in runs for row in _finished(run, study)]
    played = [
        ArmExposures(run, {row.day: study.arrays(row.stem) for row in _finished(run, study)}) for run in runs
    ]
    result = ab_result(sound, of_systems, played, rows)
    if failed:
        result = result.model_copy(update={"failed": failed, "settings": _tested(settings, of_systems)})
    study.write(result.document())
    return result


def _failures(runs: list[ArmRun], study: Study[PlayedDay]) -> dict[str, str]:
    """System → day and reason, of arms that could not be played to the end."""
    done = {row.stem for row in study.rows if row.failed is None}
    reasons = {row.play: row.failed for row in study.rows if row.failed is not None and row.stem not in done}
    return {run.system: str(reasons[run.name]) for run in runs if run.name in reasons}


def _without(
    settings: ABSettings, runs: list[ArmRun], failed: Mapping[str, str]
) -> tuple[ABSettings, list[ArmRun]]:
    """The test and its runs without the arms that failed.

    Raises:
        ValueError: the base failed, or every other arm.
    """
    arms = tuple(name for name in settings.arms if name not in failed)
    if settings.base in failed or len(arms) < 2:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in failed.items())
        raise ValueError(f"the base and one more arm are needed. {reasons}")
    of_failed = {group for group, name in enumerate(settings.arms) if name in failed}
    sound = settings.model_copy(update={"arms": arms})
    return sound, [run for run in runs if run.group not in of_failed]


def _tested(settings: ABSettings, of_systems: dict[str, dict[str, str]]) -> TestedSettings:
    return TestedSettings(**settings.model_dump(), of=of_systems)


def _runs(settings: ABSettings) -> list[ArmRun]:
    """The arms first, then the base on the other arms' users, then the bounds."""
    runs = [ArmRun(settings, system, group) for group, system in enumerate(settings.arms)]
    if settings.aa:
        runs += [ArmRun(settings, settings.base, group) for group in range(1, len(settings.arms))]
    if settings.bounds:
        runs += [ArmRun(settings, rule, None) for rule in SCRIPTED]
    return runs


def _finished(run: ArmRun, study: Study[PlayedDay]) -> list[PlayedDay]:
    """The finished days of a run, in order."""
    rows = (row for row in study.rows if row.play == run.name and row.failed is None)
    return sorted(rows, key=lambda row: row.day)


def _remaining(runs: list[ArmRun], study: Study[PlayedDay]) -> list[ArmRun]:
    """The runs that have days to go, with the exposures of those behind them."""
    remaining = []
    for run in runs:
        paths = tuple(study.path(row.stem) for row in _finished(run, study))
        if len(paths) < run.settings.days:
            remaining.append(ArmRun(run.settings, run.system, run.group, paths))
    return remaining
