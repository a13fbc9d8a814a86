"""What only a simulation knows: how likely an account was to buy a brand for the first time.

Known are the account's rate of baskets, their sizes, its weights of genre, category and brand with seasons,
promotions and births, and its history, on which the chance to choose anew depends. Approximate: weights stand
still within a week; items of one basket do not change the chances of the next ones in it; the search goes on
as for any account, not as for one that has not bought the brand yet; the limits of three baskets a day and of
the largest basket are left out. An account that has left, or has not come, has probability 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simulator.feed.settings import SimulatorSettings
from simulator.feed.users import user_ids
from simulator.shop.baskets import Calendar, intensity
from simulator.shop.choice import STEP_DAYS, BrandChoice
from simulator.shop.customers import Customers
from simulator.shop.shop import SimulatedShop
from warehouse.landing.service_time import DAY_MS, ServiceZone


@dataclass(frozen=True)
class ShopTruth:
    """First purchases in `[as_of, as_of + horizon)` of b brands by all U accounts, simulated."""

    brands: tuple[str, ...]
    user_ids: np.ndarray  #: int64 [U], as in the landing files
    probability: np.ndarray  #: float64 [b, U], true probability of a first purchase; 0 for customers
    customer: np.ndarray  #: bool [b, U], has bought before the as-of date
    newcomer: np.ndarray  #: bool [b, U], buys first within the horizon, in this one play of the world


def shop_truth(
    settings: SimulatorSettings,
    brand: str | Sequence[str],
    as_of: str,
    horizon: int,
    *,
    days: int | None = None,
    first_day: str | None = None,
) -> ShopTruth:
    """Probability and outcome of a first purchase of a brand (or several) by every account.

    The world is played to the horizon's end, also where that lies behind the simulated days; the rows that
    were logged stay the same. The time is that of a simulation of the shop, once for all brands.

    Args:
        settings: of the simulation, with a shop.
        brand: name or names.
        as_of: date (YYYY-MM-DD); what happens on it is in the horizon.
        horizon: days, at least 1.
        days, first_day: as given to `fill`; default the settings'.

    Raises:
        ValueError: an unknown brand, no shop, no horizon, or a date before the shop's second day.
    """
    if settings.shop is None:
        raise ValueError("these settings simulate no shop: give SimulatorSettings(shop=ShopSettings())")
    if horizon < 1:
        raise ValueError(f"horizon is {horizon} days: it must be 1 at least")
    shop = SimulatedShop(settings, days, first_day)
    start = ServiceZone("UTC").day_start_ms(as_of) // DAY_MS - shop.calendar.first_epoch_day
    if start < 1:
        raise ValueError(f"as_of {as_of} lies before the second day of the simulated shop")
    names = (brand,) if isinstance(brand, str) else tuple(brand)
    known = {name: number for number, name in enumerate(shop.catalogue.brands)}
    missing = [name for name in names if name not in known]
    if missing:
        raise ValueError(
            f"brand {missing[0]!r} is not in the simulated shop, which has {min(known)} to {max(known)}"
        )
    numbers = np.array([known[name] for name in names], np.int64)
    shop.extend(Calendar(shop.calendar.first_epoch_day, start + horizon))
    blocks = [_block(shop, shop.people(*bounds), numbers, start) for bounds in shop.blocks()]
    probability, customer, newcomer = (np.concatenate(parts, axis=1) for parts in zip(*blocks, strict=True))
    return ShopTruth(names, user_ids(np.arange(len(shop.accounts))), probability, customer, newcomer)


def _block(
    shop: SimulatedShop, people: Customers, brands: np.ndarray, start: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probability, customers and newcomers of a block of n accounts, [b, n] each."""
    baskets = shop.baskets(people)
    items = shop.choice.draw(people, baskets)
    row, day = baskets.row[items.basket], baskets.day[items.basket]
    category = items.path // shop.shop.types_per_category
    categories = len(shop.catalogue.category_share)
    before = day < start
    history = np.bincount((row * categories + category)[before], minlength=len(people) * categories)
    history = history.reshape(len(people), categories)
    customer = np.zeros((len(brands), len(people)), bool)
    bought = np.zeros_like(customer)
    for position, number in enumerate(brands):
        of_brand = items.brand == number
        customer[position, row[of_brand & before]] = True
        bought[position, row[of_brand & ~before]] = True
    rate = intensity(shop.shop, people, shop.calendar)
    chance = _first_purchase(shop.choice, people, brands, history, rate, start)
    return np.where(customer, 0.0, chance), customer, bought & ~customer


