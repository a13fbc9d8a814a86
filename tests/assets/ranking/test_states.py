"""Which state an hour begins from: without models, since only records decide."""

import json
import shutil

import pytest

from assets.common.faults import DamagedState, NoBaseModel
from assets.ranking.hour import start_of
from assets.ranking.states import StateRecord, States

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


@pytest.mark.parametrize("left", [f".{DAY}.4194304.tmp", f".{DAY}.4194304.old"])
def test_what_a_killed_run_left_is_no_base(states, left):
    _base(states, "2026-03-04")
    _base(states, DAY)
    states.daily(SYSTEM, DAY).rename(states.daily(SYSTEM, left))
    assert states.newest_base(SYSTEM, "2026-03-06").partition == "2026-03-04"
    shutil.rmtree(states.daily(SYSTEM, "2026-03-04"))
    with pytest.raises(NoBaseModel):
        states.newest_base(SYSTEM, "2026-03-06")
