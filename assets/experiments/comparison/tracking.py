"""A comparison on MLflow: its own experiment with a run a system and seed, and one run with the pictures.

MLflow's comparison of runs opens with the first three parameters that differ, by name, and the first metric.
Names are therefore chosen so that these are `family`, `seed`, `system` and `auc`: every setting of a system
is a parameter too, below `with.`. The pictures lie in another experiment, so that ticking all runs of a
comparison ticks systems only.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from assets.common.provenance import flat
from assets.common.tracking import RunRecord, Tracking
from assets.experiments.comparison.averages import mean_and_error
from assets.experiments.comparison.parts import DayFigures, FailedSystem, WithinFigures
from assets.experiments.comparison.plots import pictures
from assets.experiments.comparison.results import Comparison, HourFigure
from assets.experiments.comparison.roles import family_of
from assets.experiments.frame import artifacts
from assets.ranking.run_colour import colour_tag
from models.metrics import PERIODS

COMPARISONS = "comparisons"  #: the experiment with one run a comparison
KIND = "comparison"
SETTING = "with."
NOTE = "mlflow.note.content"
FIGURES = (
    *("auc", "auc_static", "aupr", "log_loss", "gauc", "train_seconds", "hours_seconds"),
    *("pooled1", "pooled2", "pooled3"),
    *WithinFigures.model_fields,
)
TOGETHER = (
    "auc",
    "auc_static",
    "aupr",
    "gauc_hour",
    "request_auc",
    "request_ndcg10",
)  #: figures of each system on the run with the pictures
CURVES: dict[str, HourFigure] = {
    "auc_by_hour": "auc",
    "auc_static_by_hour": "auc_static",
    "gate_short_by_hour": "gate_short",
}


def experiment_name(result: Comparison) -> str:
    """`kuairand comparison 2022-05-04..2022-05-08`; a simulated source is called so."""
    return f"{result.label} comparison {result.settings.span}"


def record(folder: Path, result: Comparison, out: Path | None = None, started: float | None = None) -> str:
    """Write a comparison on its runs, found again where it was recorded before.

    Args:
        folder: of MLflow, `Home.mlflow`.
        result: of the comparison.
        out: the file that holds it, kept with the pictures.
        started: when the comparison began, Unix seconds; default: now.

    Returns:
        the id of the run with the pictures.
    """
    each = Tracking(folder, result.source, result.simulated, experiment_name(result))
    for system in result.systems:
        for seed in result.settings.seeds:
            each.record(_run_of(result, system, seed))
    for failure in result.failed:
        each.client.set_terminated(each.record(_failed_run(result, failure)), "FAILED")
    together = Tracking(folder, result.source, result.simulated, COMPARISONS)
    with artifacts(pictures(result), out) as recorded:
        run_id = together.record(
            RunRecord(
                kind=KIND,
                system="all",
                partition=result.settings.span,
                seed=0,
                settings=flat(result.settings.model_dump(mode="json", exclude={"of"})),
                tags=_tags(result)
                | {"experiment": experiment_name(result)}
                | {f"failed.{failure.system}": failure.reason for failure in result.failed},
                metrics={
                    f"{system}.{figure}": getattr(entry, figure)
                    for system, entry in result.systems.items()
                    for figure in TOGETHER
                },
                artifacts=recorded,
                started=started,
            )
        )
    each.client.set_experiment_tag(each.experiment, NOTE, _note(result, together, run_id))
    return run_id


def _run_of(result: Comparison, system: str, seed: int) -> RunRecord:
    settings = result.settings
    seconds = sum(day.train_seconds + day.hours_seconds for day in days_of(result, system, seed))
    return RunRecord(
        kind=KIND,
        system=system,
        partition=settings.span,
        seed=seed,
        settings=_settings(result, system),
        tags=_tags(result)
        | {"tuned": str(system in result.tuned).lower()}
        | colour_tag(system, settings.span),
        metrics=metrics(result, system, seed),
        curves=curves(result, system, seed),
        name=f"{system} seed {seed}",
        # Several processes may have worked on its days, or one before a kill: its time is their sum.
        started=time.time() - seconds,
    )


def _failed_run(result: Comparison, failure: FailedSystem) -> RunRecord:
    """The run of a system without figures, with the reason as a tag."""
    settings = result.settings
    return RunRecord(
        kind=KIND,
        system=failure.system,
        partition=settings.span,
        seed=settings.seeds[0],
        settings=_settings(result, failure.system),
        tags=_tags(result) | {"failed": failure.reason},
        name=f"{failure.system} failed",
    )


def _settings(result: Comparison, system: str) -> dict[str, str]:
    return {
        "family": family_of(system),
        "days": ",".join(result.settings.days),
        **{SETTING + key: value for key, value in result.settings.of[system].items()},
    }


def days_of(result: Comparison, system: str, seed: int) -> list[DayFigures]:
    """A system's days with one seed."""
    return [day for day in result.days if (day.system, day.seed) == (system, seed)]


def page(folder: Path, result: Comparison, run_id: str) -> str:
    """Address of the run with the pictures."""
    return Tracking(folder, result.source, result.simulated, COMPARISONS).url(run_id)


def metrics(result: Comparison, system: str, seed: int) -> dict[str, float | None]:
    """A system's figures with one seed, means over the days; `ece` pools all seeds."""
    days = days_of(result, system, seed)
    means = {figure: _mean([getattr(day, figure) for day in days]) for figure in FIGURES}
    gain = None
    if means["auc"] is not None and means["auc_static"] is not None:
        gain = means["auc"] - means["auc_static"]
    hours = _of_seed(result, "auc", system, seed)
    periods = {name: None if hours is None else _mean(hours[:, cut].ravel()) for name, cut in PERIODS.items()}
    return {**means, "gain": gain, **periods, "ece": result.systems[system].ece}


def curves(result: Comparison, system: str, seed: int) -> dict[str, list[float]]:
    """A system's figures by hour with one seed, means over the days; the step is the hour."""
    tables = {name: _of_seed(result, figure, system, seed) for name, figure in CURVES.items()}
    return {
        name: mean_and_error(table[:, None])[0].tolist()
        for name, table in tables.items()
        if table is not None
    }


def _of_seed(result: Comparison, figure: HourFigure, system: str, seed: int) -> np.ndarray | None:
    """A figure of hours, [days, 24], NaN where there is none; None where no hour has it."""
    table = result.by_hour(figure).get(system)
    return None if table is None else table[result.settings.seeds.index(seed)]


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None and not np.isnan(value)]
    return float(np.mean(known)) if known else None


def _tags(result: Comparison) -> dict[str, str]:
    return {"data_hash": result.data_hash, "compared_git": result.git}


def _note(result: Comparison, together: Tracking, run_id: str) -> str:
    """What the experiment's page says of itself."""
    return (
        f"{len(result.summary)} systems on {result.about}, {result.settings.span}: one run a "
        "system and seed. Tick all, then Compare: parallel coordinates. "
        f"[Pictures and JSON](#/experiments/{together.experiment}/runs/{run_id}) are in `{COMPARISONS}`."
    )
