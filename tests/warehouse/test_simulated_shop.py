"""The simulated shop: same seed same bytes, accounts apart from each other, cancellations of purchases."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from warehouse.service_time import DAY_MS
from warehouse.sources.simulator import ShopSettings, SimulatorSettings, fill
from warehouse.sources.simulator.shop.shop import Shop
from warehouse.sources.simulator.shop.writer import fill_shop

TINY = SimulatorSettings.tiny(days=2, shop=ShopSettings.tiny())


def bytes_of(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def landing(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("landing")
    fill(folder, TINY)
    return folder


@pytest.fixture(scope="module")
def purchases(landing) -> pd.DataFrame:
    files = sorted(landing.glob("purchases/*/*.parquet"))
    frames = [pd.read_parquet(path).assign(date=path.parent.name[5:]) for path in files]
    return pd.concat(frames, ignore_index=True)


def test_the_feed_keeps_its_bytes_beside_a_shop(landing, tmp_path):
    fill(tmp_path, TINY.model_copy(update={"shop": None}))
    alone, beside = bytes_of(tmp_path), bytes_of(landing)
    assert {name for name in alone if alone[name] != beside[name]} <= {"source.json"}
    assert {name.split("/")[0] for name in set(beside) - set(alone)} == {"purchases", "points", "labels", "demographics"}


def test_same_seed_same_bytes_whatever_the_size_of_blocks(landing, tmp_path):
    fill_shop(tmp_path, Shop(TINY), block=37)
    found, expected = bytes_of(tmp_path), bytes_of(landing)
    assert found == {name: expected[name] for name in found}
    other = Shop(TINY.model_copy(update={"seed": 8})).block(0, 300).purchases
    assert len(other) != len(Shop(TINY).block(0, 300).purchases)


def test_rows_lie_in_their_day_and_in_order_of_time(purchases):
    assert (purchases["purchased_at"].dt.strftime("%Y-%m-%d") == purchases["date"]).all()
    assert purchases["purchased_at"].is_monotonic_increasing
    days = TINY.shop.days_before + 2
    assert purchases["date"].nunique() == days
    assert purchases["date"].max() == "2025-03-04"
    assert len(purchases) > 300 * days / 365 * 120


def test_a_cancelled_row_repeats_an_earlier_purchase(purchases):
    same = ["user_id", "genre", "brand", "price"]
    back = purchases[purchases["cancelled"]]
    bought = purchases[~purchases["cancelled"]]
    assert 0.005 < len(back) / len(bought) < 0.04
    pairs = back.merge(bought, on=same, how="left", suffixes=("", "_bought"))
    earlier = pairs["purchased_at_bought"] < pairs["purchased_at"]
    assert earlier.groupby([pairs[name].fillna("") for name in same]).any().all()


def test_accounts_buy_while_they_are_there(purchases):
    shop = Shop(TINY)
    people = shop.people(0, len(shop.accounts))
    row = purchases["user_id"].to_numpy() - 100_001
    epoch = pd.Timestamp("1970-01-01", tz="UTC")
    day = ((purchases["purchased_at"] - epoch).dt.total_seconds() * 1000 - shop.start_ms) // DAY_MS
    bought = ~purchases["cancelled"].to_numpy()
    assert (day >= people.joined[row] - 1e-9)[bought].all()
    assert (day < people.left[row])[bought].all()
    late = np.flatnonzero(people.joined > 1)
    assert len(late) > 10
    assert np.isin(late, row).any()
