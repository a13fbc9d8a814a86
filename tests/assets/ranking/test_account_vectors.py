"""One account, two systems: what users bought as their vectors, and no purchase after the first instance."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import dagster as dg
import numpy as np
import pandas as pd
import pytest

from assets.common.partitions import Partitions
from assets.experiments.source_logs import Logs, hash_of, read_history
from assets.experiments.source_logs import read_hours as study_hours
from assets.experiments.windows import encode_windows
from assets.profiling.meta_profile_asset import meta_profile_asset
from assets.ranking.account_vectors import (
    LAG_DAYS,
    check_windows,
    hours_with_account_vectors,
    purchases_end_ms,
    read_account_vectors,
    with_account_vectors,
)
from assets.ranking.encoding import CHANGED, CHANGED_BEFORE, History, days_due, encode
from assets.ranking.instance_store import InstanceStore
from assets.ranking.reading import read_descriptions, read_hours
from assets.ranking.training_instances import training_instances_asset
from models.profiling.account_vectors import WIDTH
from models.ranking.features.event_log import Entities
from models.ranking.features.features import Features, FeatureSettings
from models.ranking.instances.manifest import STATE
from models.ranking.instances.window import TrainingWindow
from models.ranking.ranker import Ranker
from models.ranking.registry import SYSTEMS
from tests.assets.ranking.day_logs import DAYS, contents, loaded_in
from tests.assets.ranking.day_logs import history as plain_history
from tests.warehouse.frames import NO_QUARANTINE, START, ZONE
from warehouse.home import Deployment, Home
from warehouse.landing.records import PartitionLoad, SourceFile
from warehouse.landing.service_time import DAY_MS
from warehouse.store.warehouse import Warehouse

SETTINGS, VERSION = FeatureSettings(), "v"
FIRST = -20  #: day of the first purchases, from the first day of the feed on
GENRES = np.array(["food/fruit", "food/bread", "toys/cars", "toys/dolls", "books"])


def bought_on(day: int, seed: int = 0) -> pd.DataFrame:
    """Purchases of a day; users 0 to 24 read the feed, 25 to 29 do not."""
    rng = np.random.default_rng([seed, day - FIRST])
    return pd.DataFrame(
        {
            "user_id": rng.integers(0, 30, 25).astype(str),
            "purchased_at": START + day * DAY_MS + np.sort(rng.integers(0, DAY_MS, 25)),
            "price": 1.0,
            "genre": GENRES[rng.integers(0, 5, 25)],
            "brand": None,
            "cancelled": False,
        }
    )


def put(path, days, seed=0):
    """Load the purchases of these days, in place of what they held."""
    with Warehouse(path) as warehouse:
        for day in days:
            key, rows = ZONE.day_key(START + day * DAY_MS), bought_on(day, seed)
            file = SourceFile(f"purchases/{key}.parquet", len(rows), str(seed))
            one = PartitionLoad(key, START + day * DAY_MS, (file,), len(rows))
            rows = rows.assign(_partition=key, _row=range(len(rows)))
            warehouse.load("purchases", [one], rows, NO_QUARANTINE)


def history(path, last_day=DAYS[-1]):
    return History.read(lambda: Warehouse(path, read_only=True), ZONE, DAYS[0], last_day, one_account=True)


def encoded(path, root, last_day=DAYS[-1]):
    store, of_logs = InstanceStore(root, VERSION), history(path, last_day)
    days = DAYS[: DAYS.index(last_day) + 1]
    encode(of_logs, store, SETTINGS, days)
    return [store.folder(day, of_logs.hashes.through[day]) for day in days]


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    """A feed of five days and a shop of twenty days before it, and during it; look, do not change."""
    path = loaded_in(tmp_path_factory.mktemp("logs"))
    put(path, range(FIRST, 5))
    return path


@pytest.fixture(scope="module")
def folders(logs, tmp_path_factory):
    return encoded(logs, tmp_path_factory.mktemp("whole"))


def vectors_of(folder, users):
    return Features.load(folder / STATE, SETTINGS).users.vectors(users)


def numbers(path):
    with Warehouse(path, read_only=True) as warehouse:
        ids, index = zip(*warehouse.connection.execute("SELECT * FROM user_index").fetchall(), strict=True)
    return dict(zip(ids, index, strict=True))


def test_the_state_of_a_day_has_what_was_bought_before_the_first_day_of_a_window(logs, folders):
    number = numbers(logs)
    readers = np.array([number[str(user)] for user in range(25)])
    for day, folder in zip(DAYS, folders, strict=True):
        after = ZONE.day_after(day)
        assert purchases_end_ms(ZONE, after) == ZONE.day_start_ms(day) - (LAG_DAYS - 1) * DAY_MS
        with Warehouse(logs, read_only=True) as warehouse:
            expected = read_account_vectors(warehouse, ZONE, after).of(readers)
        found = vectors_of(folder, readers)
        described = readers[:20]  # the others are met in events only
        np.testing.assert_array_equal(found[: len(described)], expected[: len(described)])
        assert np.isfinite(expected).all(axis=1).any()
    # Who is never described has the newest vector, too, a day after being met.
    np.testing.assert_array_equal(found[20:], expected[20:])
    strangers = np.array([number[str(user)] for user in range(25, 30)])
    assert np.isnan(vectors_of(folders[-1], strangers)).all(), "shopping alone makes no reader"


def test_purchases_later_than_that_change_no_byte_of_a_day_and_earlier_ones_do(logs, folders, tmp_path):
    path = tmp_path / "w.duckdb"
    path.write_bytes(logs.read_bytes())
    last = len(DAYS) - 1
    put(path, range(last + 1 - LAG_DAYS, 5), seed=9)  # the first day of the last window, and on
    store = InstanceStore(folders[0].parents[1], VERSION)
    assert days_due(history(path).hashes, store, DAYS) == []
    again = encoded(path, tmp_path / "again")
    assert contents(tmp_path / "again" / VERSION) == contents(folders[0].parent)
    put(path, [last - LAG_DAYS], seed=9)
    assert days_due(history(path).hashes, store, DAYS) == DAYS[last:]
    put(path, [last - 2 - LAG_DAYS], seed=9)
    root = tmp_path / "copy"
    changed = encode(history(path), InstanceStore(root, VERSION), SETTINGS, DAYS)
    assert len(changed.folders) == len(again)
    readers = np.array([numbers(path)[str(user)] for user in range(20)])
    moved = [
        not np.array_equal(vectors_of(a, readers), vectors_of(b, readers), equal_nan=True)
        for a, b in zip(folders, changed.folders, strict=True)
    ]
    assert moved == [False, False, True, True, True]


def test_a_late_file_of_the_shop_is_named_as_the_reason(logs, folders, tmp_path):
    path, root = tmp_path / "w.duckdb", tmp_path / "instances"
    path.write_bytes(logs.read_bytes())
    encoded(path, root)
    put(path, [2 - LAG_DAYS], seed=9)
    done = encode(history(path), InstanceStore(root, VERSION), SETTINGS, DAYS)
    assert done.why == {DAYS[2]: CHANGED, DAYS[3]: CHANGED_BEFORE, DAYS[4]: CHANGED_BEFORE}
    assert len(folders) == len(done.folders)


def test_switched_off_purchases_are_not_read_and_partitions_are_other_ones(logs, folders, tmp_path):
    bare = loaded_in(tmp_path)
    plain, shop = plain_history(bare, DAYS[-1]), plain_history(logs, DAYS[-1])
    assert plain.hashes == shop.hashes != history(logs).hashes
    store = InstanceStore(tmp_path / "instances", VERSION)
    encode(shop, store, SETTINGS, DAYS)
    state = Features.load(store.new_folder(DAYS[-1]) / STATE, SETTINGS)
    assert state.users.vector_width == 0
    assert days_due(history(logs).hashes, store, DAYS) == DAYS, "switched on: encoded anew"
    assert days_due(shop.hashes, InstanceStore(folders[0].parents[1], VERSION), DAYS) == DAYS


@pytest.mark.parametrize("system", ["deepfm", "lightgbm", "lsttm_spectral"])
def test_rankers_read_the_vectors_and_purchases_after_the_window_move_no_score(
    logs, folders, tmp_path, system
):
    """Trained through day 4, an hour of day 5 scored; only what was bought before the window counts."""
    path = tmp_path / "w.duckdb"
    path.write_bytes(logs.read_bytes())
    settings = SYSTEMS[system].tiny
    newest = DAYS.index(DAYS[3])

    def scores(at, partitions):
        window = TrainingWindow.open(partitions[: newest + 1], settings.features)
        long_term = None
        if settings.uses_long_term:
            long_term = SimpleNamespace(user_vectors=np.zeros((60, 16), np.float32))
        ranker = Ranker.train(settings, window, seed=0, long_term=long_term)
        key = f"{DAYS[4]}-07:00"
        with Warehouse(at, read_only=True) as warehouse:
            hours = hours_with_account_vectors(read_hours(warehouse, ZONE, [key]), warehouse, ZONE)
        return ranker.learner.vocabulary.layout.vectors, ranker.score(hours[key].log)

    width, before = scores(logs, folders)
    assert width == (WIDTH, 0)
    put(path, range(newest + 1 - LAG_DAYS, 5), seed=9)
    _, same = scores(path, encoded(path, tmp_path / "same"))
    np.testing.assert_array_equal(before, same)
    put(path, range(FIRST, newest + 1 - LAG_DAYS), seed=9)
    _, other = scores(path, encoded(path, tmp_path / "other"))
    assert not np.array_equal(before, other)


def test_whoever_is_first_met_in_an_hour_has_a_vector_at_once(logs):
    key = f"{DAYS[2]}-07:00"
    with Warehouse(logs, read_only=True) as warehouse:
        plain = read_hours(warehouse, ZONE, [key])
        hours = hours_with_account_vectors(plain, warehouse, ZONE)
        expected = read_account_vectors(warehouse, ZONE, DAYS[2]).of(plain[key].log.users.index)
    users = hours[key].log.users
    np.testing.assert_array_equal(users.vectors, expected)
    np.testing.assert_array_equal(users.fields, plain[key].log.users.fields)
    assert np.isfinite(users.vectors).all(axis=1).any()


def test_users_keep_their_fields_where_only_a_vector_is_new(logs, folders):
    state = Features.load(folders[1] / STATE, SETTINGS)
    with Warehouse(logs, read_only=True) as warehouse:
        users, _ = read_descriptions(warehouse, ZONE, DAYS[2])
        vectors = read_account_vectors(warehouse, ZONE, DAYS[2])
    joined = with_account_vectors(users, vectors, state.users)
    assert set(users.index) < set(joined.index) and (np.diff(joined.index) > 0).all()
    fields, _ = state.users.lookup(joined.index)
    at = np.searchsorted(joined.index, users.index)
    np.testing.assert_array_equal(joined.fields[at], users.fields)
    others = np.setdiff1d(np.arange(len(joined)), at)
    np.testing.assert_array_equal(joined.fields[others], fields[others])


def test_what_cannot_be_is_refused_with_a_remedy(logs):
    own = Entities(np.array([1]), np.zeros((1, 0), np.int64), np.array([-1]), np.ones((1, 3), np.float32))
    with Warehouse(logs, read_only=True) as warehouse:
        vectors = read_account_vectors(warehouse, ZONE, DAYS[0])
    with pytest.raises(ValueError, match=r"vectors of the log's own \(3 numbers\).*one_account to false"):
        with_account_vectors(own, vectors)
    deepfm = SYSTEMS["deepfm"].real
    check_windows({"deepfm": deepfm})
    for days in (LAG_DAYS + 1, None):
        training = deepfm.training.model_copy(update={"window_days": days})
        long = deepfm.model_copy(update={"training": training})
        with pytest.raises(ValueError, match=rf"deepfm: training.window_days is {days}.*exceed {LAG_DAYS}"):
            check_windows({"deepfm": long})
    with pytest.raises(ValueError, match="accounts of two sources are never joined"):
        Deployment(source="simulator", shop="complete-journey", one_account=True)
    assert Deployment(source="simulator", shop="simulator", one_account=True).one_account
    assert not Deployment.load(Home(logs.parent)).one_account


def test_the_asset_graph_shows_what_each_system_reads_of_the_other():
    deployment = Deployment(source="landing", first_day="2026-05-01", shop_first_day="2026-01-01")
    for on in (False, True):
        partitions = Partitions.of(deployment.model_copy(update={"one_account": on}), "2026-05-09")
        instances, profile = training_instances_asset(partitions), meta_profile_asset(partitions)
        assert (dg.AssetKey("purchases") in instances.dependency_keys) == on
        assert (dg.AssetKey("exposures") in profile.dependency_keys) == on
    mapping = instances.get_partition_mapping(dg.AssetKey("purchases"))
    upstream = mapping.get_upstream_mapped_partitions_result_for_partitions(
        partitions.daily.subset_with_partition_keys(["2026-05-03"]), partitions.daily, partitions.shop
    )
    days = list(upstream.partitions_subset.get_partition_keys())
    assert days[-1] == "2026-04-25", "the last day before the window of 26 April to 3 May"
    assert ZONE.day_key(purchases_end_ms(ZONE, "2026-05-04")) == "2026-04-26"


def test_a_study_of_such_a_deployment_reads_what_it_reads(logs, folders, tmp_path):
    deployed = folders[0].parents[1]
    one, day = Logs(logs, tmp_path, "UTC", DAYS[0], True, instances=deployed, one_account=True), DAYS[4]
    systems = {"deepfm": SYSTEMS["deepfm"].tiny}
    scratch = tmp_path / "scratch"
    window = encode_windows(one, systems, [day], scratch)["deepfm", day].open(SETTINGS)
    readers = np.array([numbers(logs)[str(user)] for user in range(20)])
    np.testing.assert_array_equal(window.features.users.vectors(readers), vectors_of(folders[3], readers))
    assert [hour.users.vectors.shape[1] for hour in study_hours(one, day)] == [WIDTH] * 24
    past = read_history(one, day).users
    with Warehouse(logs, read_only=True) as warehouse:
        expected = read_account_vectors(warehouse, ZONE, day).of(past.index)
    np.testing.assert_array_equal(past.vectors, expected)
    plain = replace(one, one_account=False)
    assert study_hours(plain, day)[7].users.vectors.shape[1] == 0
    assert hash_of(plain, [day]) != hash_of(one, [day])
    training = systems["deepfm"].training.model_copy(update={"window_days": None})
    with pytest.raises(ValueError, match="must not exceed"):
        encode_windows(
            one, {"deepfm": systems["deepfm"].model_copy(update={"training": training})}, [day], scratch
        )
