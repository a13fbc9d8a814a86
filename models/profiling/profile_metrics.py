"""What a profiler is judged by: AUPR, AUROC, AUROC within activity quintiles.

Their intervals are those of models/metrics/growth.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.metrics import auc, average_precision


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


def auc_within(labels: np.ndarray, scores: np.ndarray, group: np.ndarray) -> float | None:
    """Mean AUC over the groups that have both classes, each counted once; None where none has."""
    areas = [auc(labels[group == g], scores[group == g]) for g in np.unique(group)]
    known = [value for value in areas if value is not None]
    return float(np.mean(known)) if known else None
