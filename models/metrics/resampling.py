"""A bootstrap over users of differences of AUC, and Holm's correction for many tests.

A user's exposures of all days stand or fall together. Replicates are linear in the users' weights: AUC moves
by the users' influences (the Hájek projection), which leaves out terms of order 1 / users. So thousands of
replicates of many systems are one matrix product.
"""

from __future__ import annotations

import numpy as np

from models.metrics.delong import Placements

BLOCK = 400_000  #: user weights drawn at once: they stay in the processor's cache


def influences(placed: Placements, labels: np.ndarray, users: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """By how much each user's exposures lift the AUC of each scoring: users [U], influences [U, S].

    Doubling a user's weight moves AUC by the user's influence, to first order; they sum to 0.

    Args:
        placed: placements of S scorings.
        labels: bool [E].
        users: int64 [E], in the same order.
    """
    positive = np.asarray(labels, bool)
    distinct, member = np.unique(users, return_inverse=True)
    out = np.empty((len(distinct), len(placed.above)))
    for s, (above, below, area) in enumerate(zip(placed.above, placed.below, placed.auc, strict=True)):
        share = np.empty(len(positive))
        share[positive] = (above - area) / len(above)
        share[~positive] = (below - area) / len(below)
        out[:, s] = np.bincount(member, share, len(distinct))
    return distinct, out


def merged(parts: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Influences on the mean over days [U, S], from those of each day (users [U'], influences [U', S])."""
    users = np.unique(np.concatenate([users for users, _ in parts]))
    out = np.zeros((len(users), parts[0][1].shape[1]))
    for here, values in parts:
        out[np.searchsorted(users, here)] += values / len(parts)
    return out


def resampled(influence: np.ndarray, replicates: int, generator: np.random.Generator) -> np.ndarray:
    """What resampling users with replacement adds to each of S areas: float64 [replicates, S]."""
    users = len(influence)
    at_once = max(1, BLOCK // users)
    out = np.empty((replicates, influence.shape[1]))
    for first in range(0, replicates, at_once):
        rows = min(at_once, replicates - first)
        drawn = generator.integers(0, users, (rows, users)) + np.arange(0, rows * users, users)[:, None]
        weight = np.bincount(drawn.reshape(-1), minlength=rows * users).reshape(rows, users)
        out[first : first + rows] = weight @ influence
    return out


def holm(p_values: np.ndarray) -> np.ndarray:
    """Holm's step-down correction of p-values [m]: the chance of any false finding stays below the level."""
    order = np.argsort(p_values, kind="stable")
    factors = len(p_values) - np.arange(len(p_values))
    out = np.empty(len(p_values))
    out[order] = np.minimum(np.maximum.accumulate(p_values[order] * factors), 1.0)
    return out
