"""Simulated years of a shop, by day: closed a day a week and on holidays, with a season before Christmas."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

DAY_MS = 86_400_000


@dataclass(frozen=True)
class Shop:
    """What a simulated shop is like; rates are rows a day, times hours of the day."""

    rows: int = 600  #: of a usual open day
    closed: tuple[int, ...] = (6,)  #: weekdays, Monday is 0
    season: float = 3.0  #: times as many rows in the days before Christmas
    last_days: float = 1.0  #: of those, in the last three days before it
    january: float = 0.5  #: of the usual rows
    spread: float = 0.12  #: of the logarithm of a day's rows from day to day
    order: float = 3.0  #: mean rows of an order
    hours: tuple[int, int] = (8, 20)
    price: float = 3.0  #: median
    customers: int = 800


RETAIL = Shop()
WHOLESALE = Shop(
    rows=900, closed=(5,), season=1.6, last_days=0.15, january=0.7, spread=0.25, order=20.0, hours=(7, 18)
)
SMALL = Shop(rows=120, closed=(6, 0), season=4.0, spread=0.3, order=2.0, hours=(10, 18), customers=200)
BUSY = Shop(closed=())


def volumes(shop: Shop, first: str, last: str, seed: int = 0) -> pd.Series:
    """Rows of each open day, index day key: week, season, Easter and eleven days at the turn of the year."""
    days = pd.date_range(first, last)
    rng = np.random.default_rng([seed, 1])
    week = np.array([1.0, 0.9, 0.95, 1.1, 1.3, 1.5, 0.8])[days.weekday]
    year_day = days.dayofyear.to_numpy()
    christmas = np.where(days.month == 12, days.day - 24, np.where(days.month == 11, days.day - 54, -99))
    ramp = np.where((christmas <= 0) & (christmas > -45), shop.season ** (1 + christmas / 45), 1.0)
    ramp = np.where((christmas < 0) & (christmas >= -3), ramp * shop.last_days, ramp)
    ramp = np.where(year_day < 32, shop.january, ramp)
    expected = shop.rows * week * ramp * np.exp(rng.normal(0, shop.spread, len(days)))
    closed = np.isin(days.weekday, shop.closed)
    if shop.closed:
        turn = ((days.month == 12) & (days.day >= 24)) | ((days.month == 1) & (days.day <= 3))
        easter = (days.month == 4) & (days.day >= 22) & (days.day <= 25)
        closed |= turn | easter | ((days.month == 5) & (days.day == 1))
    orders = np.maximum(rng.poisson(expected / shop.order), 1)
    rows = np.array([rng.geometric(1 / shop.order, count).sum() for count in orders])
    return pd.Series(rows, days.strftime("%Y-%m-%d"), name="rows")[~closed]


def day_rows(shop: Shop, day: str, rows: int, seed: int = 0) -> pd.DataFrame:
    """The purchases of one day, in order of time; rows of an order have one user and one time."""
    start = int(pd.Timestamp(day, tz="UTC").timestamp() * 1000)
    rng = np.random.default_rng([seed, start // DAY_MS])
    order = np.cumsum(rng.random(rows) < 1 / shop.order)
    length = (shop.hours[1] - shop.hours[0]) * 3_600_000
    moments = np.sort(rng.integers(0, length, order[-1] + 1 if rows else 0)) + shop.hours[0] * 3_600_000
    users = rng.integers(0, shop.customers, len(moments))
    thing = np.minimum(rng.zipf(1.3, rows), 400)
    return pd.DataFrame(
        {
            "user_id": users[order],
            "purchased_at": pd.to_datetime(start + moments[order], unit="ms", utc=True),
            "price": np.round(shop.price * np.exp(np.sin(thing) + rng.normal(0, 0.1, rows)), 2),
            "genre": [f"g{number % 20}/t{number}" for number in thing],
            "brand": [f"b{number % 60}" for number in thing],
            "cancelled": False,
        }
    )


def put(landing: Path, day: str, frame: pd.DataFrame, name: str = "till.parquet") -> None:
    """A file of a day's purchases in the landing folder."""
    folder = landing / "purchases" / f"date={day}"
    folder.mkdir(parents=True, exist_ok=True)
    frame.to_parquet(folder / name, index=False)


def put_year(landing: Path, shop: Shop, first: str, last: str, seed: int = 0) -> pd.Series:
    """A landing folder with the files of every open day; returns their rows."""
    made = volumes(shop, first, last, seed)
    for day, rows in made.items():
        put(landing, str(day), day_rows(shop, str(day), int(rows), seed))
    return made
