"""Which state an hour begins from: without models, since only records decide."""

import json
import shutil

import pytest

from assets.common.faults import DamagedState, NoBaseModel
from assets.ranking.hour import start_of
from assets.ranking.states import RECORD, StateRecord, States
from assets.ranking.withheld import release, withhold

SYSTEM, DAY = "deepfm", "2026-03-05"


def _hours(*keys):
    return {key: f"logs-{key}" for key in keys}


class _Loaded:
    """Loaded hours, whoever asks since when."""

    def __init__(self, hours):
        self.hours = hours

    def since(self, day):
        return self.hours


def _day(day, count=24):
    return [f"{day}-{hour:02d}:00" for hour in range(count)]


def _base(states, day, content="model"):
    record = StateRecord(system=SYSTEM, partition=day, seed=0, settings={}, git_revision="r")
    with states.write(states.daily(SYSTEM, day), record) as path:
        path.write_text(content)
    return states.finished(states.daily(SYSTEM, day))


def _hour(states, base, key, loaded, before=(), events=None):
    record = StateRecord(
        system=SYSTEM,
        partition=key,
        seed=0,
        settings={},
        git_revision="r",
        base_partition=base.partition,
        base_hash=base.state_hash,
        hours={hour: loaded[hour] for hour in sorted(loaded) if hour[:10] > base.partition and hour <= key},
    )
    with states.write(states.hourly(SYSTEM, key), record) as path:
        path.mkdir()
        chain = [[f"../../{hour.replace(':', '-')}/ranker", hour, hour] for hour in before]
        (path / "hour.json").write_text(json.dumps({"events": events or key, "chain": chain}))


@pytest.fixture
def states(tmp_path):
    return States(tmp_path)


def test_hour_00_begins_at_the_day_before(states):
    for day in ("2026-03-03", "2026-03-04"):
        _base(states, day)
    loaded = _hours(*_day("2026-03-04"), f"{DAY}-00:00")
    start = start_of(states, SYSTEM, f"{DAY}-00:00", _Loaded(loaded))
    assert (start.base.partition, start.previous, start.catch_up) == ("2026-03-04", None, ())
    assert start.tags()["base_partition"] == "2026-03-04"


def test_hour_00_with_a_late_retrain_takes_the_newest_finished_base_and_goes_on(states):
    old = _base(states, "2026-03-03")
    states.daily(SYSTEM, "2026-03-04").mkdir(parents=True)  # begun, not finished
    loaded = _hours(*_day("2026-03-04"), f"{DAY}-00:00")
    start = start_of(states, SYSTEM, f"{DAY}-00:00", _Loaded(loaded))
    assert start.base.partition == "2026-03-03"
    assert start.catch_up == tuple(_day("2026-03-04")), "nothing of the day before may be missing"
    _hour(states, old, "2026-03-04-23:00", loaded)
    start = start_of(states, SYSTEM, f"{DAY}-00:00", _Loaded(loaded))
    assert start.previous.partition == "2026-03-04-23:00"
    assert (start.base.partition, start.catch_up) == ("2026-03-03", ())


def test_a_model_of_the_same_day_is_never_taken(states):
    _base(states, DAY)
    with pytest.raises(NoBaseModel, match=f"before {DAY}"):
        start_of(states, SYSTEM, f"{DAY}-07:00", _Loaded(_hours(f"{DAY}-07:00")))


def test_a_base_that_comes_during_the_day_waits_for_the_next(states):
    old = _base(states, "2026-03-03")
    loaded = _hours(*_day("2026-03-04"), *_day(DAY, 3))
    _hour(states, old, f"{DAY}-01:00", loaded)
    _base(states, "2026-03-04")
    start = start_of(states, SYSTEM, f"{DAY}-02:00", _Loaded(loaded))
    assert (start.base.partition, start.previous.partition) == ("2026-03-03", f"{DAY}-01:00")


