"""Clicks for an export: those of some days, read a day at a time, and everybody whom they name."""

from __future__ import annotations

import numpy as np

from assets.ranking import graph_export
from assets.ranking.graph_export import read_clicks
from assets.ranking.reading import read_log
from models.ranking.features.event_log import rows
from tests.assets.ranking.day_logs import DAYS, loaded_in
from tests.warehouse.frames import ZONE
from warehouse.landing.service_time import DAY_MS
from warehouse.store.warehouse import Warehouse


def same(one, other):
    assert vars(one).keys() == vars(other).keys()
    for name, column in vars(one).items():
        np.testing.assert_array_equal(column, vars(other)[name])
        assert column.dtype == vars(other)[name].dtype


def test_the_clicks_of_a_window_are_those_of_the_whole_log(tmp_path, monkeypatch):
    spans = []

    def watching(warehouse, zone, start_ms, end_ms, entities="all"):
        spans.append(end_ms - start_ms)
        return read_log(warehouse, zone, start_ms, end_ms, entities)

    monkeypatch.setattr(graph_export, "read_log", watching)
    with Warehouse(loaded_in(tmp_path), read_only=True) as warehouse:
        for days in (DAYS, DAYS[1:3]):
            start = ZONE.day_start_ms(days[0])
            expected = read_log(warehouse, ZONE, start, start + len(days) * DAY_MS)
            spans.clear()
            read = read_clicks(warehouse, ZONE, days)
            assert spans == [DAY_MS] * len(days) + [0], "a day at a time"
            clicked = rows(expected.exposures, np.flatnonzero(expected.exposures.clicked))
            assert 0 < len(clicked) < len(expected.exposures)
            same(read.exposures, clicked)
            same(read.external, expected.external)
            assert (read.start_ms, read.end_ms) == (expected.start_ms, expected.end_ms)
            undescribed = False
            for part in ("users", "items"):
                log, named = getattr(expected, part), part[:-1]
                mine = getattr(read, part)
                clicks = np.concatenate([getattr(clicked, named), getattr(expected.external, named)])
                assert np.isin(clicks, mine.index).all()
                at = np.flatnonzero(np.isin(log.index, mine.index))
                same(mine, rows(log, at))
                # All that is left out was shown alone, and was never described.
                left_out = np.setdiff1d(np.arange(len(log)), at)
                assert (log.fields[left_out] == -1).all()
                undescribed |= bool((mine.fields == -1).all(axis=1).any())
            assert undescribed, "somebody clicks who was never described"
