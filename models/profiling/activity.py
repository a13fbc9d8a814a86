"""How active a user is: columns that know nothing of what was bought, only how much, how widely and when.

Knowing who is active is most of what a naive audience knows, so it stands by itself: as an opponent, in the
prior of `meta_profile_prior` (`propensity`), and as the quintiles within which every result is also reported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.profiling.data import MISSING, PurchaseLog
from models.profiling.purchases import first_of_pairs

WINDOWS: tuple[tuple[str, int | None], ...] = (("30d", 30), ("90d", 90), ("ever", None))
COUNTED = ("items", "spend", "baskets", "categories", "brands", "new_brands")
ACTIVITY_NAMES: tuple[str, ...] = (
    *(f"{name}_{window}" for window, _ in WINDOWS for name in COUNTED),
    "days_since_last",
)
NO_DAY = -(2**31)  #: before all days
CATEGORY_LEVEL = 1  #: of the genre path, from 0; the deepest level where a log has fewer


def activity_columns(purchases: PurchaseLog, as_of_day: int, users: int) -> np.ndarray:
    """float64 [U, 19], log1p of `ACTIVITY_NAMES`: counts and sums before the as-of day, and recency in days.

    Cancelled purchases do not count. `new_brands` are brands bought for the first time within the window.
    """
    columns = np.empty((users, len(ACTIVITY_NAMES)))
    for start, stop, block in purchases.before(as_of_day).by_users(users):
        bought = block.rows(np.flatnonzero(~block.cancelled))
        counts = counted(bought, as_of_day, stop - start, [length for _, length in WINDOWS])
        last = np.full(stop - start, as_of_day - 365)
        np.maximum.at(last, bought.user, bought.day)
        columns[start:stop] = np.stack([*counts, as_of_day - last], axis=1)
    return np.log1p(columns, out=columns)


def spend_by_genre(purchases: PurchaseLog, level: int, users: int) -> np.ndarray:
    """log1p of the amount spent, float64 [U, G], by genre of a level (from 0, at most the deepest)."""
    valid = ~purchases.cancelled
    level = min(level, purchases.genre.shape[1] - 1)
    genres = len(purchases.genre_names[level])
    cell = purchases.user[valid] * genres + purchases.genre[valid, level]
    spent = np.bincount(cell, weights=purchases.price[valid], minlength=users * genres)
    return np.log1p(np.maximum(spent, 0.0)).reshape(users, genres)


def activity_quintile(columns: np.ndarray, users: np.ndarray) -> np.ndarray:
    """int64 [U] in 0..4: the fifth of `users` (bool [U]) to which a user's number of items ever belongs."""
    items = columns[:, ACTIVITY_NAMES.index("items_ever")]
    return np.digitize(items, np.quantile(items[users], [0.2, 0.4, 0.6, 0.8]))


def counted(
    bought: PurchaseLog, as_of_day: int, users: int, windows: Sequence[int | None]
) -> list[np.ndarray]:
    """`COUNTED` of each window of so many days before the as-of day (None: all), float64 or int64 [U] each.

    `bought` are purchases before that day, none of them cancelled; a brand is new in a window if it was
    bought in none of them before.
    """
    user, day, price = bought.user, bought.day, bought.price.astype(np.float64)
    baskets = _Pairs.of(user, bought.at_ms, day)
    categories = _Pairs.of(user, bought.genre_at(CATEGORY_LEVEL), day)
    branded = np.flatnonzero(bought.brand != MISSING)
    brands = _Pairs.of(user[branded], bought.brand[branded], day[branded])
    columns: list[np.ndarray] = []
    for length in windows:
        since = NO_DAY if length is None else as_of_day - length
        inside = slice(int(np.searchsorted(day, since)), None)  # rows are in order of time
        columns += [
            np.bincount(user[inside], minlength=users),
            np.maximum(np.bincount(user[inside], weights=price[inside], minlength=users), 0.0),
            np.bincount(baskets.user[baskets.last_day >= since], minlength=users),
            np.bincount(categories.user[categories.last_day >= since], minlength=users),
            np.bincount(brands.user[brands.last_day >= since], minlength=users),
            np.bincount(brands.user[brands.first_day >= since], minlength=users),
        ]
    return columns


@dataclass(frozen=True)
class _Pairs:
    """Different pairs of a user and a value; one lies in a window up to the end if its last day does."""

    user: np.ndarray  #: int64 [P]
    first_day: np.ndarray  #: int [P]
    last_day: np.ndarray  #: int [P]

    @classmethod
    def of(cls, user: np.ndarray, value: np.ndarray, day: np.ndarray) -> _Pairs:
        """From rows in order of time."""
        order, first = first_of_pairs(user, value)
        begins = np.flatnonzero(first)
        ends = np.append(begins[1:], len(order)) - 1 if len(order) else begins
        return cls(user[order[begins]], day[order[begins]], day[order[ends]])


def distinct_per_user(user: np.ndarray, value: np.ndarray, users: int) -> np.ndarray:
    """How many different values each user has, int64 [users]."""
    order, first = first_of_pairs(user, value)
    return np.bincount(user[order[first]], minlength=users)
