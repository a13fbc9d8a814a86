"""From scored days to the JSON of a comparison: rows by hour, a summary a system, paired differences.

Definitions are in docs/metrics.md. `auc` of a summary pools all exposures of a day, then averages over days
and seeds; the periods average hourly AUCs. An hour with one class only has `auc: null`, and is counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from statistics import fmean, stdev
from typing import Any

from pydantic import BaseModel, ConfigDict

PERIODS = {"period1": range(8), "period2": range(8, 16), "period3": range(16, 24)}


class HourScore(BaseModel):
    """One scored hour."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hour: int
    exposures: int
    auc: float | None  #: None where the hour has one class only
    auc_static: float | None = None  #: of the same daily model without any hourly step
    gate_short: float | None = None  #: mean weight of the short-term representation; None without a gate


class DayScore(BaseModel):
    """One system on one day with one seed: 24 hours, and the day's exposures pooled."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    system: str
    seed: int
    day: str
    hours: tuple[HourScore, ...]
    auc: float | None
    auc_static: float | None = None
    auc_error: float | None  #: DeLong standard error of `auc`
    log_loss: float | None
    gauc: float | None
    train_seconds: float = 0.0
    hours_seconds: float = 0.0
    git: str = ""

    def period(self, name: str) -> float | None:
        """Mean of the hourly AUCs of a period; None where no hour of it has one."""
        return mean(hour.auc for hour in self.hours if hour.hour in PERIODS[name])


def mean(values: Iterable[float | None]) -> float | None:
    """Mean of what is there; None of nothing."""
    there = [value for value in values if value is not None]
    return fmean(there) if there else None


def rows(days: Sequence[DayScore]) -> list[dict[str, Any]]:
    """One row a system, seed, day and hour."""
    return [
        {"system": day.system, "seed": day.seed, "day": day.day, **hour.model_dump()}
        for day in days
        for hour in day.hours
    ]


def summary(days: Sequence[DayScore], ece: Mapping[str, float | None]) -> list[dict[str, Any]]:
    """One entry a system, in the order of first appearance; `ece` by system, from all its days and seeds."""
    return [
        _summarise(name, [day for day in days if day.system == name]) | {"ece": ece.get(name)}
        for name in dict.fromkeys(d.system for d in days)
    ]


def _summarise(name: str, days: list[DayScore]) -> dict[str, Any]:
    by_seed = [
        mean(day.auc for day in days if day.seed == seed) for seed in sorted({day.seed for day in days})
    ]
    seeds = [value for value in by_seed if value is not None]
    return {
        "system": name,
        **{period: mean(day.period(period) for day in days) for period in PERIODS},
        "auc": mean(day.auc for day in days),
        "auc_static": mean(day.auc_static for day in days),
        "log_loss": mean(day.log_loss for day in days),
        "gauc": mean(day.gauc for day in days),
        "auc_std": stdev(seeds) if len(seeds) > 1 else None,
        "auc_error": mean(day.auc_error for day in days),
        "null_hours": sum(hour.auc is None for day in days for hour in day.hours),
        "train_seconds": fmean(day.train_seconds for day in days),
        "hours_seconds": fmean(day.hours_seconds for day in days),
    }


def pairs(days: Sequence[DayScore]) -> list[dict[str, Any]]:
    """For each two systems, the paired difference of day AUCs over (day, seed): mean and standard error.

    The error is None with fewer than two pairs: a single difference says nothing of its own spread.
    """
    auc = {(day.system, day.day, day.seed): day.auc for day in days}
    found = []
    for first, second in combinations(dict.fromkeys(day.system for day in days), 2):
        differences = [
            value - other
            for (system, day, seed), value in auc.items()
            if system == first and value is not None and (other := auc.get((second, day, seed))) is not None
        ]
        if differences:
            error = stdev(differences) / len(differences) ** 0.5 if len(differences) > 1 else None
            found.append(
                {
                    "first": first,
                    "second": second,
                    "difference": fmean(differences),
                    "standard_error": error,
                    "pairs": len(differences),
                }
            )
    return found
