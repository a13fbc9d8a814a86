"""How active a user is: nineteen columns that know nothing of what was bought, only how much and how widely.

Knowing who is active is most of what a naive audience knows, so it stands by itself: as an opponent, as the
prior of `meta_profile_prior`, and as the quintiles within which every result is also reported.
"""

from __future__ import annotations

import numpy as np

from models.profiling.data import MISSING, PurchaseLog

WINDOWS: tuple[tuple[str, int | None], ...] = (("30d", 30), ("90d", 90), ("ever", None))
_COUNTED = ("items", "spend", "baskets", "categories", "brands", "new_brands")
ACTIVITY_NAMES: tuple[str, ...] = (
    *(f"{name}_{window}" for window, _ in WINDOWS for name in _COUNTED),
    "days_since_last",
)
CATEGORY_LEVEL = 1  #: of the genre path, from 0; the deepest level where a log has fewer


def activity_columns(purchases: PurchaseLog, as_of_day: int, users: int) -> np.ndarray:
    """float64 [U, 19], log1p of `ACTIVITY_NAMES`: counts and sums before the as-of day, and recency in days.

    Cancelled purchases do not count. `new_brands` are brands bought for the first time within the window.
    """
    bought = _columns(purchases.before(as_of_day))
    user, day = bought["user"], bought["day"]
    is_new = _first_of_pair(user, bought["brand"])
    columns = []
    for _, length in WINDOWS:
        inside = day >= as_of_day - length if length is not None else np.ones(len(user), dtype=bool)
        branded = inside & (bought["brand"] != MISSING)
        columns += [
            np.bincount(user[inside], minlength=users),
            np.maximum(np.bincount(user[inside], weights=bought["price"][inside], minlength=users), 0.0),
            distinct_per_user(user[inside], bought["at_ms"][inside], users),
            distinct_per_user(user[inside], bought["category"][inside], users),
            distinct_per_user(user[branded], bought["brand"][branded], users),
            np.bincount(user[branded & is_new], minlength=users),
        ]
    last = np.full(users, as_of_day - 365)
    np.maximum.at(last, user, day)
    columns.append(as_of_day - last)
    return np.log1p(np.stack(columns, axis=1).astype(np.float64))


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


def _columns(purchases: PurchaseLog) -> dict[str, np.ndarray]:
    valid = ~purchases.cancelled
    level = min(CATEGORY_LEVEL, purchases.genre.shape[1] - 1)
    return {
        "user": purchases.user[valid],
        "day": purchases.day[valid],
        "at_ms": purchases.at_ms[valid],
        "brand": purchases.brand[valid],
        "price": purchases.price[valid].astype(np.float64),
        "category": purchases.genre[valid, level],
    }


def distinct_per_user(user: np.ndarray, value: np.ndarray, users: int) -> np.ndarray:
    """How many different values each user has, int64 [users]."""
    return np.bincount(user[_first_of_pair(user, value)], minlength=users)


def _first_of_pair(user: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Whether a row, in order of time, is the first with its (user, value), bool [n]."""
    first = np.zeros(len(user), dtype=bool)
    if len(user):
        order = np.lexsort((value, user))  # stable: rows of a pair stay in order of time
        u, v = user[order], value[order]
        first[order] = np.concatenate([[True], (u[1:] != u[:-1]) | (v[1:] != v[:-1])])
    return first
