"""The simulated shop: same seed same bytes, accounts apart from each other, tables that fit each other."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from simulator import ShopSettings, SimulatorSettings
from simulator.feed.fill import fill
from simulator.shop.labels import TASKS
from simulator.shop.shop import Purchases, SimulatedShop
from simulator.shop.writer import fill_shop
from warehouse.landing.description import SourceDescription
from warehouse.landing.service_time import DAY_MS

TINY = SimulatorSettings.tiny(days=2, shop=ShopSettings.tiny())
DAYS = ShopSettings.tiny().days_before + 2


def bytes_of(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def rows_of(table: Purchases) -> pd.DataFrame:
    return pd.DataFrame({name: getattr(table, name) for name in table.__dataclass_fields__})


@pytest.fixture(scope="module")
def landing(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("landing")
    fill(folder, TINY)
    return folder


@pytest.fixture(scope="module")
def tables(landing) -> dict[str, pd.DataFrame]:
    def read(table: str) -> pd.DataFrame:
        files = sorted((landing / table).rglob("*.parquet"))
        frames = [pd.read_parquet(path).assign(path=path.relative_to(landing).as_posix()) for path in files]
        return pd.concat(frames, ignore_index=True)

    return {table: read(table) for table in ("purchases", "points", "labels", "demographics", "users")}


def test_the_feed_keeps_its_bytes_beside_a_shop(landing, tmp_path):
    fill(tmp_path, TINY.model_copy(update={"shop": None}))
    alone, beside = bytes_of(tmp_path), bytes_of(landing)
    assert {name for name in alone if alone[name] != beside[name]} == {"source.json"}
    added = {name.split("/")[0] for name in set(beside) - set(alone)}
    assert added == {"purchases", "points", "labels", "demographics"}


def test_the_shop_alone_is_the_shop_beside_the_feed(landing, tmp_path):
    source = fill(tmp_path, TINY, feed=False)
    alone, beside = bytes_of(tmp_path), bytes_of(landing)
    assert {name for name in alone if alone[name] != beside[name]} == {"source.json"}
    assert {name.split("/")[0] for name in alone} >= {"purchases", "points"}
    assert not any(name.startswith(("exposures", "users", ".")) for name in alone)
    assert (source.first_day, source.last_day, source.simulated) == ("2025-01-02", "2025-03-04", True)
    both = SourceDescription.load(landing)
    assert (both.first_day, both.shop_first_day, source.shop_first_day) == ("2025-03-03", "2025-01-02", None)
    with pytest.raises(ValueError, match="nothing to simulate"):
        fill(tmp_path, SimulatorSettings.tiny(), feed=False)


@settings(max_examples=4)
@given(block=st.integers(17, 400))
def test_the_size_of_blocks_changes_no_byte(block, landing, tmp_path_factory):
    folder = tmp_path_factory.mktemp("blocks")
    fill_shop(folder, SimulatedShop(TINY), block=block)
    written, expected = bytes_of(folder), bytes_of(landing)
    assert written == {name: expected[name] for name in expected if name.split("/")[0] in {
        "purchases", "points", "labels", "demographics"
    }}  # fmt: skip


def test_purchases_alone_are_those_of_the_whole_shop(landing, tmp_path):
    fill_shop(tmp_path, SimulatedShop(TINY), tables=("purchases",))
    alone = {p.relative_to(tmp_path): p.read_bytes() for p in sorted(tmp_path.rglob("*.parquet"))}
    assert alone and {path.parts[0] for path in alone} == {"purchases"}
    assert alone == {path: (landing / path).read_bytes() for path in alone}


def test_another_seed_is_another_shop():
    first, other = (
        SimulatedShop(TINY.model_copy(update={"seed": seed})).block(0, 300).purchases for seed in (7, 8)
    )
    assert len(first) != len(other)
    assert (
        SimulatedShop(TINY).catalogue.brands
        != SimulatedShop(TINY.model_copy(update={"seed": 8})).catalogue.brands
    )


def test_a_longer_simulation_begins_with_the_shorter_one():
    short = rows_of(SimulatedShop(TINY).block(0, 300).purchases)
    long = rows_of(SimulatedShop(TINY, days=9).block(0, 300).purchases)
    assert long["at_ms"].max() > short["at_ms"].max()
    same = long[long["at_ms"] < DAYS * DAY_MS].reset_index(drop=True)
    pd.testing.assert_frame_equal(same, short)


def test_rows_lie_in_their_day_and_in_order_of_time(tables):
    for table, time in (("purchases", "purchased_at"), ("points", "occurred_at")):
        rows = tables[table]
        assert (
            table + "/date=" + rows[time].dt.strftime("%Y-%m-%d") + "/part-0.parquet" == rows["path"]
        ).all()
        assert rows[time].is_monotonic_increasing
        assert rows["path"].nunique() == DAYS
    assert len(tables["purchases"]) > 300 * DAYS / 365 * 120
    assert (
        tables["labels"]["observed_at"].dt.strftime("labels/%Y-%m-%d.parquet") <= tables["labels"]["path"]
    ).all()


def test_columns_are_those_of_the_contract(tables, landing):
    source = SourceDescription.load(landing)
    for table in ("purchases", "points", "labels", "demographics"):
        contract = source.contract(table)
        named = {column.name for column in contract.columns}
        assert set(tables[table].columns) - {"path"} == named
        assert not tables[table][list(contract.required)].isna().any(axis=None)


def test_a_cancelled_row_repeats_an_earlier_purchase(tables):
    purchases = tables["purchases"]
    same = ["user_id", "genre", "brand", "price"]
    back = purchases[purchases["cancelled"]]
    bought = purchases[~purchases["cancelled"]]
    assert 0.005 < len(back) / len(bought) < 0.04
    pairs = back.merge(bought, on=same, how="left", suffixes=("", "_bought"))
    earlier = pairs["purchased_at_bought"] < pairs["purchased_at"]
    assert earlier.groupby([pairs[name].fillna("") for name in same]).any().all()


def test_accounts_are_those_of_the_feed_and_buy_while_they_are_there(tables):
    purchases = tables["purchases"][~tables["purchases"]["cancelled"]]
    assert set(purchases["user_id"]) <= set(tables["users"]["user_id"])
    shop = SimulatedShop(TINY)
    people = shop.people(0, len(shop.accounts))
    row = purchases["user_id"].to_numpy() - 100_001
    day = (purchases["purchased_at"].dt.tz_localize(None).to_numpy("datetime64[ms]").astype(np.int64)
           - shop.start_ms) // DAY_MS  # fmt: skip
    assert ((day >= people.joined[row]) & (day < people.departed[row])).all()
    late = np.flatnonzero(people.joined > 1)
    assert len(late) > 10
    assert np.isin(late, row).any()


def test_points_are_balances_that_what_is_used_comes_from(tables):
    points = tables["points"].sort_values(["user_id", "occurred_at"], kind="stable")
    assert (points["amount"] >= 0).all()
    assert (points.loc[points["kind"] == "used", "amount"] > 0).all()
    limited = points[points["kind"] == "limited"]
    # Granted, then used or expired, then granted again: every second balance is 0.
    movement = limited.groupby("user_id").cumcount()
    assert ((limited["amount"] == 0) == (movement % 2 == 1)).all()
    standard = points[points["kind"] == "standard"]
    fell = standard["amount"].diff() < 0
    same = standard["user_id"].eq(standard["user_id"].shift())
    used = points[points["kind"] == "used"].set_index(["user_id", "occurred_at"])["amount"]
    before = standard["amount"].shift()[fell & same]
    keys = pd.MultiIndex.from_frame(standard.loc[fell & same, ["user_id", "occurred_at"]])
    assert (used.reindex(keys).to_numpy() >= before.to_numpy()).all()
    assert (fell & same).sum() > 50


def test_labels_say_what_surveys_and_points_say(tables):
    labels = tables["labels"]
    assert set(labels["task"]) == set(TASKS)
    assert not labels.duplicated(["user_id", "task", "observed_at"]).any()
    answers = tables["demographics"].set_index("user_id")
    kids = labels[labels["task"] == "has_kids"].set_index("user_id")["label"]
    assert (kids == (answers.loc[kids.index, "kids"] > 0)).all()
    assert set(kids.index) == set(answers.index[answers["kids"].notna()])
    used = labels[(labels["task"] == "points_used")]
    points = tables["points"]
    for end, rows in used.groupby("observed_at"):
        inside = (points["occurred_at"] <= end) & (points["occurred_at"] > end - pd.Timedelta(days=28))
        users = set(points.loc[inside & (points["kind"] == "used"), "user_id"])
        assert set(rows.loc[rows["label"], "user_id"]) == users & set(rows["user_id"])
        assert 0 < rows["label"].mean() < 1


def test_settings_that_contradict_each_other_are_refused():
    with pytest.raises(ValidationError, match="campaign_lasts"):
        ShopSettings(campaign_days=7, campaign_lasts=8)
    with pytest.raises(ValueError, match=r"shop.brands is 5 for 15 categories"):
        SimulatedShop(TINY.model_copy(update={"shop": TINY.shop.model_copy(update={"brands": 5})}))


def test_the_shop_is_part_of_the_settings_hash_only_where_there_is_one():
    assert SimulatorSettings().settings_hash() == "aee31a7e6a001c8f"
    assert SimulatorSettings(shop=ShopSettings()).settings_hash() != SimulatorSettings().settings_hash()
    assert (
        SimulatorSettings(shop=ShopSettings(payday=1.5)).settings_hash()
        != SimulatorSettings(shop=ShopSettings()).settings_hash()
    )
