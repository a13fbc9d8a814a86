"""What the shop sells: genres, categories and types, the brands at home in them, seasons and promotions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.feed.randomness import Stream, stream
from simulator.feed.settings import SimulatorSettings
from simulator.shop.draws import Draw, branch, root, uniform
from simulator.shop.settings import ShopSettings

TASTES = 8  #: dimensions of the tastes of accounts, categories and brands
LAUNCH_DAYS = 45.0  #: time constant with which the gain of a new brand goes
YEAR = 365.25
_TYPE_SHARE = 0.45  # of what a type leaves to the next ones of its category


@dataclass(frozen=True)
class ShopCatalogue:
    """G genres, C categories by genre, T types by category, B brands by category."""

    genre_share: np.ndarray  #: float64 [G], log
    genre_interest: np.ndarray  #: float64 [K, G], what an interest of 1 adds to a genre's log share
    season_size: np.ndarray  #: float64 [G], amplitude of the yearly swing, in logs
    season_peak: np.ndarray  #: float64 [G], day of the year of its top
    interest_taste: np.ndarray  #: float64 [K, TASTES], what an interest of 1 adds
    category_share: np.ndarray  #: float64 [C], log, within the genre
    category_taste: np.ndarray  #: float64 [C, TASTES]
    type_share: np.ndarray  #: float64 [types a category], cumulative
    paths: tuple[str, ...]  #: [T] `genre/category/type`
    brands: tuple[str, ...]  #: [B] names, which tell nothing of the brand
    brand_offsets: np.ndarray  #: int64 [C + 1], brands of a category
    brand_popularity: np.ndarray  #: float64 [B], log, within the category
    brand_taste: np.ndarray  #: float64 [B, TASTES]
    brand_born: np.ndarray  #: float64 [B], day since the shop's first day; −inf for brands older than that
    brand_price: np.ndarray  #: float64 [B], log of the price level

    def season(self, epoch_day: np.ndarray) -> np.ndarray:
        """What the time of the year adds to the genres' log shares, float64 [..., G]."""
        angle = 2 * np.pi * (epoch_day[..., None] - self.season_peak) / YEAR
        return self.season_size * np.cos(angle)


def build_shop_catalogue(settings: SimulatorSettings, shop: ShopSettings) -> ShopCatalogue:
    """The catalogue of a seed; brands born late are born within `days_before` (28 days at least)."""
    rng = stream(settings.seed, Stream.SHOP)
    topics, genres = settings.news.topics, shop.genres
    categories = genres * shop.categories_per_genre
    sizes = _brands_by_category(rng, shop.brands, categories)
    rank = np.concatenate([np.arange(1, size + 1) for size in sizes])
    born = np.full(shop.brands, -np.inf)
    # The first brand of a category is never a late one, so that there is always one to buy.
    later = np.flatnonzero(rank > 1)
    count = min(round(shop.born_share * shop.brands), len(later))
    fresh = rng.choice(later, count, replace=False)
    born[fresh] = np.floor(rng.uniform(0, max(shop.days_before, 28), count))
    price = rng.normal(0.7, 0.5, genres).repeat(shop.categories_per_genre).repeat(sizes)
    width = len(str(shop.brands))
    return ShopCatalogue(
        genre_share=-shop.genre_skew * np.log(np.arange(1, genres + 1)),
        genre_interest=shop.interest * rng.standard_normal((topics, genres)) / np.sqrt(topics),
        season_size=shop.season * np.abs(rng.standard_normal(genres)),
        season_peak=rng.uniform(0, YEAR, genres),
        interest_taste=rng.standard_normal((topics, TASTES)) / np.sqrt(topics),
        category_share=rng.normal(0, 0.7, categories),
        category_taste=rng.standard_normal((categories, TASTES)),
        type_share=np.cumsum(_shares(shop.types_per_category)),
        paths=_paths(shop),
        brands=tuple(f"brand_{number:0{width}d}" for number in rng.permutation(shop.brands)),
        brand_offsets=np.concatenate([[0], np.cumsum(sizes)]),
        brand_popularity=-shop.brand_skew * np.log(rank) + rng.normal(0, 0.2, shop.brands),
        brand_taste=rng.standard_normal((shop.brands, TASTES)),
        brand_born=born,
        brand_price=price + shop.price_spread * rng.standard_normal(shop.brands),
    )


def promoted(settings: SimulatorSettings, shop: ShopSettings, days: int) -> np.ndarray:
    """Whether a brand is in promotion on a day, bool [days, B]: whole weeks, drawn week by week."""
    weeks = branch(root(settings.seed, Draw.PROMOTION), np.arange(-(-days // 7)))
    drawn = uniform(branch(weeks[:, None], np.arange(shop.brands))) < shop.promotion_share
    return drawn.repeat(7, axis=0)[:days]


def _brands_by_category(rng: np.random.Generator, brands: int, categories: int) -> np.ndarray:
    """int64 [categories]: one brand each if there are enough, the rest unevenly."""
    sizes = np.ones(categories, np.int64)
    if brands < categories:
        raise ValueError(
            f"shop.brands is {brands} for {categories} categories: give every category a brand, "
            "or lower shop.genres or shop.categories_per_genre"
        )
    share = rng.lognormal(0, 0.8, categories)
    return sizes + rng.multinomial(brands - categories, share / share.sum())


def _shares(count: int) -> np.ndarray:
    share = _TYPE_SHARE ** np.arange(count)
    return share / share.sum()


def _paths(shop: ShopSettings) -> tuple[str, ...]:
    return tuple(
        f"genre_{genre:02d}/category_{genre:02d}_{category}/type_{genre:02d}_{category}_{kind}"
        for genre in range(shop.genres)
        for category in range(shop.categories_per_genre)
        for kind in range(shop.types_per_category)
    )