def _first_purchase(
    choice: BrandChoice,
    people: Customers,
    brands: np.ndarray,
    history: np.ndarray,
    rate: np.ndarray,
    start: int,
) -> np.ndarray:
    """Chance that one who never bought a brand buys it from day `start` on, float64 [b, n]."""
    offsets = choice.catalogue.brand_offsets
    home = np.searchsorted(offsets, brands, side="right") - 1
    genres, categories = choice.genre_shares(people), choice.category_shares(people)
    chance = np.empty((len(brands), len(people)))
    for category in np.unique(home):
        genre, within = divmod(int(category), choice.shop.categories_per_genre)
        share = genres[:, :, genre] * categories[:, genre, within, None]
        at_home = home == category
        chance[at_home] = _in_category(
            choice,
            people,
            int(category),
            brands[at_home] - offsets[category],
            history[:, category],
            share,
            rate,
            start,
        )
    return chance


def _in_category(
    choice: BrandChoice,
    people: Customers,
    category: int,
    brands: np.ndarray,
    history: np.ndarray,
    share: np.ndarray,
    rate: np.ndarray,
    start: int,
) -> np.ndarray:
    """`_first_purchase` for brands (positions within the category); `share` is the category's, [n, steps]."""
    days, branded = choice.calendar.days, 1 - choice.shop.unbranded
    hazard = np.zeros((len(brands), len(people)))
    search = _Search(choice, people, history)
    for step in range(start // STEP_DAYS, -(-days // STEP_DAYS)):
        inside = slice(max(start, step * STEP_DAYS), min(days, (step + 1) * STEP_DAYS))
        baskets = rate[:, inside].sum(axis=1)
        anew = search.chance(baskets, share[:, step])
        middle = np.full(len(people), (inside.start + inside.stop - 1) // 2)
        cumulative = choice.brand_shares(people.taste, middle, category)
        liked = np.diff(cumulative, axis=1, prepend=0.0)[:, brands].T
        hazard += baskets * (1 - _no_item(people, share[:, step] * anew * liked * branded))
    return -np.expm1(-hazard)


class _Search:
    """The mean chance to choose anew in a category, week by week, over the items that may have come before.

    The mean of 1 / (a + N), for a > 0 and a number of items N with generating function G, is the integral of
    s^(a − 1) G(s) from 0 to 1, here over v = s^a with Gauss's points. N is Poisson in baskets, whose items
    in the category are a thinned geometric number.
    """

    def __init__(self, choice: BrandChoice, people: Customers, history: np.ndarray) -> None:
        points, weights = np.polynomial.legendre.leggauss(12)
        self._weights = weights / 2
        self._own, self._people = people.novelty, people
        self._begin = choice.shop.explore_items / (choice.shop.explore_items + history)
        power = 1 / (choice.shop.explore_items + history)
        self._miss = 1 - ((1 + points) / 2) ** power[:, None]
        self._exponent = np.zeros((len(people), len(points)))

    def chance(self, baskets: np.ndarray, share: np.ndarray) -> np.ndarray:
        """Mean chance in the middle of a week of so many baskets, their items in the category by `share`."""
        growth = baskets * (1 - _no_item(self._people, share * self._miss.T))
        middle = np.exp(-self._exponent - growth.T / 2) @ self._weights
        self._exponent += growth.T
        return self._own + (1 - self._own) * self._begin * middle


def _no_item(people: Customers, chance: np.ndarray) -> np.ndarray:
    """Probability that no item of a basket, of geometric size, is a hit; each one is by `chance` [..., n]."""
    last = -np.expm1(-1 / people.size)
    return (1 - chance) * last / (1 - (1 - last) * (1 - chance))
