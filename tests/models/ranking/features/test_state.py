"""The state of the features on disk: the same bytes from the same days, whichever way they were taken in."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.ranking.features import pair_runs
from models.ranking.features.event_log import DAY_MS, HOUR_MS, Entities, EventDays, EventLog
from models.ranking.features.features import Features, FeatureSettings
from tests.models.ranking.toy import START, toy_log

SETTINGS = FeatureSettings(pair_days=3)
DAYS = 20


@pytest.fixture(scope="module")
def log() -> EventLog:
    """More than two blocks of eight days, with two silent days among them."""
    log = toy_log(hours=24 * DAYS, per_hour=6, users=25)
    e, x = log.exposures, log.external
    silent = [(at - START) // DAY_MS // 2 == 4 for at in (e.shown_at, x.received_at)]
    kept = [
        type(part)(**{n: c[~s] for n, c in vars(part).items()})
        for part, s in zip((e, x), silent, strict=True)
    ]
    return replace(log, exposures=kept[0], external=kept[1])


@pytest.fixture(autouse=True)
def small_slices(monkeypatch):
    """Runs of pairs of more than one slice, as a large site's."""
    monkeypatch.setattr(pair_runs, "SLICE", 50)
    monkeypatch.setattr(pair_runs, "FEW", 5)


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_memory_and_disk_give_the_same_codes_and_bytes(log, tmp_path):
    in_memory = Features.start(SETTINGS, log)
    from_disk = Features.start(SETTINGS, log)
    going_on = Features.start(SETTINGS, log)
    for number, day in enumerate(EventDays.of(log)):
        np.testing.assert_array_equal(in_memory.encode_day(day).matrix(), from_disk.encode_day(day).matrix())
        folder = tmp_path / str(number)
        from_disk.save(folder)
        from_disk = Features.load(folder)
        going_on.encode_day(day)
        going_on.save(tmp_path / "passing")
        (tmp_path / "passing").rename(tmp_path / f"other{number}")  # as a folder that is written whole
    assert files_of(tmp_path / f"other{number}") == files_of(folder)
    in_memory.save(tmp_path / "memory")
    once, again = files_of(tmp_path / "memory"), files_of(folder)
    assert len(once) > 50 and once == again
    Features.load(folder).save(tmp_path / "again")
    assert files_of(tmp_path / "again") == again
    whole = Features.of(SETTINGS, log)
    whole.save(tmp_path / "whole")
    assert files_of(tmp_path / "whole") == again


def test_a_day_writes_little_and_what_stays_is_linked(log, tmp_path):
    """The older run of pairs is rewritten every eighth day, and else shared with the day before."""
    features, shared = Features.start(SETTINGS, log), []
    for number, day in enumerate(EventDays.of(log)):
        features.encode_day(day)
        folder = tmp_path / str(number)
        features.save(folder)
        features = Features.load(folder)
        shared.append((folder / "counts.user_item.old.keys.npy").stat().st_nlink > 1)
    assert [number for number in range(1, DAYS) if not shared[number]] == [8, 16]


def test_pairs_that_rest_are_let_go(log, tmp_path):
    """What is held is bounded by the pairs of the last days, not by all that ever were."""
    for name, pair_days in (("bounded", 3), ("all", None)):
        Features.of(SETTINGS.model_copy(update={"pair_days": pair_days}), log).save(tmp_path / name)
    e, last = log.exposures, log.end_ms - DAY_MS
    for run, days in (("new", 4), ("old", 4)):
        held = np.load(tmp_path / "bounded" / f"counts.user_item.{run}.last.npy")
        assert len(held) and held.min() >= (DAYS - 1 if run == "new" else 15) - days + 1
    pairs = len(np.unique(np.stack([e.user, e.item]), axis=1).T)
    ever = sum(len(np.load(tmp_path / "all" / f"counts.user_item.{run}.keys.npy")) for run in ("new", "old"))
    bounded = sum(
        len(np.load(tmp_path / "bounded" / f"counts.user_item.{run}.keys.npy")) for run in ("new", "old")
    )
    assert bounded < pairs <= ever and last > 0


