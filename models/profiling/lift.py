"""What an audience is worth: how many of those who became customers stood among the first of a ranking.

The expected lift of a new audience is an estimate that is available at its as-of date: the clock is held back
by one horizon, the same question is asked with what was known then, and the horizon shows the answer. Where
the brand itself gives too little to see, the mean over brands with a like number of customers stands in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.profiling.brands import FirstPurchases
from models.profiling.data import MISSING
from models.profiling.profiler import Scorer

LEAST_NEWCOMERS = 10  #: below that a brand's own curve is mostly chance
MOST_BRANDS = 20  #: like brands that a mean curve is taken over
LEAST_MATCH = 0.8  #: customers in common over customers of either, for a list to be a brand's

#: shares of the candidates at which a curve is told
REACHED = np.round(np.concatenate([np.arange(0.005, 0.1, 0.005), np.arange(0.1, 1.001, 0.05)]), 3)


@dataclass(frozen=True)
class LiftCurve:
    """Share of the newcomers found among the first x of the candidates, at the shares `REACHED`."""

    reached: np.ndarray  #: float64 [G], 0 to 1
    error: (
        np.ndarray
    )  #: float64 [G], standard error of `reached`; of a mean, the deviation between its brands
    newcomers: int  #: behind the curve; of a mean, of all its brands together
    candidates: int  #: users that were ranked; of a mean, the mean
    brands: int = 1  #: curves that it is the mean of

    @property
    def lift(self) -> np.ndarray:
        """Times as many as by chance, float64 [G]."""
        return self.reached / REACHED

    def at(self, share: float) -> tuple[float, float]:
        """Share of the newcomers found among the first `share` of the candidates, and its error.

        Straight between the shares of the curve.
        """
        shares = np.r_[0.0, REACHED]
        reached, error = (np.interp(share, shares, np.r_[0.0, v]) for v in (self.reached, self.error))
        return float(reached), float(error)


def lift_curve(scores: np.ndarray, newcomers: np.ndarray, candidates: np.ndarray) -> LiftCurve:
    """The curve of a ranking; equal scores count as in random order.

    Args:
        scores: float [U].
        newcomers: bool [U], who became a customer afterwards; only those among the candidates count.
        candidates: bool [U], who was ranked.

    Raises:
        ValueError: no candidate became a customer, so there is nothing to find.
    """
    is_newcomer = newcomers[candidates]
    if not is_newcomer.any():
        raise ValueError("no candidate became a customer: a lift curve needs at least one newcomer")
    group, size = np.unique(-scores[candidates], return_inverse=True, return_counts=True)[1:]
    hits = np.bincount(group, weights=is_newcomer, minlength=len(size))
    ranked, seen = np.r_[0, np.cumsum(size)], np.r_[0.0, np.cumsum(hits)]
    reached = np.interp(REACHED * len(is_newcomer), ranked, seen) / seen[-1]
    # Wilson's centre keeps the error above zero where all or none were found.
    came = int(is_newcomer.sum())
    centre = (reached * came + 2.0) / (came + 4.0)
    return LiftCurve(reached, np.sqrt(centre * (1.0 - centre) / (came + 4.0)), came, len(is_newcomer))


def held_back(
    scorer: Scorer, customers: np.ndarray, newcomers: np.ndarray, users: int, known: int | None = None
) -> tuple[LiftCurve | None, int]:
    """The curve of one brand at a held-back date, and how many newcomers there were.

    Args:
        scorer: stands ready at the held-back date.
        customers: int64 [K] positions of those who were customers then; none of them is ranked.
        newcomers: bool [U], who became one between that date and the as-of date.
        users: U.
        known: of the customers, how many the scorer is told, drawn with a fixed seed; None tells it all.

    Returns:
        None in place of the curve where nobody was a customer then, or fewer than `LEAST_NEWCOMERS` came.
    """
    candidates = np.ones(users, dtype=bool)
    candidates[customers] = False
    came = int((newcomers & candidates).sum())
    if len(customers) == 0 or came < LEAST_NEWCOMERS:
        return None, came
    if known is not None and known < len(customers):
        customers = np.sort(np.random.default_rng(len(customers)).choice(customers, known, replace=False))
    return lift_curve(scorer.score(customers), newcomers, candidates), came


def brand_of(first: FirstPurchases, customers: np.ndarray, before_day: int) -> int:
    """The brand whose customers these are: position in the log's brands, MISSING where it is none of them.

    Args:
        first: first purchases of every user and brand.
        customers: int64 [K] positions.
        before_day: whoever had bought before this local day is a customer.
    """
    bought = first.customers(before_day)
    shared = bought[:, customers].sum(axis=1)
    match = shared / np.maximum(bought.sum(axis=1) + len(customers) - shared, 1)
    best = int(match.argmax()) if len(match) else MISSING
    return best if best != MISSING and match[best] >= LEAST_MATCH else MISSING


def like_brands(
    first: FirstPurchases, start_day: int, end_day: int, customers: int, most: int = MOST_BRANDS
) -> np.ndarray:
    """Brands with enough newcomers in `[start_day, end_day)`, the nearest in number of customers first.

    Returns:
        int64 [at most `most`]; empty where no brand had customers and enough newcomers.
    """
    had = first.customers(start_day).sum(axis=1)
    came = first.newcomers(start_day, end_day).sum(axis=1)
    apart = np.abs(np.log(np.maximum(had, 1) / max(customers, 1)))
    fit = np.flatnonzero((had > 0) & (came >= LEAST_NEWCOMERS))
    return fit[np.argsort(apart[fit], kind="stable")][:most]


def mean_curve(curves: Sequence[LiftCurve]) -> LiftCurve:
    """The mean of several brands' curves, each counting alike.

    Raises:
        ValueError: there is none.
    """
    if not curves:
        raise ValueError("a mean lift curve needs at least one brand")
    reached = np.stack([curve.reached for curve in curves])
    return LiftCurve(
        reached=reached.mean(axis=0),
        error=reached.std(axis=0, ddof=1) if len(curves) > 1 else curves[0].error,
        newcomers=sum(curve.newcomers for curve in curves),
        candidates=round(float(np.mean([curve.candidates for curve in curves]))),
        brands=len(curves),
    )
