"""CTR, ACN, HCR and DT (Eq. 10), their lifts, and the guard-rails of an A/B test.

Definitions: `docs/metrics.md`. The user is the unit of everything: users are split, so users are resampled.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc

USERS, EXPOSURES, CLICKS, HAS_CLICK, DWELL = range(5)
#: metric → columns of a user table whose sums are divided
METRICS: dict[str, tuple[int, int]] = {
    "ctr": (CLICKS, EXPOSURES),
    "acn": (CLICKS, USERS),
    "hcr": (HAS_CLICK, USERS),
    "dt": (DWELL, USERS),
}
#: an arm's share of the users that chance makes more rarely than this ends the test's validity
SRM_ALARM = 0.001
_AT_ONCE = 4_000_000  # resampled users in memory


@dataclass(frozen=True)
class Lift:
    """A metric of an arm against that of the base."""

    metric: str
    arm_value: float | None
    base_value: float | None
    lift: float | None  #: relative; None where either has no value, or the base 0
    low: float | None  #: 95 % percentile interval over the bootstrap's draws
    high: float | None
    p_value: float | None  #: two-sided, of the logarithm of the ratio by the delta method


@dataclass(frozen=True)
class SampleRatio:
    """Pearson's χ² test of the arms' numbers of users against equal shares."""

    users: dict[str, int]
    chi_square: float
    p_value: float
    valid: bool  #: whether chance makes such shares


def user_table(user: np.ndarray, clicked: np.ndarray, dwell: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Users int64 [n], ascending, and their sums float64 [n, 5]: one, exposures, clicks, has click, seconds.

    Args:
        user, clicked, dwell: of exposures, [E]; dwell in seconds, NaN counts 0.
    """
    users, row = np.unique(user, return_inverse=True)
    clicks = np.bincount(row, weights=clicked, minlength=len(users))
    return users, np.stack(
        [
            np.ones(len(users)),
            np.bincount(row, minlength=len(users)),
            clicks,
            clicks > 0,
            np.bincount(row, weights=np.nan_to_num(dwell), minlength=len(users)),
        ],
        axis=1,
    )


def figures(table: np.ndarray) -> dict[str, float | None]:
    """The four metrics of a user table [n, 5]; None where nobody was shown anything."""
    sums = table.sum(axis=0)
    return {name: _or_none(_ratio(sums[top], sums[bottom])) for name, (top, bottom) in METRICS.items()}


def compared(base: np.ndarray, arm: np.ndarray, *, draws: int, rng: np.random.Generator) -> list[Lift]:
    """Lift of `arm` over `base` (user tables of different users) for each metric; users are resampled."""
    lifts = _lifts(_resampled(base, draws, rng), _resampled(arm, draws, rng))
    return [
        _entry(name, base, arm, lifts[name], math.sqrt(_log_variance(base, name) + _log_variance(arm, name)))
        for name in METRICS
    ]


def compared_pairwise(
    base: np.ndarray, arm: np.ndarray, *, draws: int, rng: np.random.Generator
) -> list[Lift]:
    """As `compared`, where row i of both tables is the same user, who met both systems in two worlds."""
    both = _resampled(np.concatenate([base, arm], axis=1), draws, rng)
    lifts = _lifts(both[:, : base.shape[1]], both[:, base.shape[1] :])
    return [
        _entry(
            name,
            base,
            arm,
            lifts[name],
            math.sqrt(len(base) * np.var(_influence(arm, name) - _influence(base, name), ddof=1)),
        )
        for name in METRICS
    ]


def sample_ratio(users: Mapping[str, int]) -> SampleRatio:
    """The test of the numbers of users of the arms."""
    expected = sum(users.values()) / len(users)
    statistic = sum((count - expected) ** 2 / max(expected, 1e-9) for count in users.values())
    p = float(chdtrc(len(users) - 1, statistic))
    return SampleRatio(dict(users), statistic, p, p >= SRM_ALARM)


def false_alarms(table: np.ndarray, splits: int, rng: np.random.Generator) -> dict[str, float | None]:
    """Share of random halvings of one arm's users in which p < .05: about .05 if the test is sound."""
    half = (rng.random((splits, len(table))) < 0.5).astype(np.float64)
    shares: dict[str, float | None] = {}
    for name, (top, bottom) in METRICS.items():
        a, b = table[:, top], table[:, bottom]
        moments = np.stack([a, b, a * a, a * b, b * b, np.ones(len(a))], axis=1)
        one = half @ moments
        z2 = _squared_z(one, moments.sum(axis=0) - one)
        known = np.isfinite(z2)
        shares[name] = float(np.mean(z2[known] > 1.959964**2)) if known.any() else None
    return shares


def _squared_z(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Squared z of log ratio, [splits], from the moments a, b, aa, ab, bb, n of both halves."""

    def log_ratio(m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        a, b, aa, ab, bb, n = m.T
        ratio = a / b
        spread = (aa - 2 * ratio * ab + ratio**2 * bb) / (n - 1)
        return np.log(ratio), n * spread / a**2

    with np.errstate(divide="ignore", invalid="ignore"):
        (first, v1), (second, v2) = log_ratio(one), log_ratio(other)
        return (first - second) ** 2 / (v1 + v2)


def _resampled(table: np.ndarray, draws: int, rng: np.random.Generator) -> np.ndarray:
    """Column sums of `draws` resamplings of the rows with replacement, [draws, columns]."""
    n = len(table)
    at_once = max(_AT_ONCE // max(n, 1), 1)
    parts = []
    for low in range(0, draws, at_once):
        count = min(at_once, draws - low)
        drawn = rng.integers(0, n, (count, n)) + n * np.arange(count)[:, None]
        times = np.bincount(drawn.ravel(), minlength=n * count).reshape(count, n)
        parts.append(times.astype(np.float64) @ table)
    return np.concatenate(parts)


def _lifts(base: np.ndarray, arm: np.ndarray) -> dict[str, np.ndarray]:
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            name: (arm[:, top] / arm[:, bottom]) / (base[:, top] / base[:, bottom]) - 1
            for name, (top, bottom) in METRICS.items()
        }


def _influence(table: np.ndarray, name: str) -> np.ndarray:
    """What each user adds to the logarithm of a metric, to first order, [n]; NaN where the metric is 0."""
    top, bottom = METRICS[name]
    a, b = table[:, top], table[:, bottom]
    if a.sum() == 0:
        return np.full(len(table), np.nan)
    return (a - a.sum() / b.sum() * b) / a.sum()


def _log_variance(table: np.ndarray, name: str) -> float:
    return float(len(table) * np.var(_influence(table, name), ddof=1)) if len(table) > 1 else math.nan


def _entry(name: str, base: np.ndarray, arm: np.ndarray, lifts: np.ndarray, error: float) -> Lift:
    of_base, of_arm = figures(base)[name], figures(arm)[name]
    lift, z = math.nan, math.nan
    if of_base and of_arm:
        lift = of_arm / of_base - 1
        # Without any error these are the same users with the same behaviour.
        z = math.log1p(lift) / error if error > 0 else 0.0
    lifts = lifts[np.isfinite(lifts)]
    low, high = np.quantile(lifts, (0.025, 0.975)) if len(lifts) else (math.nan, math.nan)
    return Lift(
        metric=name,
        arm_value=of_arm,
        base_value=of_base,
        lift=_or_none(lift),
        low=_or_none(low),
        high=_or_none(high),
        p_value=_or_none(math.erfc(abs(z) / math.sqrt(2))),
    )


def _ratio(top: float, bottom: float) -> float:
    return float(top / bottom) if bottom else math.nan


def _or_none(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
