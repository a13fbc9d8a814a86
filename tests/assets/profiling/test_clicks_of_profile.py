"""Clicks of the feed in a profile: only where the deployment says so, and none after the date."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from assets.profiling.profilers import hash_of
from assets.profiling.reading import profile_data, profile_data_hash
from assets.profiling.sources import ProfileSource
from models.profiling.clicks import CLICK_DAYS, MISSING
from orchestration.jobs import META_TRAINING
from orchestration.session import Session
from tests.assets.profiling.shop_on_disk import LAST_DAY, shop
from tests.simulator.shop import DESCRIPTION, NO_QUARANTINE, ZONE, ms, opened, random_purchases
from warehouse.home import Deployment, Home, SourceHome, same_accounts
from warehouse.landing.records import PartitionLoad, SourceFile
from warehouse.landing.service_time import DAY_MS, HOUR_MS
from warehouse.store.warehouse import Warehouse

AS_OF, SYSTEM = "2017-06-10", "meta_profile_prior"
FEED = DESCRIPTION.model_copy(update={"item_fields": ("topic",), "domains": ("video",)})
FRAME = random_purchases(300, "2016-08-01", 400, users=9)
#: local hours of the feed: long before the date, in its last days, its last hour, and from midnight on
AT = ["2017-03-01 10:00", "2017-05-20 08:00", "2017-06-09 22:00", "2017-06-09 23:00"]
AFTER = ["2017-06-10 00:00", "2017-06-12 09:00"]
READERS = [*(str(user) for user in range(9)), "reader"]  # the last one never bought anything


def hour_rows(local, seed):
    rng, start = np.random.default_rng(seed), ms(local)
    count, at = 40, start + np.arange(40) * 80_000
    user, item = rng.choice(READERS, count), rng.choice(["i0", "i1", "i2", "stray"], count)
    shown = pd.DataFrame(
        {"user_id": user, "item_id": item, "shown_at": at, "clicked": rng.random(count) < 0.5}
    )
    shown["exposure_id"], shown["dwell_seconds"] = [f"{local}/{i}" for i in range(count)], np.nan
    other = {"user_id": user[::-1], "item_id": item, "domain": "video", "occurred_at": at, "received_at": at}
    return {"exposures": shown, "external_clicks": pd.DataFrame(other)}


def put(warehouse, table, partition, start_ms, frame, content):
    rows = frame.assign(_partition=partition, _row=range(len(frame)))
    load = PartitionLoad(partition, start_ms, (SourceFile(partition, len(rows), content),), len(rows))
    warehouse.load(table, [load], rows, NO_QUARANTINE)


def filled(root, late_seed=0):
    home = SourceHome(root)
    with opened(root, {"purchases": FRAME}) as warehouse:
        warehouse.configure(FEED)
        items = pd.DataFrame({"item_id": ["i0", "i1", "i2"], "topic": ["a", "b", "a"]})
        put(warehouse, "items", "all", 0, items.assign(published_at=pd.array([pd.NA] * 3, "Int64")), "a")
        for local in [*AT, *AFTER]:
            seed = late_seed if local in AFTER else 0
            (hour,) = ZONE.hour_keys(np.array([ms(local)]))
            for table, frame in hour_rows(local, seed).items():
                put(warehouse, table, hour, ms(local) // HOUR_MS * HOUR_MS, frame, str(seed))
    return home


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return filled(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def data(home):
    return profile_data(home, FEED, AS_OF, clicks=True)


def test_clicks_of_known_users_are_counted_by_topic(data):
    log = data.clicks
    assert log.topics == ("a", "b") and "reader" not in data.user_ids
    expected = np.zeros((len(data), 3))
    position = {name: number for number, name in enumerate(data.user_ids)}
    topics = {"i0": 0, "i1": 1, "i2": 0, "stray": 2}
    for local in AT[1:]:  # the first lies before the last CLICK_DAYS
        tables = hour_rows(local, 0)
        shown, others = tables["exposures"], tables["external_clicks"]
        for frame in (shown[shown["clicked"]], others):
            for user, item in zip(frame["user_id"], frame["item_id"], strict=True):
                if user in position:
                    expected[position[user], topics[item]] += 1
    np.testing.assert_array_equal(log.counts(data.as_of_day, len(data)), expected)
    assert log.day.min() < data.as_of_day - CLICK_DAYS and (log.topic == MISSING).any()


def test_what_is_clicked_after_the_date_changes_nothing(home, data, tmp_path):
    other = filled(tmp_path, late_seed=7)
    read = profile_data(other, FEED, AS_OF, clicks=True)
    assert hash_of(read) == hash_of(data)
    np.testing.assert_array_equal(
        read.clicks.columns(data.as_of_day, len(data)), data.clicks.columns(data.as_of_day, len(data))
    )
    later, before = (profile_data(at, FEED, "2017-06-13", clicks=True) for at in (other, home))
    assert hash_of(later) != hash_of(before), "three days later these clicks do count"


def test_switched_off_nothing_of_it_is_read(home, data, tmp_path):
    plain = profile_data(home, FEED, AS_OF)
    assert plain.clicks is None
    np.testing.assert_array_equal(plain.user_ids, data.user_ids)
    with opened(tmp_path, {"purchases": FRAME}):
        pass
    bare = profile_data(SourceHome(tmp_path), DESCRIPTION, AS_OF)
    np.testing.assert_array_equal(bare.purchases.at_ms, plain.purchases.at_ms)
    np.testing.assert_array_equal(bare.purchases.user, plain.purchases.user)
    assert hash_of(profile_data(home, FEED, AS_OF)) == hash_of(plain) != hash_of(data)
    assert profile_data_hash(home, FEED, AS_OF) != profile_data_hash(home, FEED, AS_OF, clicks=True)


def test_the_deployment_says_whether_clicks_count(tmp_path):
    home = Home(tmp_path)
    assert not same_accounts(home, "simulator")
    Deployment(source="landing", one_account=True).save(home)
    assert same_accounts(home, "landing") and not same_accounts(home, "complete-journey")


@pytest.mark.slow
def test_a_deployment_of_one_account_trains_profilers_that_read_clicks(tmp_path_factory):
    home, deployment = shop(tmp_path_factory)
    paths = deployment.paths(home)
    with Warehouse(paths.warehouse) as warehouse:
        start = deployment.service_zone.day_start_ms(LAST_DAY) - DAY_MS
        ids = warehouse.connection.execute("SELECT user_id FROM user_index ORDER BY 1").fetchall()
        users = np.repeat([user for (user,) in ids], 5)
        rows = {"user_id": users, "item_id": "news", "domain": "video", "occurred_at": start}
        put(warehouse, "external_clicks", "a", start, pd.DataFrame(rows | {"received_at": start}), "a")
    on = deployment.model_copy(update={"one_account": True})
    on.save(home)
    config = {"meta_profile": {"systems": [SYSTEM]}}
    with Session(on, home) as session:
        session.run(META_TRAINING, LAST_DAY, only=["time_heatmaps", "meta_profile"], config=config)
    source = ProfileSource.opened(home, on.source)
    as_of = str(np.datetime64(LAST_DAY) + 1)
    data = source.read(as_of)
    assert data.clicks is not None and data.clicks.counts(data.as_of_day, len(data)).sum() == len(users)
    assert source.trainer(size="tiny").at(SYSTEM, as_of).profiler.reads_clicks