def test_hours_behind_a_mapped_state_leave_its_files_alone_and_are_saved(log, tmp_path):
    cut = START + 12 * DAY_MS
    Features.of(SETTINGS, log.between(START, cut)).save(tmp_path / "morning")
    before = files_of(tmp_path / "morning")
    features = Features.load(tmp_path / "morning")
    for start in range(cut, cut + 30 * HOUR_MS, HOUR_MS):
        features.append(log.between(start, start + HOUR_MS))
    hour = log.between(cut + 30 * HOUR_MS, cut + 31 * HOUR_MS).exposures
    features.save(tmp_path / "later")
    assert len(hour) and files_of(tmp_path / "morning") == before
    np.testing.assert_array_equal(
        features.codes(hour).matrix(), Features.load(tmp_path / "later").codes(hour).matrix()
    )
    straight = Features.of(SETTINGS, log.between(START, cut + 30 * HOUR_MS))
    straight.counts.domains = features.counts.domains
    np.testing.assert_array_equal(features.codes(hour).matrix(), straight.codes(hour).matrix())


def test_fewer_columns_of_the_same_state(log, tmp_path):
    Features.of(SETTINGS, log.between(START, START + 3 * DAY_MS)).save(tmp_path / "state")
    full = Features.load(tmp_path / "state")
    hour = log.between(START + 3 * DAY_MS, START + 3 * DAY_MS + HOUR_MS).exposures
    for switches in ({"external": False}, {"counts": False}):
        folder = tmp_path / f"without {' and '.join(switches)}"
        fewer = Features.load(tmp_path / "state", SETTINGS.model_copy(update=switches))
        assert len(fewer.layout) < len(full.layout)
        wanted = full.codes(hour).select(fewer.layout).matrix()
        np.testing.assert_array_equal(fewer.codes(hour).matrix(), wanted)
        fewer.save(folder)
        np.testing.assert_array_equal(Features.load(folder).codes(hour).matrix(), wanted)
        with pytest.raises(ValueError, match="other feature settings"):
            Features.load(folder, SETTINGS)


def test_what_was_not_saved_is_refused(log, tmp_path):
    Features.start(SETTINGS, log).save(tmp_path / "state")
    with pytest.raises(FileExistsError):
        Features.start(SETTINGS, log).save(tmp_path / "state")  # its files may be another state's, too
    with pytest.raises(ValueError, match="other feature settings"):
        Features.load(tmp_path / "state", FeatureSettings(smoothing=1.0))
    with pytest.raises(FileNotFoundError, match="encode the day before"):
        Features.load(tmp_path / "none")
    assert json.loads((tmp_path / "state" / "features.json").read_text())["settings"]["pair_days"] == 3


def test_hours_at_once_are_hours_one_by_one(log):
    """Also of an item that is met an hour before anyone describes it: what came first counts."""
    start = START + 2 * DAY_MS
    hours = [log.between(start + h * HOUR_MS, start + (h + 1) * HOUR_MS) for h in range(20)]
    first, newcomer = hours[0].exposures, log.items.index[-1] + 1
    hours[0] = replace(hours[0], exposures=replace(first, item=np.full_like(first.item, newcomer)))
    described = Entities(
        *(np.concatenate([column, column[:1] * 0 + 3]) for column in vars(log.items).values())
    )
    described = replace(described, index=np.append(log.items.index, newcomer))
    hours[1:] = [replace(hour, items=described) for hour in hours[1:]]
    one_by_one, at_once = (Features.of(SETTINGS, log.between(START, start)) for _ in range(2))
    for hour in hours:
        one_by_one.append(hour)
    at_once.append(*hours)
    assert (at_once.items.lookup(np.array([newcomer]))[0] == -1).all()
    asked = log.between(start + 20 * HOUR_MS, start + 30 * HOUR_MS).exposures
    asked = replace(asked, item=np.where(np.arange(len(asked)) % 3 == 0, newcomer, asked.item))
    codes = [features.codes(asked).matrix() for features in (one_by_one, at_once)]
    np.testing.assert_array_equal(*codes)
    assert len(np.unique(codes[0], axis=0)) > 30
