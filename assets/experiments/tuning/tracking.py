"""A study on MLflow: an experiment of its own, one parent run, a child a trial."""

from __future__ import annotations

import time
from pathlib import Path

from assets.common.provenance import flat
from assets.common.tracking import RunRecord, Tracking
from assets.experiments.tuning.results import TuningResult
from assets.experiments.tuning.settings import TuneSettings
from models.progress import Progress


def purpose(tracking: Tracking) -> str:
    """The experiment's name; simulated logs are called so in it."""
    return f"{tracking.label} tuning"


def record(
    folder: Path,
    settings: TuneSettings,
    result: TuningResult,
    out: Path,
    progress: Progress | None = None,
    started: float | None = None,
) -> str:
    """Write a study on its runs, found again where it was recorded before; returns the parent's id.

    Args:
        folder: MLflow's.
        settings: of the study.
        result: of the study.
        out: the file that holds the JSON; becomes an artifact of the parent.
        progress: called with (stage, done, total).
        started: when the study began, Unix seconds; default: now.
    """
    named = Tracking(folder, settings.source, result.simulated)
    tracking = Tracking(folder, settings.source, named.simulated, purpose(named))
    key = settings.key(result.data_hash)
    figures: dict[str, float | None] = {}
    for name, system in result.systems.items():
        figures |= {f"{name}.auc": system.auc, f"{name}.default_auc": system.default_auc}
        figures[f"{name}.aupr"] = system.trials[system.chosen].aupr if system.trials else None
    parent = tracking.record(
        RunRecord(
            kind="tuning",
            system="all",
            partition=_partition(settings),
            seed=settings.seed,
            settings=flat(settings) | {"study": key},
            tags=_tags(result),
            metrics=figures,
            artifacts={"json": out},
            started=started,
        )
    )
    runs = [(name, number) for name, system in result.systems.items() for number in range(len(system.trials))]
    for done, (name, number) in enumerate(runs, start=1):
        tracking.record(_trial_run(settings, result, name, number, parent))
        if progress is not None:
            progress("recorded", done, len(runs))
    return parent


def _trial_run(
    settings: TuneSettings, result: TuningResult, name: str, number: int, parent: str
) -> RunRecord:
    system = result.systems[name]
    trial = system.trials[number]
    by_day = zip(settings.days, trial.auc_by_day, strict=True)
    about = {"study": settings.key(result.data_hash), "trials": str(settings.trials)}
    chosen = str(number == system.chosen).lower()
    return RunRecord(
        kind="trial",
        system=name,
        partition=f"{_partition(settings)} trial {number:02d}",
        seed=settings.seed,
        settings=flat(trial.settings) | about,
        tags=_tags(result) | {"failed": trial.failed or "", "chosen": chosen},
        metrics={
            "auc": trial.auc,
            "aupr": trial.aupr,
            "seconds": trial.seconds,
            **{f"auc.{day}": auc for day, auc in by_day},
        },
        parent=parent,
        started=time.time() - trial.seconds,
    )


def _partition(settings: TuneSettings) -> str:
    return "..".join(dict.fromkeys((settings.days[0], settings.days[-1])))


def _tags(result: TuningResult) -> dict[str, str]:
    return {"data_hash": result.data_hash, "tuned_git": result.git}
