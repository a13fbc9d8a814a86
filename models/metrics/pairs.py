"""Which pairs of a click and a skip an AUC is made of: of one list, of one user, of two users.

Pooled AUC counts every click against every skip. Nearly all such pairs are of two users, so that it asks
above all who clicks more, and when; the order of a list, which a reader sees, is a fraction of a per cent.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.metrics.areas import Ordered, auc_by_group


def pairs_by_level(labels: np.ndarray, ordered: Ordered, nested: Sequence[np.ndarray]) -> np.ndarray:
    """Numbers of click–skip pairs and of those won (ties half) by level, float64 [levels + 1, 2].

    Args:
        labels: bool [E].
        ordered: the scores, sorted.
        nested: groups int [E], each within those of the next: lists, then users. Below 0: a group of its own.

    Returns:
        For each, the pairs inside its groups that are in none of the finer ones; last, those of no group.
    """
    levels = [*(_alone(group) for group in nested), np.zeros(len(labels), np.int8)]
    sums = np.zeros((len(levels), 2))
    for level, groups in enumerate(levels):
        inside = auc_by_group(labels, ordered, groups)
        pairs = inside.clicks * (inside.exposures - inside.clicks)
        both = pairs > 0
        sums[level] = pairs.sum(), pairs[both] @ inside.auc[both]
    sums[1:] -= sums[:-1].copy()
    return sums


def user_hours(users: np.ndarray, hour: np.ndarray) -> np.ndarray:
    """A number for each hour of each user, int64 [E]; `hour` is that of the day."""
    return np.asarray(users, np.int64) * 24 + hour


def _alone(groups: np.ndarray) -> np.ndarray:
    """The same groups, with a new one for each exposure that is in none."""
    unknown = np.flatnonzero(groups < 0)
    if not len(unknown):
        return groups
    out = groups.copy()
    out[unknown] = groups.max(initial=-1) + 1 + np.arange(len(unknown))
    return out
