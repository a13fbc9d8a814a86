"""From scored days to means: rows by hour, a summary a system, paired differences.

`auc` of a summary pools all exposures of a day, then averages over days and seeds; `pooled1` to `pooled3` do
so with a third of the day, `period1` to `period3` average hourly AUCs. An hour with one class only
has no AUC, and is counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from statistics import fmean, stdev

from assets.experiments.comparison.averages import mean
from assets.experiments.comparison.differences import PairDifference
from assets.experiments.comparison.parts import (
    DayScore,
    HourRow,
    PooledPeriods,
    SystemFigures,
    WithinFigures,
)
from models.metrics import PERIODS


def rows(days: Sequence[DayScore]) -> tuple[HourRow, ...]:
    """One row a system, seed, day and hour."""
    return tuple(
        HourRow(system=day.system, seed=day.seed, day=day.day, **hour.model_dump())
        for day in days
        for hour in day.hours
    )


def summary(
    days: Sequence[DayScore], beside: Mapping[str, Mapping[str, float | None]]
) -> tuple[SystemFigures, ...]:
    """One entry a system, in the order of first appearance.

    Args:
        days: of all systems and seeds.
        beside: system → figures of all its days and seeds together, `ece` and `gain_error`.
    """
    return tuple(
        _summarise(name, [day for day in days if day.system == name]).model_copy(update=beside.get(name, {}))
        for name in dict.fromkeys(day.system for day in days)
    )


def _summarise(name: str, days: list[DayScore]) -> SystemFigures:
    by_seed = [
        mean(day.auc for day in days if day.seed == seed) for seed in sorted({day.seed for day in days})
    ]
    seeds = [value for value in by_seed if value is not None]
    return SystemFigures(
        system=name,
        **{period: mean(day.period(period) for day in days) for period in PERIODS},
        **{
            name: mean(getattr(day, name) for day in days)
            for name in (*PooledPeriods.model_fields, *WithinFigures.model_fields)
        },
        auc=mean(day.auc for day in days),
        auc_static=mean(day.auc_static for day in days),
        aupr=mean(day.aupr for day in days),
        log_loss=mean(day.log_loss for day in days),
        gauc=mean(day.gauc for day in days),
        auc_std=stdev(seeds) if len(seeds) > 1 else None,
        auc_error=mean(day.auc_error for day in days),
        null_hours=sum(hour.auc is None for day in days for hour in day.hours),
        train_seconds=fmean(day.train_seconds for day in days),
        hours_seconds=fmean(day.hours_seconds for day in days),
    )


def pairs(days: Sequence[DayScore]) -> tuple[PairDifference, ...]:
    """For each two systems, the paired difference of day AUCs over (day, seed): mean and standard error.

    The error is None with fewer than two pairs: a single difference says nothing of its own spread.
    """
    auc = {(day.system, day.day, day.seed): day.auc for day in days}
    differences_of = []
    for first, second in combinations(dict.fromkeys(day.system for day in days), 2):
        differences = [
            value - other
            for (system, day, seed), value in auc.items()
            if system == first and value is not None and (other := auc.get((second, day, seed))) is not None
        ]
        if differences:
            error = stdev(differences) / len(differences) ** 0.5 if len(differences) > 1 else None
            differences_of.append(
                PairDifference(
                    first=first,
                    second=second,
                    difference=fmean(differences),
                    standard_error=error,
                    pairs=len(differences),
                )
            )
    return tuple(differences_of)
