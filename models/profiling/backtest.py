"""How well a profiler ranks the newcomers of brands with the clock held back: AUPR and AUROC."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from models.metrics import auc
from models.profiling.brands import FirstPurchases
from models.profiling.lift import LEAST_NEWCOMERS, MOST_BRANDS
from models.profiling.profile_metrics import average_precision
from models.profiling.profiler import Scorer


@dataclass(frozen=True)
class BrandTask:
    """One brand at a held-back date, users by position."""

    customers: np.ndarray  #: int64 [K], who was one at that date
    newcomers: np.ndarray  #: bool [U], who became one since


@dataclass(frozen=True)
class BacktestFigures:
    """Figures of a ranking, each the mean over brands; candidates are the users who were no customers."""

    aupr: float
    auroc: float
    auroc_error: float | None  #: standard error over brands; None of one brand
    base_rate: float  #: share of newcomers among the candidates, which is the AUPR of a random order
    brands: int
    newcomers: int  #: of all brands together


def backtest_figures(scorer: Scorer, tasks: Iterable[BrandTask]) -> BacktestFigures | None:
    """Rank once a brand, all its customers told; None where no brand has customers, newcomers and others."""
    rows = []
    for task in tasks:
        candidates = np.ones(len(task.newcomers), dtype=bool)
        candidates[task.customers] = False
        labels = task.newcomers[candidates]
        if len(task.customers) == 0 or not labels.any() or labels.all():
            continue
        scores = scorer.score(task.customers)[candidates]
        rows.append((average_precision(labels, scores), auc(labels, scores), labels.mean(), labels.sum()))
    if not rows:
        return None
    aupr, auroc, rate, came = np.array(rows, dtype=np.float64).T
    error = float(auroc.std(ddof=1) / len(rows) ** 0.5) if len(rows) > 1 else None
    return BacktestFigures(
        float(aupr.mean()), float(auroc.mean()), error, float(rate.mean()), len(rows), int(came.sum())
    )


def brands_of_all_sizes(
    first: FirstPurchases, start_day: int, end_day: int, most: int = MOST_BRANDS
) -> np.ndarray:
    """Brands with customers before a period and enough newcomers in it, drawn evenly by number of customers.

    Returns:
        int64 [at most `most`], the smallest brand first.
    """
    had = first.customers(start_day).sum(axis=1)
    came = first.newcomers(start_day, end_day).sum(axis=1)
    fit = np.flatnonzero((had > 0) & (came >= LEAST_NEWCOMERS))
    ordered = fit[np.argsort(had[fit], kind="stable")]
    return ordered[np.unique(np.linspace(0, len(ordered) - 1, most).round().astype(int))] if len(fit) else fit