def test_hours_that_were_skipped_are_caught_up_in_order(states):
    base = _base(states, "2026-03-04")
    loaded = _hours(*_day(DAY, 6))
    _hour(states, base, f"{DAY}-01:00", loaded)
    start = start_of(states, SYSTEM, f"{DAY}-05:00", _Loaded(loaded))
    assert start.catch_up == (f"{DAY}-02:00", f"{DAY}-03:00", f"{DAY}-04:00")


@pytest.mark.parametrize(
    "change", ["an hour came late", "an hour was loaded again", "the base was trained again"]
)
def test_a_state_of_other_logs_or_another_base_no_longer_counts(states, change):
    base = _base(states, "2026-03-04")
    loaded = _hours(f"{DAY}-00:00", f"{DAY}-02:00")
    _hour(states, base, f"{DAY}-00:00", loaded)
    _hour(states, base, f"{DAY}-02:00", loaded)
    loaded[f"{DAY}-03:00"] = "logs"
    if change == "an hour came late":
        loaded[f"{DAY}-01:00"] = "late"
    elif change == "an hour was loaded again":
        loaded[f"{DAY}-02:00"] = "other"
    else:
        _base(states, "2026-03-04", "another model")
    start = start_of(states, SYSTEM, f"{DAY}-03:00", _Loaded(loaded))
    expected = {
        "an hour came late": (f"{DAY}-00:00", (f"{DAY}-01:00", f"{DAY}-02:00")),
        "an hour was loaded again": (f"{DAY}-00:00", (f"{DAY}-02:00",)),
        "the base was trained again": (None, (f"{DAY}-00:00", f"{DAY}-02:00")),
    }[change]
    assert (start.previous and start.previous.partition, start.catch_up) == expected


@pytest.mark.parametrize("change", ["nothing", "gone", "made again with other hours"])
def test_a_state_that_leans_on_another_that_is_gone_or_changed_no_longer_counts(states, change):
    base, keys = _base(states, "2026-03-04"), _day(DAY, 3)
    loaded = _hours(*keys)
    for number, key in enumerate(keys):
        _hour(states, base, key, loaded, [*keys[:number]])
    if change == "gone":
        shutil.rmtree(states.hourly(SYSTEM, keys[1]))
    elif change != "nothing":
        _hour(states, base, keys[1], loaded, (), events="of two hours")
    start = start_of(states, SYSTEM, f"{DAY}-03:00", _Loaded(_hours(*_day(DAY, 4))))
    previous = {"nothing": keys[2], "gone": keys[0]}.get(change, keys[1])
    assert start.previous.partition == previous
    assert start.catch_up == tuple(key for key in keys if key > previous)


def test_a_damaged_state_is_named(states):
    base = _base(states, "2026-03-04")
    _hour(states, base, f"{DAY}-00:00", _hours(f"{DAY}-00:00"))
    folder = states.hourly(SYSTEM, f"{DAY}-00:00")
    assert states.checked(folder) == folder / "ranker"
    (folder / "ranker" / "hour.json").write_text("changed")
    with pytest.raises(DamagedState, match=f"{DAY}-00-00"):
        states.checked(folder)


def test_an_interrupted_write_leaves_the_former_state(states):
    before = _base(states, "2026-03-04")
    record = before.model_copy(update={"seed": 1})
    with pytest.raises(KeyboardInterrupt), states.write(states.daily(SYSTEM, "2026-03-04"), record) as path:
        path.write_text("half")
        raise KeyboardInterrupt
    assert states.finished(states.daily(SYSTEM, "2026-03-04")) == before
    assert [folder.name for folder in states.daily(SYSTEM, "2026-03-04").parent.iterdir()] == ["2026-03-04"]


