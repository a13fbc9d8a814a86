"""Whether a profiler reads its support: what a brand's own customers say more than another brand's do.

A ranking by activity alone is right for every brand alike, whoever its customers are. So each brand is ranked
by its own customers and by those of every other brand; the difference in AUROC is what was read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from models.metrics import auc


@dataclass(frozen=True)
class SupportReading:
    """Means over brands of AUROC, within groups of like activity; others: over all other brands' supports."""

    own: float
    others: float
    error: float  #: standard error over brands of `own` less `others`
    alike: float  #: mean rank correlation of two brands' scores

    @property
    def read(self) -> float:
        """What the own customers say more than those of other brands."""
        return self.own - self.others


def support_reading(
    scores: Sequence[np.ndarray], labels: np.ndarray, candidates: np.ndarray, group: np.ndarray
) -> SupportReading:
    """Of B brands' scores of the same N users.

    Args:
        scores: one float [N] a brand, from a support of its own customers.
        labels: bool [B, N], who became a customer.
        candidates: bool [B, N], who was none before.
        group: int [N], of like activity; one value for all compares across activity too.

    Raises:
        ValueError: fewer than two brands.
    """
    brands = len(labels)
    if brands < 2:
        raise ValueError("what is read is a difference to other brands: at least two are needed")
    rows = np.stack(scores)
    areas = np.full((len(np.unique(group)), brands, brands), np.nan)  # group, support, brand
    for at, alike in enumerate(np.unique(group)):
        for brand in range(brands):
            inside = candidates[brand] & (group == alike)
            areas[at, :, brand] = [_area(labels[brand, inside], one) for one in rows[:, inside]]
    known = ~np.isnan(areas)
    mean = np.where(known, areas, 0.0).sum(0) / np.maximum(known.sum(0), 1)
    mean[:, ~known.any(0).all(0)] = np.nan  # a brand without newcomers in any group has no figure
    own = np.diag(mean)
    others = (mean.sum(0) - own) / (brands - 1)
    read = (own - others)[~np.isnan(own)]
    correlation = np.corrcoef(rankdata(rows, axis=1))
    return SupportReading(
        own=float(np.nanmean(own)),
        others=float(np.nanmean(others)),
        error=float(read.std(ddof=1) / len(read) ** 0.5) if len(read) > 1 else np.nan,
        alike=float((correlation.sum() - brands) / (brands * (brands - 1))),
    )


def _area(labels: np.ndarray, scores: np.ndarray) -> float:
    area = auc(labels, scores)
    return np.nan if area is None else area
