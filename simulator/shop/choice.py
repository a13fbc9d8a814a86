"""What goes into a basket: a genre, a category, and a brand: one known already, or one chosen anew.

Items of an account in a category form one sequence. The n-th of it is chosen anew with a chance that falls
from 1 (the first) to the account's own `novelty`; otherwise it repeats an earlier one, preferably a recent
one. So a few brands make most of an account's purchases, and each first purchase of a brand is a new choice
whose probability is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from simulator.feed.settings import SimulatorSettings
from simulator.shop.baskets import Baskets, Calendar
from simulator.shop.catalogue import LAUNCH_DAYS, TASTES, ShopCatalogue, promoted
from simulator.shop.customers import Customers
from simulator.shop.draws import branch, normal, uniform
from simulator.shop.settings import ShopSettings

NO_BRAND = -1
STEP_DAYS = 7  #: days through which the weights of the genres stand still
_DISCOUNT = 0.8  # of the price in a promotion
_TYPE_PRICE = 0.3  # log-step of the price from one type of a category to the next
_PRICE_NOISE = 0.08  # σ of the log of a price around its level


@dataclass(frozen=True)
class ShopItems:
    """Items of baskets in order of account, then of time."""

    basket: np.ndarray  #: int64 [i], row of the baskets
    path: np.ndarray  #: int64 [i], position in the catalogue's paths
    brand: np.ndarray  #: int64 [i], position in the catalogue's brands, NO_BRAND without one
    cents: np.ndarray  #: int64 [i], price
    draws: np.ndarray  #: uint64 [i]

    def __len__(self) -> int:
        return len(self.basket)


class BrandChoice:
    """Tastes and the draws made from them, over all days of a shop."""

    def __init__(
        self, settings: SimulatorSettings, shop: ShopSettings, catalogue: ShopCatalogue, calendar: Calendar
    ) -> None:
        self.shop, self.catalogue, self.calendar = shop, catalogue, calendar
        self.promoted = promoted(settings, shop, calendar.days)

    def genre_shares(self, people: Customers) -> np.ndarray:
        """Shares of the genres by account and step of `STEP_DAYS`, float64 [n, steps, G]."""
        middle = np.arange(0, self.calendar.days, STEP_DAYS) + STEP_DAYS // 2
        season = self.catalogue.season(self.calendar.first_epoch_day + middle)
        weights = np.exp(people.genre_weights(middle - self.shop.days_before) + season)
        return weights / weights.sum(axis=-1, keepdims=True)

    def category_shares(self, people: Customers) -> np.ndarray:
        """Shares of a genre's categories by account, float64 [n, G, categories a genre]."""
        taste = np.einsum("nd,cd->nc", people.taste, self.catalogue.category_taste) / np.sqrt(TASTES)
        weights = np.exp(self.catalogue.category_share + self.shop.category_taste * taste)
        weights = weights.reshape(len(people), self.shop.genres, -1)
        return weights / weights.sum(axis=-1, keepdims=True)

    def brand_shares(self, tastes: np.ndarray, day: np.ndarray, category: int) -> np.ndarray:
        """Cumulative shares of a category's brands in choices made anew, float64 [m, brands of the category].

        `tastes` is float64 [m, TASTES], of the accounts; `day` int64 [m].
        """
        brands = slice(*self.catalogue.brand_offsets[category : category + 2])
        liking = np.einsum("md,bd->mb", tastes, self.catalogue.brand_taste[brands])
        weights = np.exp(self.shop.brand_taste * liking / np.sqrt(TASTES)) * self._pull(brands)[day]
        total = np.cumsum(weights, axis=1)
        return total / total[:, -1:]

    def explore_chance(self, people: Customers, row: np.ndarray, before: np.ndarray) -> np.ndarray:
        """Chance that an item is chosen anew after `before` items of its category, float64 [...]."""
        own = people.novelty[row]
        return own + (1 - own) * self.shop.explore_items / (self.shop.explore_items + before)

    def draw(self, people: Customers, baskets: Baskets) -> ShopItems:
        """The items of all baskets of a block of accounts."""
        basket = np.repeat(np.arange(len(baskets)), baskets.items)
        nth = np.arange(len(basket)) - np.repeat(np.cumsum(baskets.items) - baskets.items, baskets.items)
        draws = branch(baskets.draws[basket], 3 + nth)
        row, day = baskets.row[basket], baskets.day[basket]
        genre = _pick(np.cumsum(self.genre_shares(people), axis=-1), (row, day // STEP_DAYS), draws, 0)
        within = _pick(np.cumsum(self.category_shares(people), axis=-1), (row, genre), draws, 1)
        category = genre * self.shop.categories_per_genre + within
        source, fresh = self._sources(people, row, category, draws)
        brand = self._brands(people, row[fresh], day[fresh], category[fresh], draws[fresh])
        kind = (uniform(branch(draws[fresh], 5))[:, None] >= self.catalogue.type_share[:-1]).sum(axis=1)
        choice = np.empty(len(basket), np.int64)
        choice[fresh] = np.arange(len(fresh))
        brand, kind = brand[choice[source]], kind[choice[source]]
        path = category * self.shop.types_per_category + kind
        return ShopItems(basket, path, brand, self._cents(brand, category, kind, day, draws), draws)

    def _pull(self, brands: slice) -> np.ndarray:
        """Popularity of brands day by day, births and promotions included, float64 [W, brands]."""
        age = np.arange(self.calendar.days)[:, None] - self.catalogue.brand_born[brands]
        launch = np.where(np.isfinite(age), self.shop.launch * np.exp(-np.maximum(age, 0) / LAUNCH_DAYS), 0)
        promotion = self.shop.promotion * self.promoted[:, brands]
        return np.where(age >= 0, np.exp(self.catalogue.brand_popularity[brands] + launch + promotion), 0.0)

    def _sources(
        self, people: Customers, row: np.ndarray, category: np.ndarray, draws: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The item that each one repeats, itself if chosen anew, int64 [i]; and the rows of the latter."""
        order = np.argsort(row * (category.max(initial=0) + 1) + category, kind="stable")
        r, c = row[order], category[order]
        starts = np.r_[True, (r[1:] != r[:-1]) | (c[1:] != c[:-1])] if len(r) else np.zeros(0, bool)
        here = np.arange(len(r))
        before = here - np.maximum.accumulate(np.where(starts, here, 0))
        anew = uniform(branch(draws, 2))[order] < self.explore_chance(people, r, before)
        # The square root prefers recent ones: the latest of n is drawn about twice as often as the average.
        back = (before * np.sqrt(uniform(branch(draws, 3))[order])).astype(np.int64)
        pointer = np.where(anew, here, here - before + back)
        while True:
            further = pointer[pointer]
            if (further == pointer).all():
                break
            pointer = further
        source = np.empty_like(order)
        source[order] = order[pointer]
        return source, np.flatnonzero(source == np.arange(len(source)))

    def _brands(
        self, people: Customers, row: np.ndarray, day: np.ndarray, category: np.ndarray, draws: np.ndarray
    ) -> np.ndarray:
        """A brand of its category for every item chosen anew, int64 [m]."""
        brand = np.empty(len(row), np.int64)
        drawn = uniform(branch(draws, 4))
        order = np.argsort(category, kind="stable")
        ends = np.searchsorted(category[order], np.arange(len(self.catalogue.category_share) + 1))
        for number, (low, high) in enumerate(pairwise(ends)):
            items = order[low:high]
            shares = self.brand_shares(people.taste[row[items]], day[items], number)
            within = (drawn[items, None] >= shares[:, :-1]).sum(axis=1)
            brand[items] = self.catalogue.brand_offsets[number] + within
        return np.where(uniform(branch(draws, 6)) < self.shop.unbranded, NO_BRAND, brand)

    def _cents(
        self, brand: np.ndarray, category: np.ndarray, kind: np.ndarray, day: np.ndarray, draws: np.ndarray
    ) -> np.ndarray:
        """Prices, int64 [i]; what has no brand costs as the first brand of its category."""
        known = np.where(brand == NO_BRAND, self.catalogue.brand_offsets[category], brand)
        log = self.catalogue.brand_price[known] + _TYPE_PRICE * kind + _PRICE_NOISE * normal(branch(draws, 7))
        cut = np.where(self.promoted[day, known] & (brand != NO_BRAND), _DISCOUNT, 1.0)
        return np.maximum(np.rint(100 * np.exp(log) * cut).astype(np.int64), 5)


def _pick(table: np.ndarray, at: tuple[np.ndarray, np.ndarray], draws: np.ndarray, child: int) -> np.ndarray:
    """Positions drawn from cumulative shares `table[at]`, int64 [i]."""
    return (uniform(branch(draws, child))[:, None] >= table[at][:, :-1]).sum(axis=1)
