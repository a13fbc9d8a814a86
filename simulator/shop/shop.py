"""The simulated shop: all rows of any block of its accounts, whichever others are simulated with them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from simulator.feed.settings import SimulatorSettings
from simulator.feed.users import Population, build_population
from simulator.shop.baskets import Baskets, Calendar, draw_baskets
from simulator.shop.catalogue import build_shop_catalogue
from simulator.shop.choice import BrandChoice, ShopItems
from simulator.shop.customers import Customers, customers
from simulator.shop.draws import branch, exponential, uniform
from simulator.shop.labels import SurveyLabels, label
from simulator.shop.points import Points, draw_points
from simulator.shop.settings import ShopSettings
from simulator.shop.surveys import Surveys, draw_surveys
from warehouse.landing.service_time import DAY_MS, HOUR_MS, ServiceZone

BLOCK = 4_096  #: accounts simulated at once: bounds memory, and changes no row
_USER_BITS = 24  # of an account's index; the milliseconds of a hundred years leave them free


@dataclass(frozen=True)
class Purchases:
    """Purchases of a block of accounts and their cancellations, in order of time, then of account."""

    user: np.ndarray  #: int64 [p], index of the account
    at_ms: np.ndarray  #: int64 [p], since the start of the shop's first day
    path: np.ndarray  #: int64 [p]
    brand: np.ndarray  #: int64 [p]
    cents: np.ndarray  #: int64 [p]
    cancelled: np.ndarray  #: bool [p]

    def __len__(self) -> int:
        return len(self.user)


@dataclass(frozen=True)
class Block:
    """All that a block of accounts leaves in the shop's tables."""

    purchases: Purchases
    points: Points
    labels: SurveyLabels
    demographics: Surveys


class SimulatedShop:
    """A shop from `days_before` days before the feed's first day to the end of the feed's days."""

    def __init__(
        self,
        settings: SimulatorSettings,
        days: int | None = None,
        first_day: str | None = None,
        *,
        population: Population | None = None,
    ) -> None:
        self.settings = settings
        self.shop = settings.shop or ShopSettings()
        days = settings.days if days is None else days
        self.accounts = build_population(settings, days) if population is None else population
        feed_day = ServiceZone("UTC").day_start_ms(first_day or settings.first_day) // DAY_MS
        self.catalogue = build_shop_catalogue(settings, self.shop)
        self.extend(Calendar(feed_day - self.shop.days_before, self.shop.days_before + days))

    def extend(self, calendar: Calendar) -> None:
        """Play on to the end of another calendar from the same day on; what came before stays the same."""
        self.calendar = calendar
        self.choice = BrandChoice(self.settings, self.shop, self.catalogue, calendar)

    @property
    def start_ms(self) -> int:
        """Start of the shop's first day, UTC epoch milliseconds."""
        return self.calendar.first_epoch_day * DAY_MS

    def blocks(self, size: int = BLOCK) -> Iterator[tuple[int, int]]:
        """`[start, stop)` of blocks of accounts, in order."""
        for start in range(0, len(self.accounts), size):
            yield start, min(start + size, len(self.accounts))

    def people(self, start: int, stop: int) -> Customers:
        """The accounts `[start, stop)` as customers."""
        return customers(self.settings, self.shop, self.catalogue, self.accounts, start, stop)

    def baskets(self, people: Customers) -> Baskets:
        """All baskets of a block of accounts."""
        return draw_baskets(self.settings.seed, self.shop, people, self.calendar)

    def purchases(self, people: Customers, baskets: Baskets, items: ShopItems) -> Purchases:
        """The items bought, and beside them the cancelled ones once more, later."""
        end_ms = self.calendar.days * DAY_MS
        at = baskets.at_ms[items.basket]
        wait = HOUR_MS + exponential(branch(items.draws, 9)) * self.shop.cancel_days * DAY_MS
        later = at + wait.astype(np.int64) // 1000 * 1000
        taken_back = uniform(branch(items.draws, 8)) < self.shop.cancelled
        back = np.flatnonzero(taken_back & (later < end_ms))
        rows = np.concatenate([np.arange(len(items)), back])
        at_ms = np.concatenate([at, later[back]])
        user = people.start + baskets.row[items.basket[rows]]
        # An account's items stand before its cancellations, so that one key of both orders all.
        order = np.argsort((at_ms << _USER_BITS) + user, kind="stable")
        rows = rows[order]
        return Purchases(
            user=user[order],
            at_ms=at_ms[order],
            path=items.path[rows],
            brand=items.brand[rows],
            cents=items.cents[rows],
            cancelled=order >= len(items),
        )

    def bought(self, start: int, stop: int) -> Purchases:
        """The purchases of the accounts `[start, stop)` alone, as `block` has them."""
        people = self.people(start, stop)
        baskets = self.baskets(people)
        return self.purchases(people, baskets, self.choice.draw(people, baskets))

    def block(self, start: int, stop: int) -> Block:
        """All rows of the accounts `[start, stop)` over all days."""
        seed, days = self.settings.seed, self.calendar.days
        people = self.people(start, stop)
        baskets = self.baskets(people)
        items = self.choice.draw(people, baskets)
        points, campaigns = draw_points(seed, self.shop, people, baskets, items, days)
        surveys = draw_surveys(seed, self.shop, self.accounts, people, days)
        labels = label(self.shop, people, baskets, items, self.choice.promoted, points, campaigns, surveys)
        return Block(self.purchases(people, baskets, items), points, labels, surveys)
