"""From rows to the summary: means with intervals over targets and folds, gains over normal training.

Seeds and support draws are averaged within a target and fold before anything else: they share test users,
so that their spread would make intervals far too narrow. A gain is that of a target's mean over folds,
relative to normal training on the same labels; none is quoted over a baseline that is not better than chance
(mean AUROC and the lower end of its interval above .5). `p` is the larger of those of AUPR and AUROC: both
must hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from assets.experiments.profilers import protocol
from assets.experiments.profilers.results import (
    Difference,
    LabelPoint,
    NineWay,
    ProfilerSummary,
    RatioPoint,
    SupportPoint,
    TargetFigures,
)
from assets.experiments.profilers.rows import ProfileRow
from models.metrics.growth import (
    growth_interval,
    mean,
    mean_interval,
    moving_average,
    normal_interval,
    spread,
    wins,
)

BASELINE = "normal_training"
OURS = "meta_profile_prior"  #: set against every other system
AREAS = ("aupr", "auroc")
FIGURES = (*AREAS, "within_quintiles")
BUDGET_NAMES = {1.0: "all", 0.2: "20%", 0.05: "5%", 0.01: "1%"}
ONE_SHOT = "one_shot"  #: one customer and eight others
CHANCE = 0.5  #: AUROC of a random order


def summary(rows: Sequence[ProfileRow], systems: Sequence[str]) -> tuple[ProfilerSummary, ...]:
    """One entry a system that has rows."""
    return tuple(_summarise(name, rows) for name in systems if _of(rows, system=name))


def _summarise(name: str, rows: Sequence[ProfileRow]) -> ProfilerSummary:
    own = _of(rows, system=name)
    base = _of(rows, system=BASELINE) if name != BASELINE else []
    brands = tuple(
        SupportPoint(shots=shots, **means(alike))
        for shots in protocol.SUPPORTS
        if (alike := _of(own, study="brands", shots=shots))
    )
    masking = _masking(own, base)
    budgets = {BUDGET_NAMES[point.fraction]: point for point in masking if point.fraction in BUDGET_NAMES}
    if shot := _of(own, study="labels", shots=1):
        budgets[ONE_SHOT] = LabelPoint(**means(shot), **gains(shot, _of(base, study="labels", shots=1)))
    parts: dict[str, Any] = {
        "brands": brands,
        "against": differences(own, [row for row in rows if row.system != name]) if name == OURS else (),
        "budgets": budgets,
        "masking": masking,
        "imbalance": _imbalance(own, base),
    }
    if nine := _of(own, study="ood"):
        base_nine = _of(base, study="ood")
        parts["ood"] = nine_way(nine, base_nine)
        if printed := _as_printed(nine):
            parts["ood_as_printed"] = nine_way(printed, _as_printed(base_nine))
    measured = {part: values for part, values in parts.items() if values}
    return ProfilerSummary(system=name, **_headline(brands, budgets), **measured)


def _headline(brands: Sequence[SupportPoint], budgets: dict[str, LabelPoint]) -> dict[str, Any]:
    """The table of brands with all customers, else all labels."""
    of_brands = next((point for point in brands if point.shots is None), None)
    point = of_brands or budgets.get("all")
    if point is None:
        return {}
    names = [*FIGURES, *(f"{figure}_interval" for figure in FIGURES), "base_rate"]
    of = "all labels" if of_brands is None else "table of brands, all customers"
    return {name: getattr(point, name) for name in names} | {"of": of}


def _masking(own: Sequence[ProfileRow], base: Sequence[ProfileRow]) -> tuple[LabelPoint, ...]:
    """Figure 3."""
    return tuple(
        LabelPoint(
            fraction=fraction,
            **means(alike),
            **gains(alike, _of(base, study="labels", fraction=fraction)),
        )
        for fraction in protocol.FRACTIONS
        if (alike := _of(own, study="labels", fraction=fraction))
    )


def _imbalance(own: Sequence[ProfileRow], base: Sequence[ProfileRow]) -> tuple[RatioPoint, ...]:
    """Figure 4, with the moving average of AUPR."""
    points = [
        (ratio, means(alike) | gains(alike, _of(base, study="imbalance", ratio=ratio)))
        for ratio in protocol.RATIOS
        if (alike := _of(own, study="imbalance", ratio=ratio))
    ]
    moving = moving_average([figures["aupr"] for _, figures in points])
    return tuple(
        RatioPoint(ratio=ratio, aupr_moving=average, **figures)
        for (ratio, figures), average in zip(points, moving, strict=True)
    )


def means(rows: Sequence[ProfileRow]) -> dict[str, Any]:
    """The fields of `Means`: mean, interval and spread over folds of each figure, and what was given."""
    fields: dict[str, Any] = {
        "targets": len({row.target for row in rows}),
        "labels": mean([row.labels for row in rows]),
        "customers": mean([row.customers for row in rows]),
        "base_rate": mean(_known(row.base_rate for row in rows)),
        "without_newcomers": sum(row.auroc is None for row in rows),
    }
    for figure in FIGURES:
        measured = spread(table(rows, figure))
        fields[figure] = measured.interval.mean
        fields[f"{figure}_interval"] = measured.interval.ends
        fields[f"{figure}_by_fold"] = measured.by_fold
        fields[f"{figure}_fold_spread"] = measured.fold_spread
    return fields


def gains(rows: Sequence[ProfileRow], base: Sequence[ProfileRow]) -> dict[str, Any]:
    """The fields of `GainsOverNormal`, over normal training on shared cases; nothing without it."""
    cases = {row.case for row in rows} & {row.case for row in base}
    if not cases:
        return {}
    ours, theirs = ([row for row in side if row.case in cases] for side in (rows, base))
    axes = _axes(ours)
    counts = beats_chance(table(theirs, "auroc", axes))
    fields: dict[str, Any] = {"of_targets": len(axes[0]), "over_chance": counts}
    for figure in AREAS:
        tables = table(ours, figure, axes), table(theirs, figure, axes)
        growth = growth_interval(*tables)
        fields |= {
            f"wins_{figure}": wins(*tables),
            f"growth_{figure}": growth.mean if counts else None,
            f"growth_{figure}_interval": growth.ends if counts else None,
            f"p_{figure}": growth.p,
        }
    return fields | {"p": max(_known(fields[f"p_{figure}"] for figure in AREAS), default=None)}


def beats_chance(auroc: np.ndarray) -> bool:
    """Whether a baseline's AUROC [T, F] is better than chance, its 95 % interval too: only then does a gain
    relative to it mean anything.
    """
    measured = mean_interval(auroc)
    return measured.mean is not None and min(measured.mean, *(measured.ends or ())) > CHANCE


def differences(rows: Sequence[ProfileRow], others: Sequence[ProfileRow]) -> tuple[Difference, ...]:
    """Against every other system."""
    lines = []
    for name in dict.fromkeys(row.system for row in others):
        for shots in protocol.SUPPORTS:
            ours = _of(rows, study="brands", shots=shots)
            theirs = _of(others, system=name, study="brands", shots=shots)
            if not ours or not theirs:
                continue
            axes = _axes(theirs)
            ours = [row for row in ours if row.target in axes[0]]
            fields: dict[str, Any] = {}
            for figure in FIGURES:
                interval = mean_interval(table(ours, figure, axes) - table(theirs, figure, axes))
                fields |= {figure: interval.mean, f"{figure}_interval": interval.ends}
                fields[f"{figure}_p"] = interval.p
            lines.append(Difference(system=name, shots=shots, **fields))
    return tuple(lines)


def nine_way(rows: Sequence[ProfileRow], base: Sequence[ProfileRow]) -> NineWay:
    """Table 3: by target with the interval over support draws, and over all targets."""
    by_target = tuple(
        _target(target, _of(rows, target=target), _of(base, target=target))
        for target in dict.fromkeys(row.target for row in rows)
    )
    return NineWay(**means(rows), **gains(rows, base), by_target=by_target)


def _as_printed(rows: Sequence[ProfileRow]) -> list[ProfileRow]:
    return [printed for row in rows if (printed := row.as_printed) is not None]


def _target(target: str, rows: Sequence[ProfileRow], base: Sequence[ProfileRow]) -> TargetFigures:
    counts = bool(base) and beats_chance(table(base, "auroc"))
    fields: dict[str, Any] = {"over_chance": counts} if base else {}
    for figure in AREAS:
        values = np.array(_known(getattr(row, figure) for row in rows))
        ours, theirs = mean(values), mean(_known(getattr(row, figure) for row in base))
        fields |= {figure: ours, f"{figure}_draws_interval": normal_interval(values)}
        if ours is not None and theirs:
            growth = ours / theirs - 1 if counts else None
            fields |= {f"difference_{figure}": ours - theirs, f"growth_{figure}": growth}
    rate = mean(_known(row.base_rate for row in rows))
    return TargetFigures(target=target, draws=len(rows), base_rate=rate, **fields)


def table(
    rows: Sequence[ProfileRow], figure: str, axes: tuple[list[str], list[int]] | None = None
) -> np.ndarray:
    """Figure by target and fold, float64 [T, F], averaged over seeds and draws; NaN where there is none."""
    targets, folds = axes or _axes(rows)
    row_of, column_of = ({name: index for index, name in enumerate(axis)} for axis in (targets, folds))
    total, count = np.zeros((len(targets), len(folds))), np.zeros((len(targets), len(folds)))
    for row in rows:
        value = getattr(row, figure)
        if value is not None:
            cell = row_of[row.target], column_of[row.fold]
            total[cell] += value
            count[cell] += 1
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _axes(rows: Sequence[ProfileRow]) -> tuple[list[str], list[int]]:
    return list(dict.fromkeys(row.target for row in rows)), sorted({row.fold for row in rows})


def _of(rows: Sequence[ProfileRow], **values: Any) -> list[ProfileRow]:
    """Rows with these values; of the labels study, one shot and fractions never mix."""
    return [row for row in rows if all(getattr(row, name) == value for name, value in values.items())]


def _known(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]
