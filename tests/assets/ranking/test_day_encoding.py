"""Days into partitions: each once, from the state before it, and anew only where its logs are others."""

from __future__ import annotations

import shutil
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from assets.ranking.encoding import CHANGED, CHANGED_BEFORE, MISSING, STATELESS, days_due, encode
from assets.ranking.instance_store import InstanceStore
from assets.ranking.reading import read_day, read_log
from models.ranking.features.features import Features, FeatureSettings
from models.ranking.instances.manifest import MANIFEST, REMEDY, STATE
from models.ranking.instances.partition import read_day as read_partition
from models.ranking.instances.window import TrainingWindow
from tests.assets.ranking.day_logs import DAYS, contents, describe, history, hours_of, load, loaded_in
from tests.warehouse.frames import ZONE
from warehouse.landing.service_time import DAY_MS
from warehouse.store.warehouse import Warehouse

SETTINGS = FeatureSettings()
VERSION = "v"


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    """The warehouse; look, do not change."""
    return loaded_in(tmp_path_factory.mktemp("logs"))


@pytest.fixture(scope="module")
def whole(logs, tmp_path_factory):
    """All days, encoded in one go; look, do not change."""
    store = InstanceStore(tmp_path_factory.mktemp("whole"), VERSION)
    encode(history(logs, DAYS[-1]), store, SETTINGS, DAYS)
    return store


def test_each_day_is_encoded_once_in_order_and_progress_tells_exposures(logs, tmp_path):
    store, told, heard = InstanceStore(tmp_path, VERSION), [], []
    done = encode(
        history(logs, DAYS[2]), store, SETTINGS, DAYS[:3], lambda *step: heard.append(step), told.append
    )
    assert list(done.why) == DAYS[:3] and set(done.why.values()) == {MISSING}
    assert [folder.name for folder in done.folders] == DAYS[:3]
    rows = [len(read_partition(folder)) for folder in done.folders]
    assert rows == [240] * 3 and done.rows == 720
    assert [step[1:] for step in heard] == [(240, 720), (480, 720), (720, 720)]
    assert "day 2 of 3" in told[1] and "s left" in told[1] and "left" not in told[2]
    before = contents(tmp_path)
    again = encode(history(logs, DAYS[2]), store, SETTINGS, DAYS[:3])
    assert again.why == {} and again.folders == done.folders and contents(tmp_path) == before


def test_night_by_night_gives_the_bytes_of_a_first_fill(tmp_path, whole):
    """Each night sees the logs through its day alone, and begins from the state of the night before."""
    (tmp_path / "logs").mkdir()
    store = InstanceStore(tmp_path / "nights", VERSION)
    path = loaded_in(tmp_path / "logs", DAYS[:1])
    for number, day in enumerate(DAYS):
        if number:
            with Warehouse(path) as warehouse:
                load(warehouse, hours_of([day]))
        done = encode(history(path, day), store, SETTINGS, DAYS[max(0, number - 2) : number + 1])
        assert list(done.why) == [day]
    assert contents(tmp_path / "nights") == contents(whole.root)


def test_the_codes_are_those_of_the_logs_in_memory(logs, whole):
    """But for descriptions, of which a log in memory has one: fields of users and items are set aside."""
    start = ZONE.day_start_ms(DAYS[0])
    with Warehouse(logs, read_only=True) as warehouse:
        log = read_log(warehouse, ZONE, start, start + 5 * DAY_MS)
    in_memory = TrainingWindow.of(log, SETTINGS)
    folders = [whole.folder(day, history(logs, DAYS[-1]).hashes.through[day]) for day in DAYS]
    on_disk = TrainingWindow.open(folders, SETTINGS)
    for one, other in zip(in_memory.days, on_disk.days, strict=True):
        for left, right in zip(one.read(), other.read(), strict=True):
            np.testing.assert_array_equal(left.shown_at, right.shown_at)
            np.testing.assert_array_equal(left.clicked, right.clicked)
            for name in ("user_id", "item_id", "context0", "hour_of_day", "count_user_all_shown"):
                np.testing.assert_array_equal(left.field(name), right.field(name))


def test_a_day_loaded_again_is_encoded_again_with_those_after_it(tmp_path, whole):
    path, root = loaded_in(tmp_path), tmp_path / "instances"
    shutil.copytree(whole.root, root)
    store = InstanceStore(root, VERSION)
    with Warehouse(path) as warehouse:  # the same content again
        load(warehouse, hours_of([DAYS[3]]))
    assert days_due(history(path, DAYS[-1]).hashes, store, DAYS) == []
    with Warehouse(path) as warehouse:
        load(warehouse, hours_of([DAYS[2]])[1:2], seed=9)
    before = contents(root)
    done = encode(history(path, DAYS[-1]), store, SETTINGS, DAYS)
    assert done.why == {DAYS[2]: CHANGED, DAYS[3]: CHANGED_BEFORE, DAYS[4]: CHANGED_BEFORE}
    after = contents(root)
    assert {file for file in after if after[file] != before.get(file)} >= {
        f"{VERSION}/{day}/manifest.json" for day in DAYS[2:]
    }
    assert all(after[file] == before[file] for file in before if file.split("/")[1] in DAYS[:2])
    fresh = InstanceStore(tmp_path / "fresh", VERSION)
    encode(history(path, DAYS[-1]), fresh, SETTINGS, DAYS)
    assert contents(fresh.root) == after