def test_an_hour_whose_base_was_rolled_back_begins_from_the_one_before(states):
    """In the middle of a day: its hours so far are caught up on from the champion's states."""
    old, new = _base(states, "2026-03-03"), _base(states, "2026-03-04")
    loaded = _hours(*_day("2026-03-04"), *_day(DAY, 4))
    _hour(states, old, "2026-03-04-23:00", loaded)
    for key in _day(DAY, 3):
        _hour(states, new, key, loaded)
    before = start_of(states, SYSTEM, f"{DAY}-03:00", _Loaded(loaded))
    assert (before.base.partition, before.previous.partition) == ("2026-03-04", f"{DAY}-02:00")
    withhold(states.daily(SYSTEM, "2026-03-04"), "rollback", "wrong clicks")
    start = start_of(states, SYSTEM, f"{DAY}-03:00", _Loaded(loaded))
    assert (start.base.partition, start.previous.partition) == ("2026-03-03", "2026-03-04-23:00")
    assert start.catch_up == tuple(_day(DAY, 3))
    release(states.daily(SYSTEM, "2026-03-04"))
    assert start_of(states, SYSTEM, f"{DAY}-03:00", _Loaded(loaded)) == before


def test_a_leftover_of_a_killed_training_is_no_base(states):
    _base(states, "2026-03-03")
    folder = states.daily(SYSTEM, "2026-03-04")
    shutil.copytree(states.daily(SYSTEM, "2026-03-03"), folder.with_name(".2026-03-04.77.tmp"))
    assert states.newest_base(SYSTEM, DAY).partition == "2026-03-03"
    shutil.rmtree(states.daily(SYSTEM, "2026-03-03"))
    with pytest.raises(NoBaseModel):
        states.newest_base(SYSTEM, DAY)


def test_an_unreadable_record_is_named(states):
    _base(states, "2026-03-04")
    (states.daily(SYSTEM, "2026-03-04") / RECORD).write_text("")
    with pytest.raises(DamagedState, match=r"2026-03-04/state\.json.*`daily_ranker` of 2026-03-04"):
        states.newest_base(SYSTEM, DAY)


@pytest.mark.parametrize("change", ["a byte", "gone", "one more"])
def test_any_file_of_a_daily_model_that_differs_is_named(states, change):
    record = StateRecord(system=SYSTEM, partition=DAY, seed=0, settings={}, git_revision="r")
    with states.write(states.daily(SYSTEM, DAY), record) as path:
        for name in ("dense.pt", "arrays/table.npy", "features/users"):
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(name.encode() * 100)
    folder = states.daily(SYSTEM, DAY)
    names = sorted(states.finished(folder).files)
    assert names == ["ranker/arrays/table.npy", "ranker/dense.pt", "ranker/features/users"]
    for name in names:
        assert states.checked(folder) == folder / "ranker"
        file, plain = folder / name, (folder / name).read_bytes()
        named = name if change != "one more" else f"{name}.copy"
        if change == "a byte":
            file.write_bytes(plain[:50] + b"?" + plain[51:])
        elif change == "gone":
            file.unlink()
        else:
            file.with_name(f"{file.name}.copy").write_bytes(plain)
        with pytest.raises(DamagedState, match=rf"{DAY}/{named}: .*materialise `daily_ranker` of {DAY}"):
            states.checked(folder)
        (folder / named).unlink(missing_ok=True)
        file.write_bytes(plain)


def test_a_state_of_an_earlier_version_without_hashes_of_files_is_checked_too(states):
    record = _base(states, "2026-03-04").model_copy(update={"files": {}})
    folder = states.daily(SYSTEM, "2026-03-04")
    (folder / RECORD).write_text(record.model_dump_json(exclude={"files"}))
    assert states.checked(folder) == folder / "ranker"
    (folder / "ranker").write_text("other")
    with pytest.raises(DamagedState, match="one of its files"):
        states.checked(folder)


@pytest.mark.parametrize("left", [f".{DAY}.4194304.tmp", f".{DAY}.4194304.old"])
def test_what_a_killed_run_left_is_no_base(states, left):
    _base(states, "2026-03-04")
    _base(states, DAY)
    states.daily(SYSTEM, DAY).rename(states.daily(SYSTEM, left))
    assert states.newest_base(SYSTEM, "2026-03-06").partition == "2026-03-04"
    shutil.rmtree(states.daily(SYSTEM, "2026-03-04"))
    with pytest.raises(NoBaseModel):
        states.newest_base(SYSTEM, "2026-03-06")
