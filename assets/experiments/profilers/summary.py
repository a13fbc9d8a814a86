"""From rows to the summary: means with intervals over targets and folds, gains over normal training.

Seeds and support draws are averaged within a target and fold before anything else: they share test users,
so that their spread would make intervals far too narrow. A gain is that of a target's mean over folds,
relative to normal training on the same labels; none is quoted over a baseline that is not better than chance
(mean and lower end of its interval: AUROC above .5, accuracy among nine ways above 1/9). `p` is the larger of
those of AUPR and AUROC: both must hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from assets.experiments.profilers import protocol
from assets.experiments.profilers.figured import Difference
from assets.experiments.profilers.paired import FIGURES, paired
from assets.experiments.profilers.results import (
    LabelPoint,
    NineWay,
    ProfilerSummary,
    RatioPoint,
    SupportPoint,
    TargetFigures,
)
from assets.experiments.profilers.rows import ProfileRow, axes_of, rows_with, table
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
AREAS = ("aupr", "auroc")
BUDGET_NAMES = {1.0: "all", 0.2: "20%", 0.05: "5%", 0.01: "1%"}
ONE_SHOT = "one_shot"  #: one customer and eight others
CHANCE, CHANCE_OF_WAYS = 0.5, 1 / protocol.WAYS  #: AUROC of a random order, accuracy of a guess
ACCURACY = "ways_accuracy"  #: a column of rows
TARGET_WAY = {area: area for area in AREAS}  #: figure of Table 3 → column of rows
NINE_WAYS = TARGET_WAY | {"accuracy": ACCURACY}


def summary(rows: Sequence[ProfileRow], systems: Sequence[str]) -> tuple[ProfilerSummary, ...]:
    """One entry a system that has rows."""
    against = paired(rows)
    measured = [name for name in systems if rows_with(rows, system=name)]
    return tuple(_summarise(name, rows, against.get(name, ())) for name in measured)


def _summarise(name: str, rows: Sequence[ProfileRow], against: tuple[Difference, ...]) -> ProfilerSummary:
    own = rows_with(rows, system=name)
    base = rows_with(rows, system=BASELINE) if name != BASELINE else []
    brands = tuple(
        SupportPoint(shots=shots, **means(alike))
        for shots in protocol.SUPPORTS
        if (alike := rows_with(own, study="brands", shots=shots))
    )
    masking = _masking(own, base)
    budgets = {BUDGET_NAMES[point.fraction]: point for point in masking if point.fraction in BUDGET_NAMES}
    if shot := rows_with(own, study="labels", shots=1):
        budgets[ONE_SHOT] = LabelPoint(**means(shot), **gains(shot, rows_with(base, study="labels", shots=1)))
    parts: dict[str, Any] = {
        "brands": brands,
        "against": against,
        "budgets": budgets,
        "masking": masking,
        "imbalance": _imbalance(own, base),
    }
    if nine := rows_with(own, study="ood"):
        base_nine = rows_with(base, study="ood")
        parts["ood"] = nine_way(nine, base_nine)
        if printed := _as_printed(nine):
            parts["ood_as_printed"] = nine_way(printed, _as_printed(base_nine), against_each_other=True)
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
            **gains(alike, rows_with(base, study="labels", fraction=fraction)),
        )
        for fraction in protocol.FRACTIONS
        if (alike := rows_with(own, study="labels", fraction=fraction))
    )


def _imbalance(own: Sequence[ProfileRow], base: Sequence[ProfileRow]) -> tuple[RatioPoint, ...]:
    """Figure 4, with the moving average of AUPR."""
    points = [
        (ratio, means(alike) | gains(alike, rows_with(base, study="imbalance", ratio=ratio)))
        for ratio in protocol.RATIOS
        if (alike := rows_with(own, study="imbalance", ratio=ratio))
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
    ours, theirs = _shared(rows, base)
    if not ours:
        return {}
    axes = axes_of(ours)
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


def beats_chance(figure: np.ndarray, chance: float = CHANCE) -> bool:
    """Whether a baseline's figure [T, F] is better than chance, its 95 % interval too: only then does a gain
    relative to it mean anything.
    """
    measured = mean_interval(figure)
    return measured.mean is not None and min(measured.mean, *(measured.ends or ())) > chance


def _shared(
    rows: Sequence[ProfileRow], base: Sequence[ProfileRow]
) -> tuple[list[ProfileRow], list[ProfileRow]]:
    """The rows of either whose case the other has, too."""
    cases = {row.case for row in rows} & {row.case for row in base}
    return [row for row in rows if row.case in cases], [row for row in base if row.case in cases]


def nine_way(
    rows: Sequence[ProfileRow], base: Sequence[ProfileRow], *, against_each_other: bool = False
) -> NineWay:
    """Table 3: by target with the interval over support draws, and over all targets."""
    columns = NINE_WAYS if against_each_other else TARGET_WAY
    by_target = tuple(
        _target(target, rows_with(rows, target=target), rows_with(base, target=target), columns)
        for target in dict.fromkeys(row.target for row in rows)
    )
    fields: dict[str, Any] = means(rows) | gains(rows, base)
    if against_each_other:
        fields |= _accuracy(rows, base)
    return NineWay(**fields, by_target=by_target)


def _accuracy(rows: Sequence[ProfileRow], base: Sequence[ProfileRow]) -> dict[str, Any]:
    """Accuracy among nine ways, and less that of normal training on shared cases."""
    measured = mean_interval(table(rows, ACCURACY))
    fields: dict[str, Any] = {"accuracy": measured.mean, "accuracy_interval": measured.ends}
    ours, theirs = _shared(rows, base)
    if not ours:
        return fields
    tables = table(ours, ACCURACY), table(theirs, ACCURACY, axes_of(ours))
    difference, counts = mean_interval(tables[0] - tables[1]), beats_chance(tables[1], CHANCE_OF_WAYS)
    return fields | {
        "difference_accuracy": difference.mean,
        "difference_accuracy_interval": difference.ends,
        "growth_accuracy": growth_interval(*tables).mean if counts else None,
        "accuracy_over_chance": counts,
    }


def _as_printed(rows: Sequence[ProfileRow]) -> list[ProfileRow]:
    return [printed for row in rows if (printed := row.as_printed) is not None]


def _target(
    target: str, rows: Sequence[ProfileRow], base: Sequence[ProfileRow], columns: Mapping[str, str]
) -> TargetFigures:
    fields: dict[str, Any] = {}
    over_chance: dict[str, Any] = {"over_chance": beats_chance(table(base, "auroc"))} if base else {}
    if base and "accuracy" in columns:
        over_chance["accuracy_over_chance"] = beats_chance(table(base, ACCURACY), CHANCE_OF_WAYS)
    for figure, column in columns.items():
        values = np.array(_known(getattr(row, column) for row in rows))
        ours, theirs = mean(values), mean(_known(getattr(row, column) for row in base))
        fields |= {figure: ours, f"{figure}_draws_interval": normal_interval(values)}
        if ours is not None and theirs:
            counts = over_chance["accuracy_over_chance" if column == ACCURACY else "over_chance"]
            growth = ours / theirs - 1 if counts else None
            fields |= {f"difference_{figure}": ours - theirs, f"growth_{figure}": growth}
    rate = mean(_known(row.base_rate for row in rows))
    return TargetFigures(target=target, draws=len(rows), base_rate=rate, **fields, **over_chance)


def _known(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]
