"""Habits that purchases alone tell: one number a user, from which usage tasks are cut (spec section 3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

import numpy as np

from models.profiling.activity import distinct_per_user
from models.profiling.data import DAYS, MISSING, ProfileData

HOUR_MS = 3_600_000
Measure = Literal[
    "weekend_share",
    "evening_share",
    "morning_share",
    "assortment",
    "mean_price",
    "basket_size",
    "baskets",
    "cancelled_share",
    "brands_per_purchase",
    "top_genre_share",
]
MIN_PURCHASES = 3  #: a user with fewer in the window has no habits


def usage(data: ProfileData, measure: Measure) -> np.ndarray:
    """float64 [U] of the 365 days before the as-of day; NaN for users with too few purchases.

    | measure | is |
    |---|---|
    | weekend_share | share of purchases on Saturdays and Sundays (local) |
    | evening_share, morning_share | share of heat from 17:00, before 12:00 (local; from the heatmaps) |
    | assortment | different genres of the deepest level, a purchase |
    | mean_price, basket_size, baskets | mean price of a purchase; purchases a basket; baskets |
    | cancelled_share | cancelled ÷ all purchases |
    | brands_per_purchase | different brands ÷ purchases with a brand |
    | top_genre_share | share of the most bought genre of the top level |
    """
    return _Habits(data).of(measure)


class _Habits:
    def __init__(self, data: ProfileData) -> None:
        self.users = len(data)
        self.data = data
        self.all = data.purchases.between(data.as_of_day - DAYS, data.as_of_day)
        valid = ~self.all.cancelled
        self.user, self.day = self.all.user[valid], self.all.day[valid]
        self.at_ms, self.brand = self.all.at_ms[valid], self.all.brand[valid]
        self.genre, self.price = self.all.genre[valid], self.all.price[valid]
        self.bought = self._count(self.user)

    def of(self, measure: Measure) -> np.ndarray:
        values = self._measures()[measure]()
        return np.where(self.bought >= MIN_PURCHASES, values, np.nan)

    def _measures(self) -> dict[Measure, Callable[[], np.ndarray]]:
        return {
            "weekend_share": lambda: self._share((self.day + 3) % 7 >= 5),  # 1970-01-01 was a Thursday
            "evening_share": lambda: self._hours(17, 24),
            "morning_share": lambda: self._hours(0, 12),
            "assortment": lambda: self._per_purchase(self._distinct(self.user, self.genre[:, -1])),
            "mean_price": lambda: self._per_purchase(self._count(self.user, self.price.astype(np.float64))),
            "basket_size": lambda: self.bought / np.maximum(self._distinct(self.user, self.at_ms), 1),
            "baskets": lambda: self._distinct(self.user, self.at_ms),
            "cancelled_share": self._cancelled,
            "brands_per_purchase": self._brands,
            "top_genre_share": self._top_genre,
        }

    def _count(self, user: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
        return np.bincount(user, weights=weights, minlength=self.users).astype(np.float64)

    def _per_purchase(self, total: np.ndarray) -> np.ndarray:
        return total / np.maximum(self.bought, 1)

    def _share(self, rows: np.ndarray) -> np.ndarray:
        return self._per_purchase(self._count(self.user[rows]))

    def _distinct(self, user: np.ndarray, value: np.ndarray) -> np.ndarray:
        return distinct_per_user(user, value, self.users).astype(np.float64)

    def _hours(self, start: int, end: int) -> np.ndarray:
        """The share of non-empty cells of all image modalities whose local hour lies in [start, end)."""
        inside, total = np.zeros(self.users), np.zeros(self.users)
        for heat in self.data.modalities:
            inside_hours = (heat.hour >= start) & (heat.hour < end)
            inside += self._count(heat.rows[inside_hours])
            total += self._count(heat.rows)
        return np.divide(inside, total, out=np.full(self.users, np.nan), where=total > 0)

    def _cancelled(self) -> np.ndarray:
        return self._count(self.all.user[self.all.cancelled]) / np.maximum(self._count(self.all.user), 1)

    def _brands(self) -> np.ndarray:
        branded = self.brand != MISSING
        user = self.user[branded]
        total = self._count(user)
        different = self._distinct(user, self.brand[branded])
        return np.divide(different, total, out=np.full(self.users, np.nan), where=total > 0)

    def _top_genre(self) -> np.ndarray:
        genres = max(len(self.data.purchases.genre_names[0]), 1)
        cell, count = np.unique(self.user * genres + self.genre[:, 0], return_counts=True)
        most = np.zeros(self.users)
        np.maximum.at(most, cell // genres, count)
        return self._per_purchase(most)


assert set(get_args(Measure)) == set(_Habits._measures(object.__new__(_Habits)))
