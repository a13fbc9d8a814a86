"""From rows to the summary: means with intervals over targets and folds, gains over normal training.

Seeds and support draws are averaged within a target and fold before anything else: they share test users,
so that their spread would make intervals far too narrow. A gain is that of a target's mean over folds,
relative to normal training on the same labels. `p` is the larger of those of AUPR and AUROC: both must
hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from assets.experiments.profilers import protocol
from assets.experiments.profilers.rows import ProfileRow
from models.profiling.profile_metrics import Interval, growth_interval, mean_interval, wins

BASELINE = "normal_training"
OURS = "meta_profile_prior"  #: set against every other system
FIGURES = ("aupr", "auroc", "within_quintiles")
BUDGET_NAMES = {1.0: "all", 0.2: "20%", 0.05: "5%", 0.01: "1%"}
ONE_SHOT = "one_shot"  #: one customer and eight others


def summary(rows: Sequence[ProfileRow], systems: Sequence[str]) -> list[dict[str, Any]]:
    """One entry a system; its headline is the table of brands at K = all, else the labels study at 100 %."""
    return [_summarise(name, rows) for name in systems if any(row.system == name for row in rows)]


def _summarise(name: str, rows: Sequence[ProfileRow]) -> dict[str, Any]:
    mine = [row for row in rows if row.system == name]
    base = [row for row in rows if row.system == BASELINE] if name != BASELINE else []
    entry: dict[str, Any] = {"system": name}
    brands = [
        {"shots": shots} | means(_of(mine, study="brands", shots=shots))
        for shots in protocol.SUPPORTS
        if _of(mine, study="brands", shots=shots)
    ]
    masking = [
        {"fraction": fraction}
        | means(_of(mine, study="labels", fraction=fraction))
        | gains(_of(mine, study="labels", fraction=fraction), _of(base, study="labels", fraction=fraction))
        for fraction in protocol.FRACTIONS
        if _of(mine, study="labels", fraction=fraction)
    ]
    shot = _of(mine, study="labels", shots=1)
    budgets = {
        BUDGET_NAMES[found["fraction"]]: found for found in masking if found["fraction"] in BUDGET_NAMES
    }
    if shot:
        budgets[ONE_SHOT] = means(shot) | gains(shot, _of(base, study="labels", shots=1))
    imbalance = [
        {"ratio": ratio}
        | means(_of(mine, study="imbalance", ratio=ratio))
        | gains(_of(mine, study="imbalance", ratio=ratio), _of(base, study="imbalance", ratio=ratio))
        for ratio in protocol.RATIOS
        if _of(mine, study="imbalance", ratio=ratio)
    ]
    _moving_average(imbalance)
    head = next((found for found in brands if found["shots"] is None), None) or budgets.get("all")
    if head:
        named = [*FIGURES, *(f"{figure}_interval" for figure in FIGURES), "base_rate"]
        entry |= {figure: head[figure] for figure in named}
        entry["of"] = "table of brands, all customers" if "shots" in head else "all labels"
    against = differences(mine, [row for row in rows if row.system != name]) if name == OURS else []
    parts = {
        "brands": brands,
        "against": against,
        "budgets": budgets,
        "masking": masking,
        "imbalance": imbalance,
    }
    entry |= {part: found for part, found in parts.items() if found}
    ood = _of(mine, study="ood")
    if ood:
        entry["ood"] = nine_way(ood, _of(base, study="ood"))
    return entry


def means(rows: Sequence[ProfileRow]) -> dict[str, Any]:
    """Mean, interval and spread over folds of each figure, and what was given."""
    found: dict[str, Any] = {
        "targets": len({row.target for row in rows}),
        "labels": _mean([row.labels for row in rows]),
        "customers": _mean([row.customers for row in rows]),
        "base_rate": _mean([row.base_rate for row in rows]),
        "without_newcomers": sum(row.auroc is None for row in rows),
    }
    for figure in FIGURES:
        values = table(rows, figure)
        interval = mean_interval(values)
        found[figure] = interval.mean
        found[f"{figure}_interval"] = _ends(interval)
        by_fold = [_mean(column[~np.isnan(column)]) for column in values.T]
        known = [value for value in by_fold if value is not None]
        found[f"{figure}_by_fold"] = by_fold
        found[f"{figure}_fold_spread"] = float(np.std(known, ddof=1)) if len(known) > 1 else None
    return found


def gains(rows: Sequence[ProfileRow], base: Sequence[ProfileRow]) -> dict[str, Any]:
    """Over normal training: targets won, mean relative gain with its interval, p; nothing without it."""
    cases = {row.case for row in rows} & {row.case for row in base}
    if not cases:
        return {}
    targets, folds = _axes([row for row in rows if row.case in cases])
    found: dict[str, Any] = {}
    for figure in ("aupr", "auroc"):
        ours, theirs = (
            table([row for row in side if row.case in cases], figure, targets, folds) for side in (rows, base)
        )
        growth = growth_interval(ours, theirs)
        found |= {
            f"wins_{figure}": wins(ours, theirs),
            f"growth_{figure}": growth.mean,
            f"growth_{figure}_interval": _ends(growth),
            f"p_{figure}": growth.p,
        }
    known = [found[f"p_{figure}"] for figure in ("aupr", "auroc") if found[f"p_{figure}"] is not None]
    return found | {"of_targets": len(targets), "p": max(known) if known else None}


def differences(rows: Sequence[ProfileRow], others: Sequence[ProfileRow]) -> list[dict[str, Any]]:
    """Each figure less that of every other system, paired by brand and fold, in the table of brands."""
    found = []
    for name in dict.fromkeys(row.system for row in others):
        theirs = [row for row in others if row.system == name]
        for shots in protocol.SUPPORTS:
            pair = [_of(side, study="brands", shots=shots) for side in (rows, theirs)]
            if not all(pair):
                continue
            axes = _axes(pair[1])
            line: dict[str, Any] = {"system": name, "shots": shots}
            for figure in FIGURES:
                ours, other = (
                    table([row for row in side if row.target in axes[0]], figure, *axes) for side in pair
                )
                interval = mean_interval(ours - other)
                line |= {figure: interval.mean, f"{figure}_interval": _ends(interval)}
                line[f"{figure}_p"] = interval.p
            found.append(line)
    return found


def nine_way(rows: Sequence[ProfileRow], base: Sequence[ProfileRow]) -> dict[str, Any]:
    """Table 3: by target with the interval over support draws, and over all targets."""
    found = means(rows) | gains(rows, base)
    by_target = []
    for target in dict.fromkeys(row.target for row in rows):
        mine = [row for row in rows if row.target == target]
        theirs = [row for row in base if row.target == target]
        line: dict[str, Any] = {
            "target": target,
            "draws": len(mine),
            "base_rate": _mean([r.base_rate for r in mine]),
        }
        for figure in ("aupr", "auroc"):
            values = np.array([v for v in (getattr(row, figure) for row in mine) if v is not None])
            line[figure] = _mean(values)
            half = 1.96 * float(values.std(ddof=1)) / len(values) ** 0.5 if len(values) > 1 else None
            line[f"{figure}_draws_interval"] = (
                None if half is None else [line[figure] - half, line[figure] + half]
            )
            other = _mean([v for v in (getattr(row, figure) for row in theirs) if v is not None])
            if other:
                line[f"difference_{figure}"] = line[figure] - other
                line[f"growth_{figure}"] = line[figure] / other - 1
        by_target.append(line)
    return found | {"by_target": by_target}


def table(
    rows: Sequence[ProfileRow],
    figure: str,
    targets: Sequence[str] | None = None,
    folds: Sequence[int] | None = None,
) -> np.ndarray:
    """Figure by target and fold, float64 [T, F], averaged over seeds and draws; NaN where there is none."""
    if targets is None or folds is None:
        targets, folds = _axes(rows)
    row_of, column_of = ({name: place for place, name in enumerate(axis)} for axis in (targets, folds))
    total, count = np.zeros((len(targets), len(folds))), np.zeros((len(targets), len(folds)))
    for row in rows:
        value = getattr(row, figure)
        if value is not None:
            at = row_of[row.target], column_of[row.fold]
            total[at] += value
            count[at] += 1
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _axes(rows: Sequence[ProfileRow]) -> tuple[list[str], list[int]]:
    return list(dict.fromkeys(row.target for row in rows)), sorted({row.fold for row in rows})


def _of(rows: Sequence[ProfileRow], **wanted: Any) -> list[ProfileRow]:
    """Rows with these values; of the labels study, one shot and fractions never mix."""
    return [row for row in rows if all(getattr(row, name) == value for name, value in wanted.items())]


def _moving_average(entries: list[dict[str, Any]]) -> None:
    """The 2-period moving average of AUPR, as in Fig. 4; the first has none."""
    previous = None
    for entry in entries:
        known = previous is not None and entry["aupr"] is not None
        entry["aupr_moving"] = (previous + entry["aupr"]) / 2 if known else None
        previous = entry["aupr"]


def _ends(interval: Interval) -> list[float] | None:
    return None if interval.low is None or interval.high is None else [interval.low, interval.high]


def _mean(values: Any) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
