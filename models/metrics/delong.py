"""DeLong's standard errors of AUC, alone and for differences (DeLong, DeLong and Clarke-Pearson 1988)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.metrics.areas import Ordered


@dataclass(frozen=True)
class Placements:
    """Where each exposure stands among those of the other class, for S scorings of the same exposures.

    AUC is the mean of either array, so the placements of an average over scorings are averages too.
    """

    above: np.ndarray  #: float64 [S, clicks]: share of the skips scored below a click, ties half
    below: np.ndarray  #: float64 [S, skips]: share of the clicks scored above a skip, ties half

    @property
    def auc(self) -> np.ndarray:
        """float64 [S]."""
        return self.above.mean(axis=1)

    def covariance(self) -> np.ndarray | None:
        """DeLong's covariance [S, S] of the AUCs; None where either class has fewer than two members."""
        clicks, skips = self.above.shape[1], self.below.shape[1]
        if clicks < 2 or skips < 2:
            return None
        return np.atleast_2d(np.cov(self.above) / clicks + np.cov(self.below) / skips)


def placements(labels: np.ndarray, scorings: Sequence[Ordered]) -> Placements | None:
    """Placements in S scorings of exposures with labels bool [E]; None with one class only."""
    positive = np.asarray(labels, bool)
    clicks = int(positive.sum())
    skips = len(positive) - clicks
    if clicks == 0 or skips == 0:
        return None
    above, below = np.empty((len(scorings), clicks)), np.empty((len(scorings), skips))
    run = np.empty(len(positive), np.int64)
    for s, scoring in enumerate(scorings):
        starts = np.flatnonzero(scoring.new)
        run[scoring.order] = np.cumsum(scoring.new) - 1  # the run of equal scores of each exposure
        in_runs = np.bincount(run, positive, len(starts))
        lower = np.cumsum(in_runs) - in_runs / 2  # clicks below a run, and half of those in it
        ranked = starts + np.diff(np.append(starts, len(positive))) / 2  # the same of all exposures
        above[s] = (ranked - lower)[run[positive]] / skips
        below[s] = 1 - lower[run[~positive]] / clicks
    return Placements(above, below)


def auc_standard_error(labels: np.ndarray, scores: np.ndarray) -> float | None:
    """DeLong's standard error of `auc`; None where either class has fewer than two members."""
    return standard_error(labels, Ordered.of(scores))


def standard_error(labels: np.ndarray, ordered: Ordered) -> float | None:
    """The same of scores that are sorted already."""
    placed = placements(labels, [ordered])
    covariance = None if placed is None else placed.covariance()
    return None if covariance is None else math.sqrt(max(float(covariance[0, 0]), 0.0))


def auc_difference(
    labels: np.ndarray, first: np.ndarray, second: np.ndarray
) -> tuple[float, float, float] | None:
    """DeLong's paired test: AUC of `first` minus AUC of `second`, its standard error, two-sided p-value."""
    placed = placements(labels, [Ordered.of(first), Ordered.of(second)])
    covariance = None if placed is None else placed.covariance()
    if placed is None or covariance is None:
        return None
    return paired(placed.auc, covariance, 0, 1)


def paired(areas: np.ndarray, covariance: np.ndarray, first: int, second: int) -> tuple[float, float, float]:
    """Difference of two of S areas [S], its standard error by their covariance [S, S], two-sided p-value."""
    variance = covariance[first, first] + covariance[second, second] - 2 * covariance[first, second]
    error = math.sqrt(max(float(variance), 0.0))
    difference = float(areas[first] - areas[second])
    if error == 0:
        return difference, 0.0, 1.0 if difference == 0 else 0.0
    return difference, error, math.erfc(abs(difference) / error / math.sqrt(2))
