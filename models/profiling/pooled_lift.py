"""What many brands together say of a ranking, and how much that counts beside what one brand says of itself.

Which brands are tried follows from what was known at the held-back date: their customers then, and their
newcomers of the horizon before it. Who comes within the horizon is the answer and chooses nothing; a brand to
which nobody comes adds nothing to the sums and is counted.

**The pool** is a ratio of sums: newcomers among the first x of the candidates ÷ newcomers, over all brands.
Its error is clustered by brand. **Brands differ** by more than the chance of few newcomers; how much is the
intraclass correlation ρ of 'was reached' within brands (analysis of variance, over all shares together).
**One brand** is then Beta around the pool: its own n newcomers count n / (n + w) with w = 1/ρ − 1, the pool
counts for the rest, and what remains unknown is its error. A brand that says nothing of itself has the error
of a brand drawn anew, not the smaller one of the pool's mean; the fewer brands are pooled, the less is known
of how they differ (Student's t).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from models.profiling.brands import FirstPurchases
from models.profiling.lift import LiftCurve

MOST_BRANDS = 20  #: tried at one held-back date
ENOUGH_NEWCOMERS = 10  #: in the horizon before it, for a brand to be tried
FEWEST_BRANDS = 3  #: for their differences to be measured
UNMEASURED_WEIGHT = 10.0  #: w where they cannot be
WEIGHTS = (3.0, 300.0)  #: w lies between: twenty brands cannot show that all are alike, or that none are


@dataclass(frozen=True)
class PooledLift:
    """The pool of several brands at one held-back date."""

    reached: np.ndarray  #: float64 [G] at `lift.REACHED`: newcomers reached ÷ newcomers, of all brands
    error: np.ndarray  #: float64 [G], standard error of `reached` as a mean, clustered by brand
    weight: float  #: w, newcomers of a brand's own that count as much as the pool
    newcomers: int
    candidates: int  #: users ranked for a brand, the mean
    brands: int  #: with newcomers
    silent: int  #: tried, and nobody came

    @classmethod
    def of(cls, curves: Sequence[LiftCurve], silent: int = 0) -> PooledLift:
        """Pool curves of single brands; `silent` brands beside them had no newcomers.

        Raises:
            ValueError: there is no curve.
        """
        if not curves:
            raise ValueError("a pooled lift curve needs at least one brand with newcomers")
        came = np.array([curve.newcomers for curve in curves], dtype=np.float64)
        each = np.stack([curve.reached for curve in curves])
        reached = came @ each / came.sum()
        centre = _inside(reached, came.sum())
        error = np.sqrt(centre * (1 - centre) / came.sum())
        if len(curves) > 1:
            # Never less than the chance of the newcomers alone: a few brands may agree by accident.
            error = np.maximum(error, clustered_error((each - reached).T, came))
        return cls(
            reached=reached,
            error=error,
            weight=_weight(each, came, reached),
            newcomers=int(came.sum()),
            candidates=round(float(np.mean([curve.candidates for curve in curves]))),
            brands=len(curves),
            silent=silent,
        )

    def share_of(self, newcomers: int) -> float:
        """How much a brand's own newcomers count beside the pool, 0 to 1."""
        return newcomers / (newcomers + self.weight)

    def for_brand(self, own: LiftCurve | None) -> LiftCurve:
        """The curve of one brand that is not in the pool; None: it says nothing of itself."""
        newcomers = 0 if own is None else own.newcomers
        share = self.share_of(newcomers)
        reached = self.reached if own is None else (1 - share) * self.reached + share * own.reached
        behind = newcomers + self.weight
        centre = _inside(reached, behind)
        chance = centre * (1 - centre) / (behind + 1)
        # What is lent by other brands, of which there are few.
        lent = (1 - share) * chance + ((1 - share) * self.error) ** 2
        error = np.sqrt(share * chance + lent * _widened(self.brands) ** 2)
        return LiftCurve(
            reached=reached,
            error=error,
            newcomers=self.newcomers + newcomers,
            candidates=self.candidates if own is None else own.candidates,
            brands=self.brands + (own is not None),
        )


def clustered_error(apart: np.ndarray, came: np.ndarray) -> np.ndarray:
    """Standard error of a ratio of sums over B >= 2 brands, float64 [...].

    Args:
        apart: each brand's distance to it, float64 [..., B].
        came: newcomers of each, float64 [B].
    """
    squares = np.square(came * apart).sum(-1) * len(came) / (len(came) - 1)
    return np.asarray(np.sqrt(squares) / came.sum())


def like_brands(
    first: FirstPurchases, start_day: int, horizon: int, customers: int, most: int = MOST_BRANDS
) -> np.ndarray:
    """Brands that newcomers kept coming to before a day, the nearest in number of customers first.

    Args:
        first: first purchases; those on or after `start_day` change nothing.
        start_day: the held-back date.
        horizon: days before it in which newcomers are counted.
        customers: to be near to.
        most: brands.

    Returns:
        int64 [at most `most`]; empty where no brand had newcomers in the horizon before.
    """
    had, fit = _sought(first, start_day, horizon, most)
    apart = np.abs(np.log(had[fit] / max(customers, 1)))
    return fit[np.argsort(apart, kind="stable")][:most]


def brands_of_all_sizes(
    first: FirstPurchases, start_day: int, horizon: int, most: int = MOST_BRANDS
) -> np.ndarray:
    """Brands that newcomers kept coming to before a day, drawn evenly by number of customers.

    Arguments as `like_brands`. Returns int64 [at most `most`], the smallest brand first.
    """
    had, fit = _sought(first, start_day, horizon, most)
    ordered = fit[np.argsort(had[fit], kind="stable")]
    return ordered[np.unique(np.linspace(0, len(ordered) - 1, most).round().astype(int))] if len(fit) else fit


def _sought(first: FirstPurchases, start_day: int, horizon: int, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Customers of every brand before a day, and the brands with enough newcomers in the horizon before it.

    Where fewer than `most` brands had `ENOUGH_NEWCOMERS`, those with the most newcomers make up the number.
    """
    had = first.customer_counts(start_day)
    came = first.newcomer_counts(start_day - horizon, start_day)
    least = min(ENOUGH_NEWCOMERS, int(np.sort(came)[::-1][:most][-1])) if len(came) else 1
    return had, np.flatnonzero(came >= max(least, 1))


def _weight(each: np.ndarray, came: np.ndarray, reached: np.ndarray) -> float:
    """w = 1/ρ − 1 of curves [B, G] with `came` [B] newcomers around their pool [G]."""
    chance = float((reached * (1 - reached)).sum())
    spare = came.sum() - np.square(came).sum() / came.sum() - (len(came) - 1)
    if len(came) < FEWEST_BRANDS or chance < 1e-9 or spare < 1e-9:
        return UNMEASURED_WEIGHT
    between = float((came[:, None] * np.square(each - reached)).sum()) / chance
    correlation = (between - (len(came) - 1)) / spare
    return float(np.clip(1 / max(correlation, 1e-9) - 1, *WEIGHTS))


def _widened(brands: int) -> float:
    """Times 1.96 that 95 % reach to, where a deviation is known from so few brands."""
    return float(stdtrit(max(brands - 1, 2), 0.975)) / 1.96


def _inside(share: np.ndarray, behind: float) -> np.ndarray:
    """A share drawn half an observation from 0 and 1: all or none reached is no certainty."""
    return (share * behind + 0.5) / (behind + 1.0)
