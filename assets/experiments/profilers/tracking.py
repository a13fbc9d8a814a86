"""A profile evaluation on MLflow: a parent run with pictures and JSON, a child a system and seed."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from assets.common.provenance import flat
from assets.common.tracking import RunRecord, Tracking
from assets.experiments.profilers import protocol
from assets.experiments.profilers.plots import pictures
from assets.experiments.profilers.rows import ProfileRow
from assets.experiments.profilers.summary import BUDGET_NAMES, FIGURES, ONE_SHOT, table
from models.profiling.profile_metrics import mean_interval

KIND = "profile_eval"


def record(tracking: Tracking, result: Mapping[str, Any], out: Path) -> str:
    """Write the evaluation on its runs, found again where it was recorded before; returns the parent's id."""
    settings = {name: value for name, value in result["settings"].items() if name != "of"}
    partition = result["protocol"]["as_of"] + ("-development" if settings["development"] else "")
    tags = {"data_hash": result["data_hash"], "evaluated_git": result["git"]}
    rows = [ProfileRow.model_validate(row) for row in result["rows"]]
    with tempfile.TemporaryDirectory() as scratch:
        plots = Path(scratch)
        for name, png in pictures(result).items():
            (plots / name).write_bytes(png)
        parent = tracking.record(
            RunRecord(
                kind=KIND,
                system="all",
                partition=partition,
                seed=0,
                settings=flat(settings),
                tags=tags,
                metrics=_headline(result["summary"]),
                artifacts={"plots": plots, "json": out},
            )
        )
    for system in settings["systems"]:
        for seed in settings["seeds"]:
            mine = [row for row in rows if row.system == system and row.seed == seed]
            tracking.record(
                RunRecord(
                    kind=KIND,
                    system=system,
                    partition=partition,
                    seed=seed,
                    settings=flat({name: settings[name] for name in ("as_of", "horizon", "targets", "draws")})
                    | result["settings"]["of"][system],
                    tags=tags,
                    metrics=metrics(mine),
                    curves=curves(mine),
                    parent=parent,
                )
            )
    return parent


def metrics(rows: Sequence[ProfileRow]) -> dict[str, float | None]:
    """Each figure at each support size and label budget, mean over targets and folds."""
    chosen = {
        f"brands_k_{shots or 'all'}": [r for r in rows if r.study == "brands" and r.shots == shots]
        for shots in protocol.SUPPORTS
    }
    for fraction, name in BUDGET_NAMES.items():
        chosen[f"labels_{name.rstrip('%')}"] = [
            r for r in rows if r.study == "labels" and r.fraction == fraction
        ]
    chosen[f"labels_{ONE_SHOT}"] = [r for r in rows if r.study == "labels" and r.shots == 1]
    chosen["nine_way"] = [r for r in rows if r.study == "ood"]
    return {
        f"{name}_{figure}": mean_interval(table(found, figure), bootstraps=1).mean
        for name, found in chosen.items()
        if found
        for figure in FIGURES
    }


def curves(rows: Sequence[ProfileRow]) -> dict[str, list[float]]:
    """Figures 3 and 4 with the point's place as step."""
    found: dict[str, list[float]] = {}
    studies: tuple[tuple[str, str, tuple[float, ...]], ...] = (
        ("labels", "fraction", protocol.FRACTIONS),
        ("imbalance", "ratio", protocol.RATIOS),
    )
    for study, axis, points in studies:
        mine = [row for row in rows if row.study == study]
        for figure in ("aupr", "auroc") if mine else ():
            means = (
                mean_interval(
                    table([row for row in mine if getattr(row, axis) == point], figure), bootstraps=1
                ).mean
                for point in points
            )
            found[f"{'masking' if study == 'labels' else study}_{figure}"] = [
                float("nan") if value is None else value for value in means
            ]
    return found


def _headline(summary: Sequence[Mapping[str, Any]]) -> dict[str, float | None]:
    return {
        f"{entry['system']}.{figure}": entry[figure]
        for entry in summary
        for figure in FIGURES
        if figure in entry
    }
