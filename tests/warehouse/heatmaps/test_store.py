"""Keeping heatmaps: moving by a day, late partitions, kills, and the same bytes twice."""

import hashlib
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.simulator.shop import (
    DESCRIPTION,
    ZONE,
    load,
    ms,
    opened,
    purchases,
    random_points,
    random_purchases,
)
from warehouse.heatmaps import making
from warehouse.heatmaps.manifest import HeatmapsMissing, stretches
from warehouse.heatmaps.reading import Heatmaps
from warehouse.heatmaps.settings import default_settings
from warehouse.heatmaps.store import encode_heatmaps
from warehouse.landing.local_time import LocalZone
from warehouse.store.warehouse import Warehouse

LOCAL = LocalZone(DESCRIPTION.local)
SETTINGS = default_settings("amounts")
PURCHASES = random_purchases(1500, "2016-05-01", 420)
POINTS = random_points(2500, "2016-05-01", 420)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("loaded")
    opened(folder, {"purchases": PURCHASES, "points": POINTS}).close()
    return folder / "warehouse.duckdb"


@pytest.fixture
def warehouse(loaded, tmp_path):
    with Warehouse(Path(shutil.copy(loaded, tmp_path))) as warehouse:
        yield warehouse


def encode(warehouse, folder, as_of, **options):
    return encode_heatmaps(warehouse, folder, LOCAL, SETTINGS, as_of, **options)


@pytest.fixture(scope="module")
def encoded(loaded, tmp_path_factory):
    """The heatmaps of 2017-05-20 of the warehouse as it was loaded."""
    folder = tmp_path_factory.mktemp("encoded") / "h"
    with Warehouse(loaded, read_only=True) as warehouse:
        encode(warehouse, folder, "2017-05-20")
    return folder


@pytest.fixture
def folder(encoded, tmp_path):
    """A copy of them."""
    return Path(shutil.copytree(encoded, tmp_path / "h"))


@pytest.fixture(scope="module")
def repriced(loaded, tmp_path_factory):
    """The warehouse after all purchases were loaded again with other prices, and what its heatmaps hold."""
    root = tmp_path_factory.mktemp("repriced")
    path = Path(shutil.copy(loaded, root))
    with Warehouse(path) as warehouse:
        load(warehouse, "purchases", PURCHASES.assign(price=1.0), content="b")
        encode(warehouse, root / "anew", "2017-05-20")
    return path, content(root / "anew", "2017-05-20")


def content(folder, as_of):
    heatmaps = Heatmaps.open(folder, as_of)
    columns = {name: heatmaps.cells(name) for name in heatmaps.modalities}
    return {
        "users": heatmaps.users.tolist(),
        "channels": heatmaps.vocabulary.channels,
        **{
            f"{name}.{part}": getattr(cells, part).tolist()
            for name, cells in columns.items()
            for part in ("offsets", "day", "hour", "channel", "value")
        },
    }


