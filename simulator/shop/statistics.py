"""Figures of a year of purchases, real or simulated: how much, how widely, how faithfully."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from simulator.calibration import auc
from warehouse.landing.service_time import DAY_MS, HOUR_MS

AS_OF, YEAR = 273, 365  #: days since the log's first; newcomers are those of the last quarter
_CUSTOMERS = (0.04, 0.49)  # of the accounts: what makes a brand mid-size
_NEWCOMERS = 0.024  # of the accounts, at least
_IN_A_FIFTH = 4  # newcomers, at least, of a fifth of the accounts that counts


@dataclass(frozen=True)
class ShopLog:
    """A year's purchases without the cancellations, in order of account, then of time."""

    user: np.ndarray  #: int64 [n], 0 to U − 1, all of which buy something
    at_ms: np.ndarray  #: int64 [n], since the first day's start
    brand: np.ndarray  #: int64 [n], negative without one
    category: np.ndarray  #: int64 [n], second level of the genre
    genre: np.ndarray  #: int64 [n], first level
    price: np.ndarray  #: float64 [n]

    @classmethod
    def of(cls, user: np.ndarray, at_ms: np.ndarray, *others: np.ndarray) -> ShopLog:
        """From columns in any order (brand, category, genre and price follow); accounts are numbered anew."""
        user = np.unique(user, return_inverse=True)[1]
        order = np.lexsort((at_ms, user))
        return cls(user[order], at_ms[order], *(column[order] for column in others))

    @cached_property
    def users(self) -> int:
        """U."""
        return int(self.user[-1]) + 1

    @cached_property
    def day(self) -> np.ndarray:
        """Days since the first, int64 [n]."""
        return self.at_ms // DAY_MS

    @cached_property
    def basket(self) -> np.ndarray:
        """Number of the basket of each row, int64 [n]: one account at one instant."""
        return np.r_[0, np.cumsum((np.diff(self.user) != 0) | (np.diff(self.at_ms) != 0))]

    @cached_property
    def pairs(self) -> Pairs:
        """Accounts and the brands that they bought."""
        branded = self.brand >= 0
        user, brand, day, basket = (
            column[branded] for column in (self.user, self.brand, self.day, self.basket)
        )
        brands = int(brand.max()) + 1
        pair, first = np.unique(user * brands + brand, return_index=True)
        visits = np.unique(np.stack([user * brands + brand, basket]), axis=1)[0]
        baskets = np.unique(visits, return_counts=True)[1]
        return Pairs(pair // brands, pair % brands, day[first], baskets, np.bincount(day, minlength=YEAR))

    def by_user(self, column: np.ndarray, rows: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Sum of weights by account and value of a column, float64 [U, values]."""
        values = int(column.max()) + 1
        cell = self.user[rows] * values + column[rows]
        return np.bincount(cell, weights[rows], self.users * values).reshape(self.users, values)


@dataclass(frozen=True)
class Pairs:
    """Accounts and brands, one row a pair, in order of account."""

    user: np.ndarray  #: int64 [p]
    brand: np.ndarray  #: int64 [p]
    first_day: np.ndarray  #: int64 [p]
    baskets: np.ndarray  #: int64 [p], with the brand in them
    rows_by_day: np.ndarray  #: int64 [days], branded rows


def gini(amounts: np.ndarray) -> float:
    """Gini's coefficient: 0 where all have the same, 1 where one has all."""
    ordered, count = np.sort(amounts), len(amounts)
    return float((2 * np.arange(1, count + 1) - count - 1) @ ordered / (count * ordered.sum()))


def items_by_basket(log: ShopLog) -> np.ndarray:
    """Items of every basket, int64 [b]."""
    return np.bincount(log.basket)


def baskets_by_account(log: ShopLog) -> np.ndarray:
    """Baskets of every account, int64 [U]."""
    return np.bincount(log.user[np.r_[True, np.diff(log.basket) > 0]], minlength=log.users)


def likeness_of_halves(log: ShopLog) -> float:
    """Correlation over accounts of log1p of their items in the first and in the second half of the year."""
    late = (log.day >= YEAR // 2).astype(np.int64)
    counts = log.by_user(late, np.arange(len(late)), np.ones(len(late)))
    return float(np.corrcoef(np.log1p(counts.T))[0, 1])


def heat_cells(log: ShopLog) -> float:
    """Mean number of an account's cells (day, hour, genre) with a purchase."""
    genres = int(log.genre.max()) + 1
    cell = (log.user * (2 * YEAR * 24) + log.at_ms // HOUR_MS) * genres + log.genre
    return len(np.unique(cell)) / log.users


def categories_bought(log: ShopLog) -> float:
    """Share of all categories that an account buys of, mean."""
    everything = np.arange(len(log.user))
    bought = log.by_user(log.category, everything, np.ones(len(everything))) > 0
    return float(bought[:, bought.any(axis=0)].mean())


def share_of_customers(log: ShopLog, quantiles: tuple[float, ...]) -> np.ndarray:
    """Quantiles over brands of the share of accounts that bought them."""
    buyers = np.bincount(log.pairs.brand)
    return np.quantile(buyers[buyers > 0] / log.users, quantiles)


def first_purchases_by_quarter(log: ShopLog) -> np.ndarray:
    """Share of a quarter's branded rows that are the account's first of the brand, float64 [4]."""
    first = np.bincount(log.pairs.first_day, minlength=YEAR)[:YEAR]
    quarter = np.minimum(np.arange(YEAR) * 4 // YEAR, 3)
    return np.bincount(quarter, first) / np.bincount(quarter, log.pairs.rows_by_day[:YEAR])


def loyalty(log: ShopLog, items: int = 5) -> float:
    """Mean share of an account's rows of a category that its first brand has, of `items` rows or more."""
    branded = log.brand >= 0
    user, category, brand = log.user[branded], log.category[branded], log.brand[branded]
    home = user * (int(category.max()) + 1) + category
    triple, count = np.unique(home * (int(brand.max()) + 1) + brand, return_counts=True)
    starts = np.unique(triple // (int(brand.max()) + 1), return_index=True)[1]
    total, most = np.add.reduceat(count, starts), np.maximum.reduceat(count, starts)
    return float((most / total)[total >= items].mean())


@dataclass(frozen=True)
class Newcomers:
    """How well a score finds the first customers of mid-size brands, mean over the brands."""

    brands: int
    activity: float  #: AUROC of the number of items before the as-of day
    cosine: float  #: AUROC of the likeness to the customers' standardised spend by category
    cosine_in_fifths: float  #: the same, mean over fifths of accounts by activity


def mid_size_brands(log: ShopLog) -> np.ndarray:
    """Brands with many customers before the as-of day, and newcomers enough, int64 [b]."""
    pairs = log.pairs
    late = pairs.first_day >= AS_OF
    customers, new = (
        np.bincount(pairs.brand[rows], minlength=pairs.brand.max() + 1) for rows in (~late, late)
    )
    low, high = (share * log.users for share in _CUSTOMERS)
    return np.flatnonzero((customers >= low) & (customers <= high) & (new >= _NEWCOMERS * log.users))


def newcomers(log: ShopLog) -> Newcomers:
    """First purchases of the last quarter among those who had not bought the brand before."""
    before = np.flatnonzero(log.day < AS_OF)
    activity = np.bincount(log.user[before], minlength=log.users)
    spend = np.log1p(log.by_user(log.category, before, log.price))
    spend = (spend - spend.mean(axis=0)) / np.maximum(spend.std(axis=0), 1e-9)
    spend /= np.maximum(np.linalg.norm(spend, axis=1, keepdims=True), 1e-9)
    fifth = np.digitize(activity, np.quantile(activity, (0.2, 0.4, 0.6, 0.8)))
    areas = []
    for brand in mid_size_brands(log):
        buys = log.pairs.brand == brand
        late = log.pairs.first_day >= AS_OF
        customers = log.pairs.user[buys & ~late]
        new = np.zeros(log.users, bool)
        new[log.pairs.user[buys & late]] = True
        others = np.ones(log.users, bool)
        others[customers] = False
        likeness = spend @ spend[customers].mean(axis=0)
        within = [
            auc(likeness[part], new[part])
            for part in (others & (fifth == number) for number in range(5))
            if new[part].sum() >= _IN_A_FIFTH
        ]
        whole = (auc(activity[others], new[others]), auc(likeness[others], new[others]))
        areas.append((*whole, np.mean(within) if within else np.nan))
    return Newcomers(len(areas), *(float(area) for area in np.nanmean(np.array(areas), axis=0)))
