"""The simulated shop's figures beside those of Complete Journey, each with its band.

The real figures are those of its 2,469 households in 2017 (the package says itself that it is simulated and
educational; brands are its manufacturers, genres its departments, categories its product categories). They
are compared with `ShopSettings.groceries()`, whose baskets are as many and as full. Figures that two shops of
a kind may well differ in have no band.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from simulator.calibration import ANYTHING, BandedFigure, about, auc, between, times
from simulator.feed.settings import PopulationSettings, SimulatorSettings
from simulator.shop import statistics
from simulator.shop.settings import ShopSettings
from simulator.shop.shop import SimulatedShop
from simulator.shop.statistics import ShopLog
from simulator.shop.truth import shop_truth
from warehouse.landing.progress import Progress
from warehouse.landing.service_time import DAY_MS, ServiceZone

HOUSEHOLDS = 2_469  #: of Complete Journey


def check_shop(seed: int = 7, *, progress: Progress | None = None) -> list[BandedFigure]:
    """Simulate a year of groceries in memory (nothing is written) and return all figures."""
    log = simulated_shop_log(seed, ShopSettings.groceries(), progress=progress)
    rows = [*shop_figures(log), _best(seed, log)]
    usual = simulated_shop_log(seed, ShopSettings(), progress=progress)
    cells = statistics.heat_cells(usual)
    return [*rows, times("heat cells an account, default shop", 134, 2, cells, "same order")]


def simulated_shop_log(
    seed: int, shop: ShopSettings, users: int = HOUSEHOLDS, *, progress: Progress | None = None
) -> ShopLog:
    """The purchases of a year before the feed's first day."""
    played = SimulatedShop(_settings(seed, shop, users))
    parts = []
    for start, stop in played.blocks():
        parts.append(played.block(start, stop).purchases)
        if progress:
            progress("simulated shoppers", stop, users)
    counted = [~part.cancelled & (part.at_ms < statistics.YEAR * DAY_MS) for part in parts]

    def column(name: str) -> np.ndarray:
        return np.concatenate([getattr(part, name)[rows] for part, rows in zip(parts, counted, strict=True)])

    category = column("path") // shop.types_per_category
    genre = category // shop.categories_per_genre
    return ShopLog.of(
        column("user"), column("at_ms"), column("brand"), category, genre, column("cents") / 100
    )


def _settings(seed: int, shop: ShopSettings, users: int) -> SimulatorSettings:
    return SimulatorSettings(seed=seed, days=1, shop=shop, population=PopulationSettings(users=users))


def _best(seed: int, log: ShopLog) -> BandedFigure:
    """AUROC of the true probability, mean over every tenth mid-size brand: nothing can do better."""
    settings = _settings(seed, ShopSettings.groceries(), HOUSEHOLDS)
    shop = SimulatedShop(settings)
    brands = [shop.catalogue.brands[brand] for brand in statistics.mid_size_brands(log)[::10]]
    as_of = ServiceZone("UTC").day_key(shop.start_ms + statistics.AS_OF * DAY_MS)
    truth = shop_truth(settings, brands, as_of, statistics.YEAR - statistics.AS_OF)
    areas = [
        auc(chance[~customer], new[~customer])
        for chance, customer, new in zip(truth.probability, truth.customer, truth.newcomer, strict=True)
    ]
    return BandedFigure(
        "AUROC of the true probability", "–", 0.5, 1.0, float(np.mean(areas)), "unknown of a real log"
    )


def shop_figures(log: ShopLog) -> list[BandedFigure]:
    """All figures of a year's log."""
    return [figure for part in (_baskets, _breadth, _brands, _newcomers) for figure in part(log)]


def _baskets(log: ShopLog) -> Iterator[BandedFigure]:
    items, baskets = statistics.items_by_basket(log), statistics.baskets_by_account(log)
    yield about("items a basket, mean", 9.41, 0.1, items.mean(), "by its setting")
    yield about("items a basket, p90", 24, 0.25, np.quantile(items, 0.9))
    yield about("baskets an account, mean", 63.0, 0.1, baskets.mean(), "by its setting")
    for quantile, real in ((0.1, 9), (0.5, 43), (0.9, 137), (0.99, 335)):
        name = f"baskets an account, p{100 * quantile:.0f}"
        yield about(name, real, 0.4, np.quantile(baskets, quantile))
    rows = np.bincount(log.user)
    yield about("Gini of items over accounts", 0.508, 0.1, statistics.gini(rows))
    yield about("σ of the log of an account's items", 1.325, 0.15, np.log(rows).std())
    yield about("correlation of an account's two halves", 0.707, 0.1, statistics.likeness_of_halves(log))


def _breadth(log: ShopLog) -> Iterator[BandedFigure]:
    genres = np.sort(np.bincount(log.genre) / len(log.genre))[::-1]
    yield between("share of the first genre", 0.634, *ANYTHING, genres[0])
    yield about("share of all categories an account buys", 0.302, 0.2, statistics.categories_bought(log))
    yield about("heat cells an account", 153, 0.5, statistics.heat_cells(log), "a cell a genre")


def _brands(log: ShopLog) -> Iterator[BandedFigure]:
    pairs = log.pairs
    yield about("brands an account", 119, 0.3, len(pairs.user) / log.users)
    shares = statistics.share_of_customers(log, (0.5, 0.9, 0.99))
    for name, real, band, value in zip(
        ("median", "p90", "p99"), (0.0024, 0.051, 0.388), ((0, 0.02), (0.02, 0.1), (0.2, 0.6)), shares,
        strict=True,
    ):  # fmt: skip
        yield between(f"share of accounts that bought a brand, {name}", real, *band, value)
    yield about(
        "brands bought in two baskets or more, of an account's", 0.425, 0.25, (pairs.baskets > 1).mean()
    )
    first = statistics.first_purchases_by_quarter(log)
    for number, real in ((1, 0.314), (2, 0.192), (4, 0.143)):
        name = f"first purchases of a brand, share of rows, quarter {number}"
        yield about(name, real, 0.3, first[number - 1])
    yield about("share of a category's first brand, 5 rows or more", 0.662, 0.2, statistics.loyalty(log))


def _newcomers(log: ShopLog) -> Iterator[BandedFigure]:
    scores = statistics.newcomers(log)
    yield between("mid-size brands with newcomers", 195, *ANYTHING, scores.brands)
    note = "newcomers of mid-size brands in the last quarter"
    yield between("AUROC of activity", 0.656, 0.63, 0.69, scores.activity, note)
    yield between("AUROC of the cosine to customers", 0.673, 0.645, 0.705, scores.cosine, note)
    yield between("the same within fifths by activity", 0.595, 0.56, 0.63, scores.cosine_in_fifths, note)
