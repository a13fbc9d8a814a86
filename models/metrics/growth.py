"""Figures of targets and folds: means, gains over a baseline, and how sure they are.

Support draws of one target and fold share their test users, so that their spread says little: intervals and
p-values come from a bootstrap over *targets and folds*, both drawn with replacement (spec section 7).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

BOOTSTRAPS = 10_000
LEVEL = 0.95  #: of an interval


@dataclass(frozen=True)
class Interval:
    """A mean over targets and folds with its bootstrap interval; p: two-sided, of the mean being 0."""

    mean: float | None
    low: float | None
    high: float | None
    p: float | None = None

    @property
    def ends(self) -> tuple[float, float] | None:
        """Both ends, where they are known."""
        return None if self.low is None or self.high is None else (self.low, self.high)


@dataclass(frozen=True)
class Spread:
    """A figure over targets and folds."""

    interval: Interval
    by_fold: tuple[float | None, ...]  #: means over targets
    fold_spread: float | None  #: standard deviation of those that are known


def spread(values: np.ndarray) -> Spread:
    """Mean, interval and spread over folds of figures [T, F] (targets × folds; NaN: not known)."""
    by_fold = tuple(mean(column[~np.isnan(column)]) for column in values.T)
    known = [value for value in by_fold if value is not None]
    return Spread(mean_interval(values), by_fold, float(np.std(known, ddof=1)) if len(known) > 1 else None)


def mean(values: Sequence[float] | np.ndarray) -> float | None:
    """Mean; None of nothing."""
    return float(np.mean(values)) if len(values) else None


def normal_interval(values: np.ndarray) -> tuple[float, float] | None:
    """95 % interval of the mean of [N], as if they were independent and normal; None of fewer than two."""
    if len(values) < 2:
        return None
    middle, half = float(np.mean(values)), 1.96 * float(values.std(ddof=1)) / len(values) ** 0.5
    return middle - half, middle + half


def moving_average(values: Sequence[float | None]) -> list[float | None]:
    """The 2-period moving average; the first has none, nor has one beside a value that is not known."""
    pairs = zip((None, *values), values, strict=False)
    return [None if one is None or two is None else (one + two) / 2 for one, two in pairs]


def mean_interval(values: np.ndarray, *, seed: int = 0, bootstraps: int = BOOTSTRAPS) -> Interval:
    """Mean of figures [T, F] (targets × folds; NaN: not known), with its interval and p."""
    return _interval(values.shape, lambda folds: _mean(values[:, folds], -1), seed, bootstraps)


def growth_interval(
    system: np.ndarray, baseline: np.ndarray, *, seed: int = 0, bootstraps: int = BOOTSTRAPS
) -> Interval:
    """Mean over targets of the relative gain of `system` over `baseline`, both [T, F].

    A target's figures are averaged over folds before they are divided: a fold may hold few newcomers. No gain
    is over a baseline of 0; such targets, and such draws of folds, are left out.
    """
    both = ~(np.isnan(system) | np.isnan(baseline))
    ours, theirs = np.where(both, system, np.nan), np.where(both, baseline, np.nan)

    def gain(folds: np.ndarray) -> np.ndarray:
        mine, base = _mean(ours[:, folds], -1), _mean(theirs[:, folds], -1)
        return np.divide(mine, base, out=np.full(mine.shape, np.nan), where=base > 0) - 1.0

    return _interval(system.shape, gain, seed, bootstraps)


def wins(system: np.ndarray, baseline: np.ndarray) -> int:
    """Targets whose mean over folds is above that of `baseline`, both [T, F]."""
    both = ~(np.isnan(system) | np.isnan(baseline))
    ours, theirs = np.where(both, system, np.nan), np.where(both, baseline, np.nan)
    return int(np.sum(_mean(ours, -1) > _mean(theirs, -1)))


@dataclass(frozen=True)
class _Draws:
    """Targets and folds of every bootstrap replicate; the same for all figures of one shape."""

    folds: np.ndarray  #: int64 [n, F], each combination of folds once
    combination: np.ndarray  #: int64 [bootstraps] position in `folds`
    weight: np.ndarray  #: float64 [bootstraps, T], how often each target was drawn


@lru_cache(maxsize=4)
def _draws(targets: int, folds: int, seed: int, bootstraps: int) -> _Draws:
    rng = np.random.default_rng(seed)
    of_folds = np.sort(rng.integers(0, folds, (bootstraps, folds)), axis=1)
    combinations, which = np.unique(of_folds, axis=0, return_inverse=True)
    cells = rng.integers(0, targets, (bootstraps, targets)) + targets * np.arange(bootstraps)[:, None]
    weight = np.bincount(cells.reshape(-1), minlength=bootstraps * targets).reshape(bootstraps, targets)
    return _Draws(combinations, which.reshape(-1), weight.astype(np.float64))


def _interval(
    shape: tuple[int, ...], statistic: Callable[[np.ndarray], np.ndarray], seed: int, bootstraps: int
) -> Interval:
    """`statistic(folds int [..., F])` gives each target a value, [T, ...]; their mean is the figure."""
    targets, folds = shape
    per_target = statistic(np.arange(folds)) if targets and folds else np.array([np.nan])
    if np.isnan(per_target).all():
        return Interval(None, None, None)
    draws = _draws(targets, folds, seed, bootstraps)
    of_targets = statistic(draws.folds).T  # [n, T]
    known = ~np.isnan(of_targets)
    total = _weighted(np.where(known, of_targets, 0.0), draws)
    count = _weighted(known.astype(np.float64), draws)
    means, middle = total[count > 0] / count[count > 0], float(np.nanmean(per_target))
    if not len(means):
        return Interval(middle, None, None)
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    tail = 1 + min((means <= 0).sum(), (means >= 0).sum())
    p = min(1.0, 2 * float(tail) / (len(means) + 1))
    return Interval(middle, float(low), float(high), p)


def _weighted(of_targets: np.ndarray, draws: _Draws) -> np.ndarray:
    """Sums over the targets drawn, of each replicate's combination of folds: [n, T] to [bootstraps]."""
    of_combinations = draws.weight @ of_targets.T  # ten of three folds: cheaper than to take each one's own
    sums: np.ndarray = of_combinations[np.arange(len(draws.weight)), draws.combination]
    return sums


def _mean(values: np.ndarray, axis: int) -> np.ndarray:
    """Mean of what is known, NaN of nothing (and no warning)."""
    known = ~np.isnan(values)
    count = known.sum(axis)
    total = np.where(known, values, 0.0).sum(axis)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
