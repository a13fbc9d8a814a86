"""What may come after a day: accounts that are born, purchases that are added, changed and deleted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from models.profiling.data import ProfileData, PurchaseLog
from tests.models.profiling.toy import toy_heatmaps

ROWS = ("user", "day", "at_ms", "brand", "genre", "price", "cancelled")


def sorted_log(names: PurchaseLog, **columns: np.ndarray) -> PurchaseLog:
    """A log of these columns, in order of time, with the names of another."""
    order = np.lexsort((columns["at_ms"], columns["day"]))
    return replace(names, **{name: values[order] for name, values in columns.items()})


def joined(first: PurchaseLog, second: PurchaseLog) -> PurchaseLog:
    """Both, with the names of the second, which are those of the first and perhaps more."""
    columns = {name: np.concatenate([getattr(first, name), getattr(second, name)]) for name in ROWS}
    return sorted_log(second, **columns)


def rows(log: PurchaseLog, chosen: np.ndarray) -> PurchaseLog:
    """Those rows alone."""
    return replace(log, **{name: getattr(log, name)[chosen] for name in ROWS})


def changed_after(
    log: PurchaseLog, day: int, end_day: int, users: int, random: np.random.Generator
) -> PurchaseLog:
    """The same before `day`; from then on to `end_day` purchases are deleted, changed and added.

    `users` are those who may have bought; brands and genres come up that nobody knew.
    """
    names, levels = log.brand_names, log.genre_names
    log = replace(
        log,
        brand_names=(*names, "a new brand"),
        genre_names=((*levels[0], "new"), (*levels[1], "new/one")),
    )
    after = rows(log, np.flatnonzero((log.day >= day) & (random.random(len(log)) < 0.7)))
    count = len(after) + 500
    day_of = random.integers(day, end_day, count)
    deepest = random.integers(0, len(log.genre_names[1]), count)
    top = np.where(deepest == len(levels[1]), len(levels[0]), deepest // 2)
    drawn = sorted_log(
        log,
        user=np.concatenate([after.user, random.integers(0, users, 500)]),
        day=day_of,
        at_ms=(day_of * 24 + random.integers(0, 24, count)) * 3_600_000,
        brand=random.integers(-1, len(names) + 1, count),
        genre=np.stack([top, deepest], 1),
        price=random.lognormal(1, 1, count).astype(np.float32),
        cancelled=random.random(count) < 0.1,
    )
    return joined(rows(log, log.day < day), drawn)


def born(
    log: PurchaseLog,
    day: int,
    end_day: int,
    users: np.ndarray,
    brands: np.ndarray,
    random: np.random.Generator,
) -> PurchaseLog:
    """Eight purchases of `brands` between `day` and `end_day` by each of `users`, who had never bought."""
    user = np.repeat(users, 8)
    day_of = random.integers(day, end_day, len(user))
    deepest = random.integers(0, len(log.genre_names[1]), len(user))
    return sorted_log(
        log,
        user=user,
        day=day_of,
        at_ms=(day_of * 24 + random.integers(0, 24, len(user))) * 3_600_000 + np.arange(len(user)),
        brand=random.choice(brands, len(user)),
        genre=np.stack([deepest // 2, deepest], 1),
        price=random.lognormal(1, 1, len(user)).astype(np.float32),
        cancelled=np.zeros(len(user), bool),
    )


def moved(log: PurchaseLog, places: np.ndarray) -> PurchaseLog:
    """The same purchases by users whose position is now `places[user]`."""
    return replace(log, user=places[log.user])


def data_of(log: PurchaseLog, as_of_day: int, ids: np.ndarray) -> ProfileData:
    """All before a day, heatmaps included; genres end at the last one in use, as they do when read."""
    known = log.before(as_of_day)
    last = known.genre.max(0) + 1
    names = tuple(level[:end] for level, end in zip(known.genre_names, last, strict=True))
    known = replace(known, genre_names=names)
    return ProfileData(as_of_day, ids, (toy_heatmaps(known, as_of_day, len(ids)),), known)
