"""The figures every system is judged by: AUC (ties count half), GAUC, log-loss, by hour and by period.

AUC is undefined with one class only: it is None then, and left out of means, never 0.5.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

PERIODS = {"period1": (0, 8), "period2": (8, 16), "period3": (16, 24)}  #: hours of day, as in the paper (5.4)


@dataclass(frozen=True)
class HourFigures:
    """One hour of a day."""

    hour: int  #: of day, 0 … 23
    exposures: int
    clicks: int
    auc: float | None  #: None with one class only


@dataclass(frozen=True)
class PeriodFigures:
    """A period's mean over its hours with both classes."""

    auc: float | None
    hours: int  #: that entered the mean
    left_out: int  #: hours with exposures of one class only


def auc(labels: np.ndarray, scores: np.ndarray) -> float | None:
    """P(score of a click > score of a skip), ties half, for labels bool [E], scores [E]; None: one class."""
    positive = np.asarray(labels, bool)
    clicks = int(positive.sum())
    skips = len(positive) - clicks
    if clicks == 0 or skips == 0:
        return None
    ranks = midranks(np.asarray(scores))
    return float((ranks[positive].sum() - clicks * (clicks + 1) / 2) / (clicks * skips))


def auc_standard_error(labels: np.ndarray, scores: np.ndarray) -> float | None:
    """DeLong's standard error of `auc`; None where either class has fewer than two members."""
    covariance = auc_covariance(labels, np.asarray(scores)[None])
    return None if covariance is None else math.sqrt(max(float(covariance[0, 0]), 0.0))


def auc_covariance(labels: np.ndarray, scores: np.ndarray) -> np.ndarray | None:
    """DeLong's covariance [S, S] of the AUCs of S scorings [S, E] of the same exposures (DeLong 1988)."""
    positive = np.asarray(labels, bool)
    clicks = int(positive.sum())
    skips = len(positive) - clicks
    if clicks < 2 or skips < 2:
        return None
    above, below = np.empty((len(scores), clicks)), np.empty((len(scores), skips))
    for s, row in enumerate(scores):
        ranks = midranks(row)
        above[s] = (ranks[positive] - midranks(row[positive])) / skips
        below[s] = (ranks[~positive] - midranks(row[~positive])) / clicks
    return np.atleast_2d(np.cov(above) / clicks + np.cov(below) / skips)


def auc_difference(
    labels: np.ndarray, first: np.ndarray, second: np.ndarray
) -> tuple[float, float, float] | None:
    """DeLong's paired test: AUC of `first` minus AUC of `second`, its standard error, two-sided p-value."""
    covariance = auc_covariance(labels, np.stack([first, second]))
    one, other = auc(labels, first), auc(labels, second)
    if covariance is None or one is None or other is None:
        return None
    error = math.sqrt(max(float(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]), 0.0))
    difference = one - other
    if error == 0:
        return difference, 0.0, 1.0 if difference == 0 else 0.0
    return difference, error, math.erfc(abs(difference) / error / math.sqrt(2))


def gauc(labels: np.ndarray, scores: np.ndarray, users: np.ndarray) -> float | None:
    """AUC within each user [E], averaged with exposures as weights over the users with both classes."""
    if len(labels) == 0:
        return None
    order = np.lexsort((scores, users))
    user, score, positive = users[order], np.asarray(scores)[order], np.asarray(labels, bool)[order]
    starts = np.flatnonzero(np.append(True, user[1:] != user[:-1]))
    group = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(user))))
    ranks = (
        _midranks_of_sorted(np.append(True, (user[1:] != user[:-1]) | (score[1:] != score[:-1])))
        - starts[group]
    )
    shown = np.bincount(group).astype(float)
    clicks = np.bincount(group, positive)
    total = np.bincount(group, ranks * positive)
    both = (clicks > 0) & (clicks < shown)
    if not both.any():
        return None
    shown, clicks, total = shown[both], clicks[both], total[both]
    areas = (total - clicks * (clicks + 1) / 2) / (clicks * (shown - clicks))
    return float(np.average(areas, weights=shown))


def log_loss(labels: np.ndarray, scores: np.ndarray) -> float:
    """Mean cross-entropy in nats of probabilities [E], kept 1e-7 away from 0 and 1; NaN without exposures."""
    if len(labels) == 0:
        return math.nan
    p = np.clip(np.asarray(scores, np.float64), 1e-7, 1 - 1e-7)
    return float(-np.mean(np.where(np.asarray(labels, bool), np.log(p), np.log1p(-p))))


def by_hour(labels: np.ndarray, scores: np.ndarray, hours: np.ndarray) -> list[HourFigures]:
    """Figures of each hour of day that has exposures, ascending; `hours` int64 [E] in 0 … 23."""
    out = []
    for hour in np.unique(hours):
        here = hours == hour
        clicks = int(np.asarray(labels, bool)[here].sum())
        out.append(HourFigures(int(hour), int(here.sum()), clicks, auc(labels[here], scores[here])))
    return out


def periods(figures: list[HourFigures]) -> dict[str, PeriodFigures]:
    """Mean hourly AUC in 0–8 h, 8–16 h and 16–24 h."""
    out = {}
    for name, (first, end) in PERIODS.items():
        inside = [f.auc for f in figures if first <= f.hour < end]
        known = [value for value in inside if value is not None]
        mean = float(np.mean(known)) if known else None
        out[name] = PeriodFigures(mean, len(known), len(inside) - len(known))
    return out


def midranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 1 of `values` [N], equal values sharing the mean of theirs; float64 [N]."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    out = np.empty(len(values))
    out[order] = _midranks_of_sorted(np.append(True, ordered[1:] != ordered[:-1])[: len(values)])
    return out


def _midranks_of_sorted(new: np.ndarray) -> np.ndarray:
    """Mid-ranks of sorted values; `new` bool [N] marks where a value differs from the one before."""
    starts = np.flatnonzero(new)
    ends = np.append(starts[1:], len(new))
    return np.repeat((starts + 1 + ends) / 2, ends - starts)