def test_a_description_of_a_day_counts_as_its_logs(tmp_path, whole):
    path = loaded_in(tmp_path)
    store = InstanceStore(whole.root, VERSION)
    with Warehouse(path) as warehouse:
        describe(warehouse, 3)
    assert days_due(history(path, DAYS[-1]).hashes, store, DAYS) == DAYS[3:]


def test_where_no_state_is_left_the_walk_goes_back_to_the_newest_one(logs, tmp_path, whole):
    shutil.copytree(whole.root, tmp_path / "instances")
    store = InstanceStore(tmp_path / "instances", VERSION)
    for day in DAYS[2:]:
        shutil.rmtree(store.new_folder(day) / STATE)
    assert days_due(history(logs, DAYS[-1]).hashes, store, DAYS[2:]) == [], "nobody needs the states"
    shutil.rmtree(store.new_folder(DAYS[4]))
    done = encode(history(logs, DAYS[-1]), store, SETTINGS, DAYS[3:])
    assert done.why == {DAYS[2]: STATELESS, DAYS[3]: STATELESS, DAYS[4]: MISSING}
    assert contents(tmp_path / "instances") == contents(whole.root)


def test_a_gap_is_filled_without_touching_what_lies_after_it(logs, tmp_path, whole):
    shutil.copytree(whole.root, tmp_path / "instances")
    store = InstanceStore(tmp_path / "instances", VERSION)
    shutil.rmtree(store.new_folder(DAYS[1]))
    done = encode(history(logs, DAYS[-1]), store, SETTINGS, DAYS)
    assert done.why == {DAYS[1]: MISSING} and len(done.folders) == len(DAYS)
    assert contents(tmp_path / "instances") == contents(whole.root)


def test_a_damaged_day_is_told_of_and_its_remedy_mends_it(logs, tmp_path, whole):
    shutil.copytree(whole.root, tmp_path / "instances")
    store = InstanceStore(tmp_path / "instances", VERSION)
    folder = store.new_folder(DAYS[1])
    (folder / MANIFEST).write_text("{")
    with pytest.raises(ValueError, match=f"{folder / MANIFEST} is damaged .*{REMEDY}"):
        encode(history(logs, DAYS[-1]), store, SETTINGS, DAYS)
    shutil.rmtree(folder)
    assert encode(history(logs, DAYS[-1]), store, SETTINGS, DAYS).why == {DAYS[1]: MISSING}
    assert contents(store.root) == contents(whole.root)


def test_days_of_another_root_are_read_and_never_written(logs, tmp_path, whole):
    shutil.copytree(whole.root, tmp_path / "home")
    shutil.rmtree(tmp_path / "home" / VERSION / DAYS[4])
    before = contents(tmp_path / "home")
    store = InstanceStore(tmp_path / "scratch", VERSION, (tmp_path / "home",))
    done = encode(history(logs, DAYS[-1]), store, SETTINGS, DAYS)
    assert list(done.why) == [DAYS[4]] and contents(tmp_path / "home") == before
    assert [folder.parents[1].name for folder in done.folders] == ["home"] * 4 + ["scratch"]


def test_what_a_killed_process_left_is_swept_away(tmp_path):
    store = InstanceStore(tmp_path, VERSION)
    left = tmp_path / VERSION / f".{DAYS[0]}.{2**22 + 1}.tmp"
    left.mkdir(parents=True)
    store.sweep()
    assert not left.exists()


def test_a_newcomer_is_encoded_as_known_at_the_end_of_its_first_hour(logs, whole):
    """User and item fields of the day that describes users anew: the old ones, from the morning before."""
    with Warehouse(logs, read_only=True) as warehouse:
        described = [warehouse.descriptions(ZONE.day_start_ms(day)) for day in (DAYS[0], DAYS[3])]
        log = read_day(warehouse, ZONE, DAYS[2])
    assert not np.array_equal(described[0]["users.fields"], described[1]["users.fields"])
    day = read_partition(whole.new_folder(DAYS[2]))
    ages = np.concatenate([rows.field("user_field0") for rows in day.read()])
    old = dict(zip(described[0]["users.index"], described[0]["users.fields"][:, 0], strict=True))
    assert ages.tolist() == [old[user] for user in log.exposures.user]
    next_day = read_partition(whole.new_folder(DAYS[3]))
    new = dict(zip(described[1]["users.index"], described[1]["users.fields"][:, 0], strict=True))
    for rows in next_day.read():
        assert rows.field("user_field0").tolist() == [new[user] for user in rows.field("user_id")]


def test_the_state_of_a_day_knows_the_descriptions_of_the_next_morning(logs, whole):
    state = Features.load(whole.new_folder(DAYS[2]) / STATE)
    with Warehouse(logs, read_only=True) as warehouse:
        described = warehouse.descriptions(ZONE.day_start_ms(DAYS[3]))
    fields, _ = state.users.lookup(described["users.index"])
    np.testing.assert_array_equal(fields, described["users.fields"])


def test_who_waits_for_another_process_does_nothing_twice(logs, tmp_path, whole):
    store = InstanceStore(tmp_path, VERSION)
    with ThreadPoolExecutor(1) as pool:
        with store.locked():
            waiting = pool.submit(encode, history(logs, DAYS[-1]), store, SETTINGS, DAYS)
            time.sleep(0.2)
            assert not waiting.done() and not list((tmp_path / VERSION).glob("20*"))
            shutil.copytree(whole.root / VERSION, tmp_path / VERSION, dirs_exist_ok=True)
        done = waiting.result(60)
    assert done.why == {} and len(done.folders) == len(DAYS)
