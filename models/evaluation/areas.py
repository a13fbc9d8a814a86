"""Areas under the ROC curve: of all exposures, and inside groups of them. Ties count half.

AUC is undefined with one class only: it is None (NaN in arrays) then, and left out of means, never 0.5.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Grouped:
    """Figures inside each group that occurs, by ascending group [G]."""

    group: np.ndarray  #: as given
    exposures: np.ndarray  #: int64
    clicks: np.ndarray  #: int64
    auc: np.ndarray  #: float64, NaN with one class only


def auc(labels: np.ndarray, scores: np.ndarray) -> float | None:
    """P(score of a click > score of a skip), ties half, for labels bool [E], scores [E]; None: one class."""
    positive = np.asarray(labels, bool)
    clicks = int(positive.sum())
    skips = len(positive) - clicks
    if clicks == 0 or skips == 0:
        return None
    ranks = midranks(np.asarray(scores))
    return float((ranks[positive].sum() - clicks * (clicks + 1) / 2) / (clicks * skips))


def auc_by_group(
    labels: np.ndarray, scores: np.ndarray, groups: np.ndarray, order: np.ndarray | None = None
) -> Grouped:
    """AUC inside each group [E] of the exposures.

    Args:
        labels: bool [E].
        scores: [E].
        groups: integers [E]; of 16 bits they cost one pass where `order` is known.
        order: a stable argsort of the scores, where one is at hand.
    """
    order = np.argsort(scores, kind="stable") if order is None else order
    order = order[np.argsort(groups[order], kind="stable")]
    group, score, positive = groups[order], np.asarray(scores)[order], np.asarray(labels, bool)[order]
    fresh = np.append(True, group[1:] != group[:-1])[: len(group)]
    starts = np.flatnonzero(fresh)
    shown = np.diff(np.append(starts, len(group)))
    member = np.repeat(np.arange(len(starts)), shown)
    new = fresh.copy()
    new[1:] |= score[1:] != score[:-1]
    ranks = _midranks_of_sorted(new) - starts[member]
    clicks = np.bincount(member, positive, len(starts)).astype(np.int64)
    total = np.bincount(member, ranks * positive, len(starts))
    both = clicks * (shown - clicks)
    with np.errstate(invalid="ignore"):
        areas = np.where(both > 0, (total - clicks * (clicks + 1) / 2) / both, np.nan)
    return Grouped(group[starts], shown, clicks, areas)


def gauc(labels: np.ndarray, scores: np.ndarray, users: np.ndarray) -> float | None:
    """AUC within each user [E], averaged with exposures as weights over the users with both classes."""
    found = auc_by_group(labels, scores, users)
    both = ~np.isnan(found.auc)
    return float(np.average(found.auc[both], weights=found.exposures[both])) if both.any() else None


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
