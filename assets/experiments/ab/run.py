"""An online A/B test on the simulator (the paper's 5.5): every user in it is simulated.

Users are split by hash. Each hour the accounts that open the feed are asked for by the world, each arm ranks
the same kind of candidates for its own users, shows the best, and learns from their reactions; each day it is
retrained. See `docs/ab-test.md` for the design and `docs/metrics.md` for the figures.
"""

from __future__ import annotations

from pathlib import Path

from assets.experiments.ab.play import ArmRun, PlayedDay, run_play
from assets.experiments.ab.results import ABResult
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
    processes of their own where there are several workers.

    Raises:
        ValueError: an unknown system, or a first day before the second simulated one.
    """
    comparison = settings.comparison()
    of_systems = {} if comparison is None else all_settings(comparison)
    settings.first_day_of_world()
    study = Study(out, settings.key(of_systems), PlayedDay, unit="days played", progress=progress)
    runs = _runs(settings)
    study.expect(len(runs) * settings.days, sum(len(_finished(run, study)) for run in runs))
    study.run(run_play, _remaining(runs, study), workers)
    rows = [row for run in runs for row in _finished(run, study)]
    played = [
        ArmExposures(run, {row.day: study.arrays(row.stem) for row in _finished(run, study)}) for run in runs
    ]
    result = ab_result(settings, of_systems, played, rows)
    study.write(result.document())
    return result


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
    return sorted((row for row in study.rows if row.play == run.name), key=lambda row: row.day)


def _remaining(runs: list[ArmRun], study: Study[PlayedDay]) -> list[ArmRun]:
    """The runs that have days to go, with the exposures of those behind them."""
    remaining = []
    for run in runs:
        paths = tuple(study.path(row.stem) for row in _finished(run, study))
        if len(paths) < run.settings.days:
            remaining.append(ArmRun(run.settings, run.system, run.group, paths))
    return remaining
