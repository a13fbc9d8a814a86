"""A small simulated shop: users with tastes and activity, brands within genres, habits by the hour."""

from __future__ import annotations

import numpy as np

from models.profiling.data import (
    DAYS,
    MISSING,
    Demographics,
    Labels,
    ProfileData,
    PurchaseLog,
    SparseHeatmaps,
)

AS_OF = 17_440  # a local day


def toy_log(
    users: int = 120, brands: int = 24, genres: int = 6, days: int = 365, per_user: int = 60, seed: int = 0
) -> PurchaseLog:
    """Purchases of the `days` local days that end at `AS_OF` + 60: the last 60 lie after the as-of day."""
    rng = np.random.default_rng(seed)
    activity = rng.lognormal(0.0, 0.7, users)
    taste = rng.dirichlet(np.full(genres, 0.4), users)
    n = rng.poisson(per_user * activity).astype(int)
    user = np.repeat(np.arange(users), n)
    top = (taste[user].cumsum(1) > rng.random(len(user))[:, None]).argmax(1)
    sub = rng.integers(0, 2, len(user))
    brand = top * (brands // genres) + np.minimum(rng.geometric(0.4, len(user)) - 1, brands // genres - 1)
    brand[rng.random(len(user)) < 0.05] = MISSING
    day = AS_OF + 60 - days + rng.integers(0, days, len(user))
    hour = np.clip(rng.normal(14 + 4 * (user % 2), 2, len(user)).astype(int), 0, 23)
    at_ms = (day * 24 + hour) * 3_600_000 + rng.integers(0, 4, len(user)) * 60_000
    order = np.lexsort((at_ms, day))
    names = tuple(f"genre{g}" for g in range(genres))
    return PurchaseLog(
        user=user[order],
        day=day[order],
        at_ms=at_ms[order],
        brand=brand[order],
        genre=np.stack([top, top * 2 + sub], 1)[order],
        price=rng.lognormal(1, 0.6, len(user)).astype(np.float32)[order],
        cancelled=rng.random(len(user)) < 0.02,
        brand_names=tuple(f"brand{b}" for b in range(brands)),
        genre_names=(names, tuple(f"{name}/sub{s}" for name in names for s in range(2))),
    )


def toy_heatmaps(log: PurchaseLog, as_of_day: int, users: int, modality: str = "shopping") -> SparseHeatmaps:
    """Amount by top genre and hour of the 365 days before the as-of day."""
    year = log.between(as_of_day - DAYS, as_of_day)
    channels = len(log.genre_names[0])
    hour = year.at_ms // 3_600_000 % 24
    day = year.day - (as_of_day - DAYS)
    cell = ((year.user * DAYS + day) * 24 + hour) * channels + year.genre[:, 0]
    unique, inverse = np.unique(cell, return_inverse=True)
    value = np.bincount(inverse, weights=year.price, minlength=len(unique))
    user = unique // (DAYS * 24 * channels)
    return SparseHeatmaps(
        modality=modality,
        channels=log.genre_names[0],
        offsets=np.searchsorted(user, np.arange(users + 1)),
        day=unique // (24 * channels) % DAYS,
        hour=unique // channels % 24,
        channel=unique % channels,
        value=value.astype(np.float32),
    )


def toy_data(as_of_day: int = AS_OF, users: int = 120, seed: int = 0, bare: bool = False) -> ProfileData:
    """Data before `as_of_day`; `bare` has purchases only, as another shop's log may."""
    log = toy_log(users=users, seed=seed).before(as_of_day)
    rng = np.random.default_rng(seed + 1)
    shopping = toy_heatmaps(log, as_of_day, users)
    ids = np.asarray([f"u{u:05d}" for u in range(users)])
    if bare:
        return ProfileData(as_of_day, ids, (shopping,), log)
    points = toy_heatmaps(log, as_of_day, users, "points").take(np.arange(users))
    spent = np.bincount(log.user, weights=log.price, minlength=users)
    surveyed = rng.random(users) < 0.5
    age = np.where(surveyed, rng.integers(18, 80, users), np.nan).astype(np.float32)
    home = np.where(surveyed, (spent > np.median(spent)).astype(int), MISSING)
    late = (np.arange(users) % 2).astype(np.float32)
    big = np.where(surveyed, spent > np.median(spent), np.nan).astype(np.float32)
    return ProfileData(
        as_of_day,
        ids,
        (shopping, points),
        log,
        Demographics(age[:, None], ("age",), home[:, None], ("home",), (("rent", "own"),)),
        Labels(("late_shopper", "big_spender"), np.stack([late, big], 1)),
    )
