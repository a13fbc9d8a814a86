"""How much a match is worth, learned from source brands: gain(K) and λ(K).

A brand of which one customer is known says little; one of which five hundred are known says a lot. Each
source brand is asked with K of its customers, for several K. For every K and λ, slope and gain are the
coefficients of

    log-odds(user becomes a customer) = brand + slope · (prior(user) + gain · match(user, brand; K, λ))

over users who were no customers yet. The slope is free because a good match tells of activity too: held at
1, the prior would count it twice. λ(K) is the one with the highest likelihood. The gain follows

    gain(K) = c · (K / (K + k₀))^p,

after the attenuation of a standardised score whose direction was estimated from K noisy customers (p = ½
where their noise is all there is); c, k₀ and p are fitted to the gains measured, weighted by their certainty,
so brands larger than any source brand are reached too.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from models.profiling.match import MatchSpace
from models.progress import Progress

MOST_USERS = 4_096  #: users whose outcomes are looked at, at most
MOST_SUPPORTS = 384  #: asked at one K
FEWEST_BRANDS = 5  #: for a K to be tried
LEAST_SLOPE = 0.1  #: a prior worth less than this is noise: the gain stays finite
_HALVES = np.geomspace(0.5, 2_000, 60)  #: tried for k₀
_POWERS = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)  #: tried for p


@dataclass(frozen=True)
class Gains:
    """The fitted curve, and the points that it was fitted to."""

    ceiling: float  #: c, the gain of a perfectly known match
    half: float  #: k₀
    power: float  #: p
    supports: np.ndarray  #: float64 [P] the numbers of customers tried
    shrinkage: np.ndarray  #: float64 [P] λ chosen for each
    measured: np.ndarray  #: float64 [P] the gain at each
    certainty: np.ndarray  #: float64 [P] one over its variance

    def gain(self, customers: int) -> float:
        """g(K)."""
        return self.ceiling * float((customers / (customers + self.half)) ** self.power)

    def shrinkage_of(self, customers: int) -> float:
        """λ(K), interpolated between the supports tried, on logarithmic axes."""
        return float(np.exp(np.interp(np.log(customers), np.log(self.supports), np.log(self.shrinkage))))


def fit_gains(
    space: MatchSpace,
    prior: np.ndarray,
    customers: np.ndarray,
    newcomers: np.ndarray,
    *,
    supports: tuple[int, ...],
    shrinkages: tuple[float, ...],
    draws: int,
    rng: np.random.Generator,
    progress: Progress | None = None,
) -> Gains:
    """Fit the curve.

    Args:
        space: profile vectors at the start of the label window.
        prior: float64 [U] log-odds of users.
        customers: bool [B, U] at the start of the window.
        newcomers: bool [B, U] within it.
        supports: numbers of customers to ask with; those that too few brands have are left out.
        shrinkages: λ to choose from, shares of the total variance.
        draws: supports drawn a brand and K.
        rng: draws them.
        progress: told of every K.
    """
    background = np.flatnonzero(space.background.cpu().numpy())
    if len(background) > MOST_USERS:
        background = np.sort(rng.choice(background, MOST_USERS, replace=False))
    sizes = customers.sum(1)
    points: list[tuple[float, ...]] = []
    tried = [k for k in supports if k == min(supports) or (sizes >= k).sum() >= FEWEST_BRANDS]
    for done, size in enumerate(tried):
        brands = rng.permutation(np.repeat(np.flatnonzero(sizes >= size), draws))[:MOST_SUPPORTS]
        members = [np.flatnonzero(customers[brand]) for brand in brands]
        chosen = [rng.choice(one, size, replace=False) for one in members]
        free = ~customers[np.ix_(brands, background)]
        outcome = (newcomers[np.ix_(brands, background)] & free)[free].astype(np.float64)
        known = _centred(np.broadcast_to(prior[background], free.shape), free)[free]
        points.append((float(size), *_best(space, chosen, background, free, known, outcome, shrinkages)))
        if progress is not None:
            progress("gains", done + 1, len(tried))
    points.sort()
    columns = np.asarray(points).T
    return Gains(*_curve(columns[0], columns[2], columns[3]), *columns)


def _best(
    space: MatchSpace,
    chosen: list[np.ndarray],
    background: np.ndarray,
    free: np.ndarray,
    prior: np.ndarray,
    outcome: np.ndarray,
    shrinkages: tuple[float, ...],
) -> tuple[float, float, float]:
    """The λ of the highest likelihood, its gain, and the gain's certainty, for supports `chosen` of S brands.

    `free` is bool [S, N] over `background`, who was no customer; `prior` and `outcome` are of those pairs.
    """
    rate = np.clip(outcome.mean(), 1e-6, 1 - 1e-6)
    beta = np.array([1.0, 0.0, np.log(rate / (1 - rate))])
    fits = []
    for shrinkage in shrinkages:
        match = space.scores(chosen, shrinkage).cpu().numpy()[:, background]
        # Neighbouring λ have nearly the same coefficients: each search begins where the last one ended.
        beta, certainty, likelihood = _fitted(prior, _centred(match, free)[free], outcome, beta)
        gain = float(beta[1]) / max(float(beta[0]), LEAST_SLOPE)
        fits.append((likelihood, shrinkage, gain, certainty))
    return max(fits, key=lambda fit: fit[0])[1:]


def _centred(values: np.ndarray, free: np.ndarray) -> np.ndarray:
    """Values [S, N] less each row's mean over its free users: one intercept a brand, to first order."""
    mean = (values * free).sum(1, keepdims=True) / np.maximum(free.sum(1, keepdims=True), 1)
    return values - mean


def _fitted(
    prior: np.ndarray, match: np.ndarray, outcome: np.ndarray, beta: np.ndarray
) -> tuple[np.ndarray, float, float]:
    """Logistic coefficients of (prior, match, 1), one over the variance of their ratio, the likelihood."""
    design = np.stack([prior, match, np.ones(len(prior))], axis=1)
    for _ in range(12):
        p = 1 / (1 + np.exp(-np.clip(design @ beta, -30, 30)))
        information = (design * (p * (1 - p))[:, None]).T @ design + 1e-6 * np.eye(3)
        step = np.clip(np.linalg.solve(information, design.T @ (outcome - p)), -1, 1)
        beta = beta + step
        if np.abs(step).max() < 1e-4:
            break
    odds = design @ beta
    variance = np.linalg.inv(information)[1, 1] / max(float(beta[0]), LEAST_SLOPE) ** 2
    return beta, float(1 / variance), float(outcome @ odds - np.logaddexp(0, odds).sum())


def _curve(support: np.ndarray, measured: np.ndarray, certainty: np.ndarray) -> tuple[float, float, float]:
    """c, k₀ and p by weighted least squares: c in closed form for each pair of a grid."""
    measured = np.maximum(measured, 0.0)
    best = (np.inf, 0.0, 1.0, 0.5)
    for half, power in itertools.product(_HALVES, _POWERS):
        shape = (support / (support + half)) ** power
        ceiling = float((certainty * shape * measured).sum() / (certainty * shape**2).sum())
        error = float((certainty * (measured - ceiling * shape) ** 2).sum())
        if error < best[0]:
            best = (error, ceiling, float(half), power)
    return best[1:]
