"""What an audience is worth: how many of those who became customers stood among the first of a ranking.

The expected lift of a new audience is an estimate that is available at its as-of date: the clock is held back
by one horizon, the same question is asked with what was known then, and the horizon shows the answer. What a
brand says of itself is weighed with what brands like it say: `pooled_lift`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.profiling.brands import FirstPurchases
from models.profiling.data import MISSING
from models.profiling.profiler import Scorer

LEAST_MATCH = 0.8  #: customers in common over customers of either, for a list to be a brand's

#: shares of the candidates at which a curve is told
REACHED = np.round(np.concatenate([np.arange(0.005, 0.1, 0.005), np.arange(0.1, 1.001, 0.05)]), 3)


@dataclass(frozen=True)
class LiftCurve:
    """Share of the newcomers found among the first x of the candidates, at the shares `REACHED`."""

    reached: np.ndarray  #: float64 [G], 0 to 1
    error: np.ndarray  #: float64 [G], standard error of `reached`
    newcomers: int  #: behind the curve, of all its brands together
    candidates: int  #: users that were ranked; of several brands, the mean
    brands: int = 1  #: whose newcomers are behind it

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
    scorer: Scorer,
    customers: np.ndarray,
    newcomers: np.ndarray,
    at_risk: np.ndarray,
    support: int | None = None,
) -> LiftCurve | None:
    """The curve of one brand at a held-back date.

    Args:
        scorer: stands ready at the held-back date.
        customers: int64 [K] positions of those who were customers then.
        newcomers: bool [U], who became one between that date and the as-of date.
        at_risk: bool [U], who was known then and no customer: they are ranked.
        support: of the customers, how many the scorer is given, drawn with a fixed seed; None gives it all.

    Returns:
        None where nobody was a customer then, or nobody became one.
    """
    if len(customers) == 0 or not (newcomers & at_risk).any():
        return None
    if support is not None and support < len(customers):
        customers = np.sort(np.random.default_rng(len(customers)).choice(customers, support, replace=False))
    return lift_curve(scorer.score(customers), newcomers, at_risk)


def brand_of(first: FirstPurchases, customers: np.ndarray, before_day: int) -> int:
    """The brand whose customers these are: position in the log's brands, MISSING where it is none of them.

    Args:
        first: first purchases of every user and brand.
        customers: int64 [K] positions.
        before_day: whoever had bought before this local day is a customer.
    """
    bought, shared = first.customer_counts(before_day), first.customers_among(customers, before_day)
    match = shared / np.maximum(bought + len(customers) - shared, 1)
    best = int(match.argmax()) if len(match) else MISSING
    return best if best != MISSING and match[best] >= LEAST_MATCH else MISSING
