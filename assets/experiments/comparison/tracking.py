"""A comparison on MLflow: its own experiment with a run a system and seed, and one run with the pictures.

MLflow's comparison of runs opens with the first three parameters that differ, by name, and the first metric.
Names are therefore chosen so that these are `family`, `seed`, `system` and `auc`: every setting of a system
is a parameter too, below `with.`. The pictures lie in another experiment, so that ticking all runs of a
comparison ticks systems only.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from assets.common.provenance import flat
from assets.common.tracking import RunRecord, Tracking
from assets.experiments.comparison import results as reading
from assets.experiments.comparison.plots import pictures
from assets.experiments.comparison.results import PERIODS, Result

COMPARISONS = "comparisons"  #: the experiment with one run a comparison
KIND = "comparison"
SETTING = "with."
NOTE = "mlflow.note.content"
FIGURES = ("auc", "auc_static", "log_loss", "gauc", "train_seconds", "hours_seconds")
CURVES = {"auc_by_hour": "auc", "auc_static_by_hour": "auc_static", "gate_short_by_hour": "gate_short"}


def experiment_name(result: Result) -> str:
    """`kuairand comparison 2022-05-04..2022-05-08`; a simulated source is called so."""
    return f"{reading.label(result)} comparison {reading.span(result)}"


def record(folder: Path, result: Result, out: Path | None = None) -> str:
    """Write a comparison on its runs, found again where it was recorded before.

    Args:
        folder: of MLflow, `Home.mlflow`.
        result: the comparison's JSON.
        out: the file that holds it, kept with the pictures.

    Returns:
        the id of the run with the pictures.
    """
    name = experiment_name(result)
    each = Tracking(folder, result["source"], result["simulated"], name)
    tags = {"data_hash": result["data_hash"], "compared_git": result["git"]}
    whole = {key: value for key, value in result["settings"].items() if key != "of"}
    for system in reading.entries(result):
        of_system = flat(result["settings"]["of"][system])
        for seed in result["settings"]["seeds"]:
            each.record(
                RunRecord(
                    kind=KIND,
                    system=system,
                    partition=reading.span(result),
                    seed=seed,
                    settings={
                        "family": reading.family_of(system),
                        "days": ",".join(result["settings"]["days"]),
                        **{SETTING + key: value for key, value in of_system.items()},
                    },
                    tags=tags | {"tuned": str(system in (result.get("tuned") or {})).lower()},
                    metrics=metrics(result, system, seed),
                    curves=curves(result, system, seed),
                    name=f"{system} seed {seed}",
                )
            )
    together = Tracking(folder, result["source"], result["simulated"], COMPARISONS)
    with tempfile.TemporaryDirectory() as scratch:
        plots = Path(scratch)
        for file, png in pictures(result).items():
            (plots / file).write_bytes(png)
        run_id = together.record(
            RunRecord(
                kind=KIND,
                system="all",
                partition=reading.span(result),
                seed=0,
                settings=flat(whole),
                tags=tags | {"experiment": name},
                metrics={
                    f"{system}.{figure}": entry.get(figure)
                    for system, entry in reading.entries(result).items()
                    for figure in ("auc", "auc_static")
                },
                artifacts={"plots": plots} | ({"json": out} if out is not None else {}),
            )
        )
    each.client.set_experiment_tag(each.experiment, NOTE, _note(result, together, run_id))
    return run_id


def metrics(result: Result, system: str, seed: int) -> dict[str, float | None]:
    """A system's figures with one seed, means over the days; `ece` pools all seeds."""
    mine = [day for day in result["days"] if day["system"] == system and day["seed"] == seed]
    found = {figure: _mean([day.get(figure) for day in mine]) for figure in FIGURES}
    gain = None
    if found["auc"] is not None and found["auc_static"] is not None:
        gain = found["auc"] - found["auc_static"]
    hours = _of_seed(result, "auc", system, seed)
    periods = {name: None if hours is None else _mean(hours[:, cut].ravel()) for name, cut in PERIODS.items()}
    return {**found, "gain": gain, **periods, "ece": reading.entries(result)[system].get("ece")}


def curves(result: Result, system: str, seed: int) -> dict[str, list[float]]:
    """A system's figures by hour with one seed, means over the days; the step is the hour."""
    found = {name: _of_seed(result, figure, system, seed) for name, figure in CURVES.items()}
    return {
        name: reading.mean_and_error(table[:, None])[0].tolist()
        for name, table in found.items()
        if table is not None
    }


def _of_seed(result: Result, figure: str, system: str, seed: int) -> np.ndarray | None:
    """A figure of hours, [days, 24], NaN where there is none; None where there is none at all."""
    table = reading.by_hour(result, figure).get(system)
    return None if table is None else table[list(result["settings"]["seeds"]).index(seed)]


def _mean(values: Any) -> float | None:
    there = [value for value in values if value is not None and not np.isnan(value)]
    return float(np.mean(there)) if there else None


def _note(result: Result, together: Tracking, run_id: str) -> str:
    """What the experiment's page says of itself."""
    return (
        f"{len(result['summary'])} systems on {reading.about(result)}, {reading.span(result)}: one run a "
        "system and seed. Tick all, then Compare: parallel coordinates. "
        f"[Pictures and JSON](#/experiments/{together.experiment}/runs/{run_id}) are in `{COMPARISONS}`."
    )
