"""Accounts as customers: how often they buy, when, and what they like.

The interests are those of the feed, so that what an account reads tells of what it buys.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gamma

import numpy as np

from simulator.feed.habits import CHRONOTYPES
from simulator.feed.settings import SimulatorSettings
from simulator.feed.users import Population
from simulator.shop.catalogue import TASTES, ShopCatalogue
from simulator.shop.draws import Draw, branch, normal, root, uniform
from simulator.shop.settings import ShopSettings

_LONGEST_DRIFT, _SHORTEST_DRIFT = 500.0, 150.0  # days of one swing of activity
_PHASE = 0.381966  # of a turn: what the feed's drift sets between two topics (users.Population.interest)
_LEVEL = 20  # draws of an account that are levels; its tastes lie behind them


@dataclass(frozen=True)
class Customers:
    """The accounts `[start, stop)` of a population as customers, n of them."""

    start: int
    rate: np.ndarray  #: float64 [n], mean baskets a day, 0 for accounts that do not shop
    drift_period: np.ndarray  #: float64 [n], days
    drift_phase: np.ndarray  #: float64 [n]
    weekend: np.ndarray  #: float64 [n], log-gain on Saturdays and Sundays
    chronotype: np.ndarray  #: int64 [n]
    size: np.ndarray  #: float64 [n], mean items of a basket beyond the first
    novelty: np.ndarray  #: float64 [n], chance to choose anew in a well-known category
    joined: np.ndarray  #: float64 [n], first day with the shop
    departed: np.ndarray  #: float64 [n], day after the last one
    genre: np.ndarray  #: float64 [n, G], log weight of the genres, drift aside
    drift_sin: np.ndarray  #: float64 [G], share of the drift in genres that goes with the sine
    drift_cos: np.ndarray  #: float64 [G]
    interest_period: np.ndarray  #: float64 [n], days
    interest_phase: np.ndarray  #: float64 [n]
    taste: np.ndarray  #: float64 [n, TASTES], standard normal

    def __len__(self) -> int:
        return len(self.rate)

    def genre_weights(self, day: np.ndarray) -> np.ndarray:
        """Log weights of the genres on days since the feed's first day, float64 [n, days, G]."""
        angle = 2 * np.pi * day / self.interest_period[:, None] + self.interest_phase[:, None]
        sine, cosine = np.sin(angle)[..., None], np.cos(angle)[..., None]
        return self.genre[:, None] + sine * self.drift_sin + cosine * self.drift_cos


def customers(
    settings: SimulatorSettings,
    shop: ShopSettings,
    catalogue: ShopCatalogue,
    population: Population,
    start: int,
    stop: int,
) -> Customers:
    """The customers among the accounts `[start, stop)`; days count from the shop's first day."""
    rows = slice(start, stop)
    draws = branch(root(settings.seed, Draw.ACCOUNT), np.arange(start, min(stop, len(population))))

    def level(number: int) -> np.ndarray:
        return branch(draws, number)

    spread = settings.population.activity_spread
    feed = (np.log(population.activity[rows]) + spread**2 / 2) / max(spread, 1e-9)
    mixed = shop.activity_like_feed
    activity = mixed * feed + np.sqrt(1 - mixed**2) * normal(level(0))
    rate = _weibull(activity, shop.activity_spread) * shop.baskets_per_year / 365
    begins = uniform(level(1)) < shop.joined_share
    before = np.where(begins, uniform(level(2)) * shop.days_before, 0.0)
    interests = population.interests[rows].astype(np.float64)
    share = shop.taste_from_interests
    own = normal(branch(draws[:, None], _LEVEL + np.arange(TASTES)))
    # einsum sums in one order whatever the number of accounts; a matrix product's order may depend on it.
    taste = np.sqrt(share) * np.einsum("nk,kd->nd", interests, catalogue.interest_taste)
    turn = 2 * np.pi * _PHASE * np.arange(settings.news.topics)
    drift = settings.population.drift
    return Customers(
        start=start,
        rate=np.where(uniform(level(3)) < shop.account_share, rate, 0.0),
        drift_period=_SHORTEST_DRIFT + (_LONGEST_DRIFT - _SHORTEST_DRIFT) * uniform(level(4)),
        drift_phase=2 * np.pi * uniform(level(5)),
        weekend=0.5 * shop.habit * normal(level(6)),
        chronotype=(uniform(level(7)) * CHRONOTYPES).astype(np.int64),
        size=_beyond_first(shop) * np.exp(shop.basket_spread * normal(level(8)) - shop.basket_spread**2 / 2),
        novelty=np.minimum(shop.explore * np.exp(shop.novelty_spread * normal(level(9))), 1.0),
        joined=np.maximum(before, population.arrived[rows] / 24 + shop.days_before),
        departed=population.departed[rows] / 24 + shop.days_before,
        genre=catalogue.genre_share + np.einsum("nk,kg->ng", interests, catalogue.genre_interest),
        drift_sin=drift * np.einsum("k,kg->g", np.cos(turn), catalogue.genre_interest),
        drift_cos=drift * np.einsum("k,kg->g", np.sin(turn), catalogue.genre_interest),
        interest_period=population.drift_period[rows].astype(np.float64) / 24,
        interest_phase=population.drift_phase[rows].astype(np.float64),
        taste=taste + np.sqrt(1 - share) * own,
    )


def _weibull(normal_draws: np.ndarray, power: float) -> np.ndarray:
    """Standard normals as draws of mean 1 from a power of the exponential distribution.

    log(1 + exp(1.702 z)) is close to exponential, since 1 / (1 + exp(−1.702 z)) is close to the normal
    distribution function (within 0.01).
    """
    return np.log1p(np.exp(1.702 * normal_draws)) ** power / gamma(1 + power)


def _beyond_first(shop: ShopSettings) -> float:
    """Mean of the exponential whose whole part is, on average, what a basket has beyond its first item.

    The whole part of an exponential of mean m has mean 1 / (exp(1/m) − 1).
    """
    return 1 / np.log1p(1 / (shop.items_per_basket - 1))