def files(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_moving_day_by_day_over_a_month_equals_encoding_anew(warehouse, tmp_path):
    moved = tmp_path / "moved"
    first = encode(warehouse, moved, "2017-04-28")
    assert first.fitted and first.days_encoded > 365
    for as_of in pd.date_range("2017-04-29", "2017-05-03").strftime("%Y-%m-%d"):
        report = encode(warehouse, moved, as_of)
        assert not report.fitted
        if as_of == "2017-05-01":
            # The last day of April and the month in one: a day is read, the others are laid together.
            assert report.encoded == ("shopping 2017-04", "points 2017-04")
        else:
            day = LOCAL.key(LOCAL.day(as_of) - 1)
            assert report.encoded == (f"shopping {day}", f"points {day}")
        assert report.days_encoded == 2 and report.last_day == LOCAL.key(LOCAL.day(as_of) - 1)
        anew = tmp_path / as_of
        encode(warehouse, anew, as_of, fitted_at="2017-04-28")
        assert content(moved, as_of) == content(anew, as_of)
        both = files(moved).items() & files(anew).items()
        made_of = Heatmaps.open(moved, as_of).manifest.segments
        assert {segment.file for segment in made_of} <= {name for name, _ in both}


def test_twice_is_the_same_as_once_byte_for_byte(warehouse, tmp_path):
    encode(warehouse, tmp_path / "a", "2017-05-20")
    before = files(tmp_path / "a")
    again = encode(warehouse, tmp_path / "a", "2017-05-20")
    assert again.encoded == () and again.days_encoded == 0 and again.reused == len(again.manifest.segments)
    encode(warehouse, tmp_path / "b", "2017-05-20", workers=2)
    assert files(tmp_path / "a") == before == files(tmp_path / "b")


@pytest.mark.parametrize("late", ["2017-02-14", "2017-05-11", "2017-05-10"])
def test_a_day_loaded_again_is_encoded_again_alone(warehouse, folder, tmp_path, late):
    before = content(folder, "2017-05-20")
    more = purchases([("3", ms(f"{late} 12:00"), 77.0, "toys", False)])
    changed = pd.concat([PURCHASES, more], ignore_index=True)
    load(warehouse, "purchases", changed, content="b", days=[late])

    report = encode(warehouse, folder, "2017-05-20")
    # In summer a local day begins in the partition before its own: a partition touches two of them.
    days = 2 if late.startswith("2017-05") else 1
    assert report.days_encoded == days and all(name.startswith("shopping") for name in report.encoded)
    assert content(folder, "2017-05-20") != before
    encode(warehouse, tmp_path / "anew", "2017-05-20")
    assert content(folder, "2017-05-20") == content(tmp_path / "anew", "2017-05-20")


def test_a_day_emptied_by_a_new_load_leaves_the_heatmaps(warehouse, folder, tmp_path):
    load(warehouse, "purchases", PURCHASES.head(0), content="b", days=["2017-02-14"])
    encode(warehouse, folder, "2017-05-20")
    encode(warehouse, tmp_path / "anew", "2017-05-20", fitted_at="2017-05-20")
    ours, anew = (content(tmp_path / name, "2017-05-20") for name in ("h", "anew"))
    assert ours == anew
    assert LOCAL.day("2017-02-14") - LOCAL.day("2017-05-20") + 365 not in ours["shopping.day"]


@pytest.mark.parametrize("after", [0, 1, 5])
def test_a_kill_leaves_the_manifest_that_was_there(repriced, folder, monkeypatch, after):
    path, anew = repriced
    before, stored = files(folder), content(folder, "2017-05-20")
    real, calls = making.write_segment, []

    def dies(path, groups, sources):
        calls.append(path)
        if len(calls) > after:
            path.with_name(f".{path.name}.1.new").write_bytes(b"half")
            raise KeyboardInterrupt
        real(path, groups, sources)

    monkeypatch.setattr(making, "write_segment", dies)
    with Warehouse(path, read_only=True) as warehouse:
        with pytest.raises(KeyboardInterrupt):
            encode(warehouse, folder, "2017-05-20")
        assert before.items() <= files(folder).items() and content(folder, "2017-05-20") == stored
        monkeypatch.undo()
        encode(warehouse, folder, "2017-05-20")
    assert content(folder, "2017-05-20") == anew != stored


def test_a_warehouse_made_anew_with_other_numbers_is_not_taken_for_the_old_one(folder, tmp_path):
    with opened(tmp_path / "other") as other:
        load(other, "points", POINTS)
        load(other, "purchases", PURCHASES)
        report = encode(other, folder, "2017-05-20")
        assert report.fitted and report.reused == 0
        encode(other, tmp_path / "anew", "2017-05-20")
    assert content(folder, "2017-05-20") == content(tmp_path / "anew", "2017-05-20")


def test_purchases_only_have_no_points_modality(tmp_path):
    with opened(tmp_path / "w", {"purchases": PURCHASES.head(50).assign(cancelled=False)}) as warehouse:
        encode(warehouse, tmp_path / "h", "2017-06-01")
    heatmaps = Heatmaps.open(tmp_path / "h", "2017-06-01")
    assert heatmaps.modalities == ("shopping",)
    assert not any(name.startswith("cancelled") for name in heatmaps.channels("shopping"))


def test_an_unknown_date_names_those_that_there_are(folder, tmp_path):
    with pytest.raises(HeatmapsMissing, match="there are none"):
        Heatmaps.open(tmp_path / "nowhere", "2017-05-20")
    with pytest.raises(HeatmapsMissing, match=r"no heatmaps were encoded for 2017-05-21; .*2017-05-20"):
        Heatmaps.open(folder, "2017-05-21")


def test_stretches_cover_the_window_once_and_only_the_open_month_by_days():
    for as_of in ("2017-03-01", "2017-03-02", "2017-12-31", "2018-01-01", "2016-03-01"):
        end = LOCAL.day(as_of)
        heatmaps = stretches(end)
        days = np.concatenate([np.arange(stretch.first_day, stretch.end_day) for stretch in heatmaps])
        assert (np.diff(days) == 1).all() and days[-1] == end - 1 and days[0] <= end - 365 < days[0] + 31
        single = [stretch.name for stretch in heatmaps if stretch.end_day - stretch.first_day == 1]
        assert all(name.startswith(LOCAL.key(end - 1)[:7]) for name in single)
        assert len(single) == (int(as_of[8:]) - 1 if not as_of.endswith("-01") else 0)


def test_a_moved_day_reads_its_own_events_only(warehouse, folder, monkeypatch):
    real, seen = making.encode, []

    def watched(connection, plan, period, users=None):
        seen.append((period.start_ms, period.end_ms))
        return real(connection, plan, period, users)

    monkeypatch.setattr(making, "encode", watched)
    encode(warehouse, folder, "2017-05-21")
    assert set(seen) == {(ms("2017-05-20"), ms("2017-05-21"))}
    assert ZONE.day_key(seen[0][0]) == "2017-05-19"


def test_users_whose_cells_have_all_expired_are_not_among_the_users(tmp_path):
    gone = purchases([("gone", ms("2016-05-19 23:00"), 1.0, "toys", False)])
    kept = purchases([("kept", ms("2016-05-20 00:00"), 1.0, "toys", False)])
    frame = pd.concat([gone, kept, PURCHASES[PURCHASES["user_id"] == "3"]], ignore_index=True)
    with opened(tmp_path / "w", {"purchases": frame}) as warehouse:
        encode(warehouse, tmp_path / "h", "2017-05-20")
        names = dict(warehouse.connection.execute("SELECT user_index, user_id FROM user_index").fetchall())
    assert {names[user] for user in Heatmaps.open(tmp_path / "h", "2017-05-20").users} == {"kept", "3"}
