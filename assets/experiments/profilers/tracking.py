"""A profile evaluation on MLflow: a parent run with pictures and JSON, a child a system and seed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from assets.common.provenance import flat
from assets.common.tracking import RunRecord, Tracking
from assets.experiments.frame import artifacts
from assets.experiments.profilers import protocol
from assets.experiments.profilers.plots import pictures
from assets.experiments.profilers.results import ProfileResult
from assets.experiments.profilers.rows import ProfileRow
from assets.experiments.profilers.summary import AREAS, BUDGET_NAMES, FIGURES, ONE_SHOT, table
from models.metrics.growth import mean_interval

KIND = "profile_eval"


def record(tracking: Tracking, result: ProfileResult, out: Path) -> str:
    """Write the evaluation on its runs, found again where it was recorded before; returns the parent's id."""
    settings = result.document()["settings"]
    of_systems = settings.pop("of")
    if result.settings.named:  # a parameter of MLflow has no room for a list of brands
        settings["targets"] = f"{len(result.settings.named)} named"
    partition = result.protocol.as_of + "-development" * result.settings.development
    tags = {"data_hash": result.data_hash, "evaluated_git": result.git}
    with artifacts(pictures(result), out) as files:
        parent = tracking.record(
            RunRecord(
                kind=KIND,
                system="all",
                partition=partition,
                seed=0,
                settings=flat(settings),
                tags=tags,
                metrics=_headline(result),
                artifacts=files,
            )
        )
    shared = flat({name: settings[name] for name in ("as_of", "horizon", "targets", "size_band", "draws")})
    failed = {one.system for one in result.failed}
    for system in (name for name in result.settings.systems if name not in failed):
        for seed in result.settings.seeds:
            rows = [row for row in result.rows if row.system == system and row.seed == seed]
            tracking.record(
                RunRecord(
                    kind=KIND,
                    system=system,
                    partition=partition,
                    seed=seed,
                    settings=shared | of_systems[system],
                    tags=tags,
                    metrics=metrics(rows),
                    curves=curves(rows),
                    parent=parent,
                )
            )
    return parent


def metrics(rows: Sequence[ProfileRow]) -> dict[str, float | None]:
    """Each figure at each support size and label budget, mean over targets and folds.

    `aupr` and `auroc` alone are the headline: the table of brands with all customers, else all labels.
    """
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
    headline = chosen["brands_k_all"] or chosen["labels_all"]
    return {figure: _mean(headline, figure) for figure in AREAS if headline} | {
        f"{name}_{figure}": _mean(of_name, figure)
        for name, of_name in chosen.items()
        if of_name
        for figure in FIGURES
    }


def curves(rows: Sequence[ProfileRow]) -> dict[str, list[float]]:
    """Figures 3 and 4, point by point."""
    lines: dict[str, list[float]] = {}
    studies: tuple[tuple[str, str, str, tuple[float, ...]], ...] = (
        ("masking", "labels", "fraction", protocol.FRACTIONS),
        ("imbalance", "imbalance", "ratio", protocol.RATIOS),
    )
    for name, study, axis, points in studies:
        of_study = [row for row in rows if row.study == study]
        for figure in AREAS if of_study else ():
            means = (
                _mean([row for row in of_study if getattr(row, axis) == point], figure) for point in points
            )
            lines[f"{name}_{figure}"] = [float("nan") if value is None else value for value in means]
    return lines


def _mean(rows: Sequence[ProfileRow], figure: str) -> float | None:
    return mean_interval(table(rows, figure), bootstraps=1).mean


def _headline(result: ProfileResult) -> dict[str, float | None]:
    return {
        f"{entry.system}.{figure}": entry.value(figure)
        for entry in result.summary
        if entry.of is not None
        for figure in FIGURES
    }
