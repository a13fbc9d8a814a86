"""How much a match is worth, learned from source brands: gain(K) and λ(K) of every space.

A brand of which one customer is known says little; one of which five hundred are known says a lot. Each
source brand is asked with K of its customers, for several K. For every K, slope and gains are the
coefficients of

    log-odds(user becomes a customer)
        = brand + slope · (prior(user) + Σ_v gain_v · match_v(user, brand; K, λ_v))

over users at risk. The slope is free because a good match tells of activity too: held at 1, the prior would
count it twice. λ_v(K) is the one whose match, by the score test, explains most beside the prior; a space
whose gain would be negative is left out at that K. The gain of each space follows

    gain(K) = c · (K / (K + k₀))^p,

after the attenuation of a standardised score whose direction was estimated from K noisy customers (p = ½
where their noise is all there is); c, k₀ and p are fitted to the gains measured, weighted by their certainty,
so brands larger than any source brand are reached too.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from models.profiling.match import MatchSpace
from models.progress import Progress

MOST_USERS = 4_096  #: users whose outcomes are looked at, at most
MOST_SUPPORTS = 192  #: asked at one K
FEWEST_BRANDS = 5  #: for a K to be tried
LEAST_SLOPE = 0.1  #: a prior worth less than this is noise: the gain stays finite
PENALTY = 1.0  #: of gains, so that spaces that say the same share it
_HALVES = np.geomspace(0.5, 2_000, 60)  #: tried for k₀
_POWERS = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)  #: tried for p


@dataclass(frozen=True)
class Gains:
    """The fitted curves of V spaces, and the points that they were fitted to."""

    curves: np.ndarray  #: float64 [V, 3]: c, the gain of a perfectly known match, k₀ and p
    supports: np.ndarray  #: float64 [P] the numbers of customers tried
    shrinkage: np.ndarray  #: float64 [P, V] λ chosen for each
    measured: np.ndarray  #: float64 [P, V] the gain at each
    certainty: np.ndarray  #: float64 [P, V] one over its variance

    def gain(self, customers: int) -> np.ndarray:
        """g(K) of every space, float64 [V]."""
        ceiling, half, power = self.curves.T
        return np.asarray(ceiling * (customers / (customers + half)) ** power)

    def shrinkage_of(self, customers: int) -> list[float]:
        """λ(K) of every space: the nearest of the supports tried, on a logarithmic axis."""
        nearest = int(np.abs(np.log(self.supports) - np.log(customers)).argmin())
        return [float(value) for value in self.shrinkage[nearest]]


@dataclass(frozen=True)
class _Asked:
    """Source brands asked with K customers each, and what came of the users at risk."""

    supports: list[np.ndarray]  #: S lists of positions
    background: np.ndarray  #: int64 [N] users whose outcomes are looked at
    free: np.ndarray  #: bool [S, N] who was no customer
    prior: np.ndarray  #: float64 [pairs], centred a brand
    outcome: np.ndarray  #: float64 [pairs]

    def match(self, space: MatchSpace, shrinkage: float) -> np.ndarray:
        """The match of every pair, centred a brand, float64 [pairs]."""
        scores = space.scores(self.supports, shrinkage).cpu().numpy()[:, self.background]
        return _centred(scores, self.free)[self.free].astype(np.float64)


def fit_gains(
    spaces: Sequence[MatchSpace],
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
    """Fit the curves.

    Args:
        spaces: profile vectors at the start of the label window; all have the same background.
        prior: float64 [U] log-odds of users.
        customers: bool [B, U] at the start of the window.
        newcomers: bool [B, U] within it.
        supports: numbers of customers to ask with; those that too few brands have are left out.
        shrinkages: λ to choose from, shares of the total variance.
        draws: supports drawn a brand and K.
        rng: draws them.
        progress: told of every K.
    """
    background = np.flatnonzero(spaces[0].background.cpu().numpy())
    if len(background) > MOST_USERS:
        background = np.sort(rng.choice(background, MOST_USERS, replace=False))
    sizes = customers.sum(1)
    points = []
    tried = [k for k in supports if k == min(supports) or (sizes >= k).sum() >= FEWEST_BRANDS]
    for done, size in enumerate(tried):
        brands = rng.permutation(np.repeat(np.flatnonzero(sizes >= size), draws))[:MOST_SUPPORTS]
        chosen = [rng.choice(np.flatnonzero(customers[brand]), size, replace=False) for brand in brands]
        free = ~customers[np.ix_(brands, background)]
        outcome = (newcomers[np.ix_(brands, background)] & free)[free].astype(np.float64)
        known = _centred(np.broadcast_to(prior[background], free.shape), free)[free]
        asked = _Asked(chosen, background, free, known, outcome)
        points.append(_point(spaces, asked, shrinkages))
        if progress is not None:
            progress("gains", done + 1, len(tried))
    shrinkage, measured, certainty = (np.stack(part) for part in zip(*points, strict=True))
    support = np.asarray(tried, dtype=np.float64)
    order = np.argsort(support)
    curves = [_curve(support, measured[:, v], certainty[:, v]) for v in range(len(spaces))]
    return Gains(np.asarray(curves), support[order], shrinkage[order], measured[order], certainty[order])


def _point(
    spaces: Sequence[MatchSpace], asked: _Asked, shrinkages: tuple[float, ...]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """λ, gain and certainty of every space at one K, float64 [V] each."""
    alone = np.stack([asked.prior, np.ones(len(asked.prior))], axis=1)
    beta, _ = _fitted(alone, asked.outcome, np.zeros(1))
    explains = _ScoreTest(alone, asked.outcome, beta)
    shrinkage, matches = np.zeros(len(spaces)), []
    for v, space in enumerate(spaces):
        tried = [asked.match(space, value) for value in shrinkages]
        best = int(np.argmax([explains(match) for match in tried]))
        shrinkage[v] = shrinkages[best]
        matches.append(tried[best])
    gain, certainty = np.zeros(len(spaces)), np.full(len(spaces), 1e-9)
    useful = list(range(len(spaces)))
    while useful:
        design = np.stack([asked.prior, *(matches[v] for v in useful), np.ones(len(asked.prior))], axis=1)
        penalty = np.array([0.0] + [PENALTY] * len(useful))
        beta, covariance = _fitted(design, asked.outcome, penalty)
        slope, gains = max(float(beta[0]), LEAST_SLOPE), beta[1:-1]
        certainty[useful] = slope**2 / np.diag(covariance)[1:-1]
        if (gains > 0).all():
            gain[useful] = gains / slope
            break
        useful = [v for v, value in zip(useful, gains, strict=True) if value > 0]
    return shrinkage, gain, certainty


class _ScoreTest:
    """How much a further column would explain beside those of a logistic model: one pass, no search.

    Rao's statistic (gradient² over information, both at 0 with the model's own columns projected out), with
    the sign of the gradient: near the gain in twice the log-likelihood.
    """

    def __init__(self, design: np.ndarray, outcome: np.ndarray, beta: np.ndarray) -> None:
        chance = expit(design @ beta)
        self._weight, self._residual = chance * (1 - chance), outcome - chance
        self._weighted = design * self._weight[:, None]
        self._inverse = np.linalg.inv(self._weighted.T @ design + 1e-9 * np.eye(design.shape[1]))

    def __call__(self, column: np.ndarray) -> float:
        shared = self._weighted.T @ column
        information = float((self._weight * column) @ column - shared @ self._inverse @ shared)
        gradient = float(column @ self._residual)
        return gradient * abs(gradient) / max(information, 1e-9)


def _centred(values: np.ndarray, free: np.ndarray) -> np.ndarray:
    """Values [S, N] less each row's mean over its free users: one intercept a brand, to first order."""
    mean = (values * free).sum(1, keepdims=True) / np.maximum(free.sum(1, keepdims=True), 1)
    return values - mean


