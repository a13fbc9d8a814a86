"""Standard errors and p-values that take users, not exposures, for independent.

A figure that is a mean moves by its users' influences (`influences`, `mean_influences`): what each adds to
it, summing to 0. Its variance is the sum of their squares, U / (U − 1) times: DeLong's placements summed by
user (Obuchowski 1997), and the cluster-robust variance of a mean of lists. A bootstrap over users agrees.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import stdtr

from models.metrics.areas import Ordered
from models.metrics.delong import placements
from models.metrics.resampling import influences


def mean_influences(
    values: np.ndarray, weights: np.ndarray, users: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weighted means [S] of values [L, S], and what each user adds to them: users [U], influences [U, S].

    Args:
        values: of L lists (or other parts of a user's exposures) in S scorings.
        weights: float [L], above 0.
        users: int64 [L], whose each is.
    """
    share = weights / weights.sum()
    means = share @ values
    distinct, member = np.unique(users, return_inverse=True)
    moved = (values - means) * share[:, None]
    out = np.stack([np.bincount(member, column, len(distinct)) for column in moved.T], axis=1)
    return means, distinct, out


def clustered_covariance(influence: np.ndarray) -> np.ndarray | None:
    """Covariance [S, S] of S figures from their users' influences [U, S]; None below two users."""
    users = len(influence)
    return None if users < 2 else influence.T @ influence * (users / (users - 1))


def clustered_error(influence: np.ndarray) -> float | None:
    """Standard error of one figure from the influences of its users [U]; None of fewer than two."""
    covariance = clustered_covariance(influence[:, None])
    return None if covariance is None else math.sqrt(covariance[0, 0])


def two_sided(difference: float, error: float, users: int) -> float:
    """P-value of a difference with a clustered error: Student's t with one degree less than users."""
    if error == 0:
        return 1.0 if difference == 0 else 0.0
    return float(2 * stdtr(users - 1, -abs(difference) / error))


def clustered_difference(
    labels: np.ndarray, first: np.ndarray, second: np.ndarray, users: np.ndarray
) -> tuple[float, float, float] | None:
    """AUC of `first` less AUC of `second`, the error of that clustered by user, two-sided p-value.

    Args:
        labels: bool [E].
        first, second: scores float [E].
        users: int64 [E].

    Returns:
        None with one class only, or with fewer than two users.
    """
    placed = placements(labels, [Ordered.of(first), Ordered.of(second)])
    if placed is None:
        return None
    distinct, influence = influences(placed, labels, users)
    error = clustered_error(influence[:, 0] - influence[:, 1])
    if error is None:
        return None
    difference = float(placed.auc[0] - placed.auc[1])
    return difference, error, two_sided(difference, error, len(distinct))


def paired_clustered(
    means: np.ndarray, influence: np.ndarray, pairs: Sequence[tuple[int, int]]
) -> list[tuple[float, float, float]] | None:
    """Difference, clustered error and p-value of some pairs of S figures; None below two users.

    Args:
        means: the figures [S].
        influence: [U, S].
        pairs: positions of two figures each.
    """
    covariance = clustered_covariance(influence)
    if covariance is None:
        return None
    out = []
    for one, other in pairs:
        variance = covariance[one, one] + covariance[other, other] - 2 * covariance[one, other]
        # What rounding leaves of two equal scorings is no error.
        scale = covariance[one, one] + covariance[other, other]
        error = math.sqrt(variance) if variance > 1e-14 * scale else 0.0
        difference = float(means[one] - means[other])
        out.append((difference, error, two_sided(difference, error, len(influence))))
    return out
