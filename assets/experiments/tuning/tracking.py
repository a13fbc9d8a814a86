"""A study on MLflow: an experiment of its own, one parent run, a child a trial."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from assets.common.provenance import flat
from assets.common.tracking import RunRecord, Tracking
from assets.experiments.tuning.settings import TuneSettings
from models.progress import Progress


def purpose(tracking: Tracking) -> str:
    """The experiment's name; simulated logs are called so in it."""
    return f"{tracking.label} tuning"


def record(
    folder: Path,
    settings: TuneSettings,
    result: Mapping[str, Any],
    out: Path,
    progress: Progress | None = None,
) -> str:
    """Write a study on its runs, found again where it was recorded before; returns the parent's id.

    Args:
        folder: MLflow's.
        settings: of the study.
        result: its JSON.
        out: the file that holds the JSON; becomes an artifact of the parent.
        progress: told (stage, done, total).
    """
    named = Tracking(folder, settings.source, bool(result["simulated"]))
    tracking = Tracking(folder, settings.source, named.simulated, purpose(named))
    partition = "..".join(dict.fromkeys((settings.days[0], settings.days[-1])))
    tags = {"data_hash": result["data_hash"], "tuned_git": result["git"]}
    study = settings.key(result["data_hash"])
    systems = result["systems"]
    chosen: dict[str, float | None] = {}
    for name, system in systems.items():
        chosen |= {f"{name}.auc": system["auc"], f"{name}.default_auc": system["default_auc"]}
    parent = tracking.record(
        RunRecord(
            kind="tuning",
            system="all",
            partition=partition,
            seed=settings.seed,
            settings=flat(settings) | {"study": study},
            tags=tags,
            metrics=chosen,
            artifacts={"json": out},
        )
    )
    runs = [(name, number, trial) for name in systems for number, trial in enumerate(systems[name]["trials"])]
    for done, (name, number, trial) in enumerate(runs, start=1):
        by_day = dict(zip(settings.days, trial["auc_by_day"], strict=True))
        tracking.record(
            RunRecord(
                kind="trial",
                system=name,
                partition=f"{partition} trial {number:02d}",
                seed=settings.seed,
                settings=flat(trial["settings"]) | {"study": study, "trials": str(settings.trials)},
                tags=tags
                | {"failed": trial["failed"] or "", "chosen": str(_chosen(systems[name], number)).lower()},
                metrics={
                    "auc": trial["auc"],
                    "seconds": trial["seconds"],
                    **{f"auc.{day}": auc for day, auc in by_day.items()},
                },
                parent=parent,
            )
        )
        if progress is not None:
            progress("recorded", done, len(runs))
    return parent


def _chosen(system: Mapping[str, Any], number: int) -> bool:
    """Whether the settings of this trial were taken; the defaults, where nothing was changed."""
    if not system["settings"]:
        return number == 0
    first = next(i for i, trial in enumerate(system["trials"]) if trial["settings"] == system["settings"])
    return number == first
