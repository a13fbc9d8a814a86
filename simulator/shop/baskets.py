"""When an account buys, and how much at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.feed.habits import CHRONOTYPES
from simulator.shop.customers import Customers
from simulator.shop.draws import Draw, branch, exponential, root, uniform
from simulator.shop.settings import ShopSettings
from warehouse.landing.service_time import DAY_MS, HOUR_MS

MOST_ITEMS = 160  #: of one basket
_MOST_A_DAY = 3  # baskets of an account
#: share of a day's baskets by hour and gain by weekday (from Monday), in the shape of a supermarket's
_HOURS = np.array(
    [
        *(0.007, 0.003, 0.002, 0.002, 0.001, 0.001, 0.003, 0.007, 0.013, 0.025, 0.044, 0.063),
        *(0.073, 0.076, 0.078, 0.082, 0.093, 0.105, 0.099, 0.081, 0.063, 0.043, 0.025, 0.011),
    ]
)
_WEEKDAYS = np.array([0.98, 0.90, 0.87, 0.86, 0.94, 1.17, 1.28])
_SATURDAY = 5


@dataclass(frozen=True)
class Baskets:
    """Baskets of a block of accounts, in order of account, then of time."""

    row: np.ndarray  #: int64 [b], position of the account in the block
    day: np.ndarray  #: int64 [b], since the shop's first day
    at_ms: np.ndarray  #: int64 [b], since the start of the shop's first day
    items: np.ndarray  #: int64 [b], from 1
    draws: np.ndarray  #: uint64 [b]

    def __len__(self) -> int:
        return len(self.row)


@dataclass(frozen=True)
class Calendar:
    """The days of a shop, W of them."""

    first_epoch_day: int  #: its first day, since 1970-01-01
    days: int  #: W

    @property
    def epoch_days(self) -> np.ndarray:
        """Days since 1970-01-01, int64 [W]."""
        return self.first_epoch_day + np.arange(self.days)

    @property
    def weekday(self) -> np.ndarray:
        """int64 [W], 0 is Monday."""
        return (self.epoch_days + 3) % 7

    def payday(self) -> np.ndarray:
        """Whether a day is one of the two from the 25th or the 1st on, bool [W]."""
        dates = self.epoch_days.astype("datetime64[D]")
        of_month = (dates - dates.astype("datetime64[M]")).astype(np.int64)
        return np.isin(of_month, (0, 1, 24, 25))


def intensity(shop: ShopSettings, people: Customers, calendar: Calendar) -> np.ndarray:
    """Mean number of baskets of every account on every day, float64 [n, W]."""
    day = np.arange(calendar.days)
    common = np.log(_WEEKDAYS)[calendar.weekday] + np.log(shop.payday) * calendar.payday()
    log = shop.activity_drift * np.sin(
        2 * np.pi * day / people.drift_period[:, None] + people.drift_phase[:, None]
    )
    log += common
    log += people.weekend[:, None] * np.where(calendar.weekday >= _SATURDAY, 1.0, -0.4)
    rate = people.rate[:, None] * np.exp(log)
    rate[(day < people.joined[:, None]) | (day >= people.departed[:, None])] = 0.0
    return rate


def draw_baskets(seed: int, shop: ShopSettings, people: Customers, calendar: Calendar) -> Baskets:
    """All baskets of a block of accounts: at most three a day, Poisson below that."""
    accounts = branch(root(seed, Draw.BASKET), people.start + np.arange(len(people)))
    draws = branch(accounts[:, None], np.arange(calendar.days))
    rate = intensity(shop, people, calendar)
    drawn, none = uniform(draws), np.exp(-rate)
    row, day = np.nonzero(drawn >= none)
    rate, drawn, none = rate[row, day], drawn[row, day], none[row, day]
    number = 1 + (drawn >= none * (1 + rate)) + (drawn >= none * (1 + rate + rate**2 / 2)).astype(np.int64)
    number = np.minimum(number, _MOST_A_DAY)
    source = np.repeat(np.arange(len(row)), number)
    nth = np.arange(len(source)) - np.repeat(np.cumsum(number) - number, number)
    row, day = row[source], day[source]
    draws = branch(draws[row, day], nth)

    table = _hour_table(shop.habit)[people.chronotype[row], (calendar.weekday[day] >= _SATURDAY).astype(int)]
    hour = (uniform(branch(draws, 0))[:, None] >= table[:, :-1]).sum(axis=1)
    within = (uniform(branch(draws, 1)) * HOUR_MS).astype(np.int64) // 1000 * 1000
    at_ms = day * DAY_MS + hour * HOUR_MS + within
    size = exponential(branch(draws, 2)) * people.size[row]
    items = np.minimum(1 + size.astype(np.int64), MOST_ITEMS)
    order = np.argsort(row * (calendar.days * DAY_MS) + at_ms, kind="stable")
    return Baskets(row[order], day[order], at_ms[order], items[order], draws[order])


def _hour_table(habit: float) -> np.ndarray:
    """Cumulative share of the hours, float64 [CHRONOTYPES, 2, 24]: by weekday or weekend."""
    hour = np.arange(24)
    peaks = np.array([10.0, 15.0, 19.0])[:CHRONOTYPES, None]
    tilt = np.exp(2 * habit * (np.cos(2 * np.pi * (hour - peaks) / 24) - 0.5))
    weekend = np.exp(-0.5 * np.cos(2 * np.pi * (hour - 1) / 24))
    share = _HOURS * np.stack([tilt, tilt * weekend], axis=1)
    return np.cumsum(share / share.sum(axis=-1, keepdims=True), axis=-1)
