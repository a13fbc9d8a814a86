"""What a profiler is judged by: AUPR, AUROC, AUROC within activity quintiles.

Their intervals are those of models/metrics/growth.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.metrics import auc


@dataclass(frozen=True)
class Figures:
    """One ranking of test users; a figure is None where it has no meaning (one class only)."""

    aupr: float | None
    auroc: float | None
    within_quintiles: float | None
    base_rate: float | None
    users: int
    newcomers: int


def figures(labels: np.ndarray, scores: np.ndarray, quintile: np.ndarray) -> Figures:
    """All figures of a ranking: labels bool [N], scores float [N], activity quintile int [N]."""
    positive = np.asarray(labels, bool)
    return Figures(
        aupr=average_precision(positive, scores),
        auroc=auc(positive, scores),
        within_quintiles=auc_within(positive, scores, quintile),
        base_rate=float(positive.mean()) if len(positive) else None,
        users=len(positive),
        newcomers=int(positive.sum()),
    )


def average_precision(labels: np.ndarray, scores: np.ndarray) -> float | None:
    """Area under precision and recall as a sum of steps, Σ (R_k − R_{k−1}) · P_k; None without a positive.

    Equal scores are one step: no order among them is assumed, so that a constant score has the base rate.
    Equal to scikit-learn's average_precision_score to 1e-16, without its checks of the arguments, which take
    twice as long as this at 20,000 users and forty times as long at 100.
    """
    positive = np.asarray(labels, bool)
    total = int(positive.sum())
    if total == 0:
        return None
    order = np.argsort(-np.asarray(scores), kind="stable")
    ranked, hits = np.asarray(scores)[order], np.cumsum(positive[order])
    ends = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))
    hits_at_step = hits[ends]
    precision = hits_at_step / (ends + 1)
    return float(np.sum(np.diff(hits_at_step, prepend=0) * precision) / total)


def auc_within(labels: np.ndarray, scores: np.ndarray, group: np.ndarray) -> float | None:
    """Mean AUC over the groups that have both classes, each counted once; None where none has."""
    areas = [auc(labels[group == g], scores[group == g]) for g in np.unique(group)]
    known = [value for value in areas if value is not None]
    return float(np.mean(known)) if known else None
