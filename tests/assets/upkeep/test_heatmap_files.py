"""Dates of heatmaps go with the segments that no other date uses; those that stay read as before."""

import os

import numpy as np
import pytest

from assets.upkeep.heatmap_files import heatmap_kinds
from assets.upkeep.trash import empty, put_away
from tests.simulator.shop import DESCRIPTION, opened, random_purchases
from warehouse.heatmaps.manifest import as_of_dates
from warehouse.heatmaps.reading import Heatmaps
from warehouse.heatmaps.settings import default_settings
from warehouse.heatmaps.store import encode_heatmaps
from warehouse.home import SourceHome
from warehouse.landing.local_time import LocalZone

TODAY = "2017-06-09"
DATES = ["2017-05-01", "2017-06-08", "2017-06-09", "2017-06-10"]


@pytest.fixture
def home(tmp_path):
    """Four as-of dates of one shop, the last one of the day that has just ended."""
    home = SourceHome(tmp_path)
    with opened(tmp_path / "w", {"purchases": random_purchases(400, "2016-05-20", 385, 0)}) as warehouse:
        for date in DATES:
            settings = default_settings("balances")
            encode_heatmaps(warehouse, home.heatmaps, LocalZone(DESCRIPTION.local), settings, date)
    return home


def segments(home):
    return sorted((home.heatmaps / "segments").glob("*/*/*.parquet"))


def aged(home):
    for path in segments(home):
        os.utime(path, (1, 1))


def removed(home, days):
    for kind in heatmap_kinds(home, days, TODAY):
        for entry in kind.due:
            put_away(kind.root, entry.path)
        empty(kind.root)


def test_old_dates_go_and_the_others_read_as_before(home):
    aged(home)
    before = Heatmaps.open(home.heatmaps, DATES[-1]).cells("shopping")
    count = len(segments(home))
    removed(home, 2)
    assert as_of_dates(home.heatmaps) == DATES[-2:]
    assert 0 < len(segments(home)) < count
    for date in DATES[-2:]:
        after = Heatmaps.open(home.heatmaps, date).cells("shopping")
        assert len(after.value) > 100
    for name in ("offsets", "day", "hour", "channel", "value"):
        np.testing.assert_array_equal(getattr(after, name), getattr(before, name))
    used = {
        home.heatmaps / s.file for d in DATES[-2:] for s in Heatmaps.open(home.heatmaps, d).manifest.segments
    }
    assert set(segments(home)) == used


def test_a_young_segment_may_be_waiting_for_its_date(home):
    count = len(segments(home))
    removed(home, 2)
    assert len(segments(home)) == count


def test_the_newest_date_stays_and_none_keeps_all(home):
    aged(home)
    removed(home, None)
    assert as_of_dates(home.heatmaps) == DATES
    removed(home, 1)
    assert as_of_dates(home.heatmaps) == DATES[-1:]
