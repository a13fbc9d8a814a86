"""How well a profiler ranks the newcomers of brands with the clock held back: AUPR and AUROC."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from models.metrics import auc
from models.profiling.pooled_lift import clustered_error
from models.profiling.profile_metrics import average_precision
from models.profiling.profiler import Scorer


@dataclass(frozen=True)
class BrandTask:
    """One brand at a held-back date, users by position."""

    customers: np.ndarray  #: int64 [K], who was one at that date
    newcomers: np.ndarray  #: bool [U], who became one since
    at_risk: np.ndarray  #: bool [U], who was known at that date and no customer


@dataclass(frozen=True)
class BacktestFigures:
    """Figures of a ranking over the newcomers of several brands, each newcomer counting alike.

    A brand's figure counts as often as it has newcomers (a ratio of sums), so that brands need not be chosen
    by how many came.
    """

    aupr: float
    auroc: float
    auroc_error: float | None  #: standard error, clustered by brand; None of one brand
    base_rate: float  #: share of newcomers among those at risk, weighed alike: the AUPR of a random order
    brands: int  #: with newcomers
    newcomers: int  #: of all brands together
    silent: int = 0  #: brands tried that tell nothing: nobody came, or everybody


def backtest_figures(scorer: Scorer, tasks: Iterable[BrandTask]) -> BacktestFigures | None:
    """Rank once a brand, all its customers told; None where no brand has customers, newcomers and others."""
    rows, silent = [], 0
    for task in tasks:
        labels = task.newcomers[task.at_risk]
        if len(task.customers) == 0 or not labels.any() or labels.all():
            silent += 1
            continue
        scores = scorer.score(task.customers)[task.at_risk]
        rows.append((average_precision(labels, scores), auc(labels, scores), labels.mean(), labels.sum()))
    if not rows:
        return None
    figures = np.array(rows, dtype=np.float64)
    came = figures[:, 3]
    aupr, auroc, rate = came @ figures[:, :3] / came.sum()
    return BacktestFigures(
        aupr=float(aupr),
        auroc=float(auroc),
        auroc_error=float(clustered_error(figures[:, 1] - auroc, came)) if len(rows) > 1 else None,
        base_rate=float(rate),
        brands=len(rows),
        newcomers=int(came.sum()),
        silent=silent,
    )