def _fitted(design: np.ndarray, outcome: np.ndarray, penalty: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Logistic coefficients of `design` [N, P], its last column ones, and their covariance.

    `penalty` is float [P − 1], of all but the last.
    """
    rate = np.clip(outcome.mean(), 1e-6, 1 - 1e-6)
    beta = np.zeros(design.shape[1])
    beta[0], beta[-1] = 1.0, np.log(rate / (1 - rate))
    ridge = np.append(penalty, 0.0)
    for _ in range(15):
        p = expit(design @ beta)
        information = (design * (p * (1 - p))[:, None]).T @ design + np.diag(ridge + 1e-6)
        step = np.clip(np.linalg.solve(information, design.T @ (outcome - p) - ridge * beta), -1, 1)
        beta = beta + step
        if np.abs(step).max() < 1e-4:
            break
    return beta, np.linalg.inv(information)


def _curve(support: np.ndarray, measured: np.ndarray, certainty: np.ndarray) -> tuple[float, float, float]:
    """c, k₀ and p by weighted least squares: c in closed form for each pair of a grid."""
    best = (np.inf, 0.0, 1.0, 0.5)
    for half, power in itertools.product(_HALVES, _POWERS):
        shape = (support / (support + half)) ** power
        ceiling = float((certainty * shape * measured).sum() / (certainty * shape**2).sum())
        error = float((certainty * (measured - ceiling * shape) ** 2).sum())
        if error < best[0]:
            best = (error, ceiling, float(half), power)
    return best[1:]
