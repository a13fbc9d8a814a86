"""A home that lives weighs the same from day to day, kind by kind, once what it keeps is full."""

import pytest

from assets.upkeep.sizes import GROWS
from benchmarks.home_size import MIB, REMEMBERED, bounded, figures, keeping, lived, narrow_graph
from models.ranking import registry

SYSTEMS = ("lsttm",)
DAYS, FULL = 9, 7


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_a_home_is_flat_once_its_window_is_full(tmp_path):
    weighed, met = lived(tmp_path / "home", DAYS, keeping(2), 1, SYSTEMS, window=1)
    full, last = weighed[FULL - 1], weighed[-1]
    # Users and items that are met for the first time make tables longer, by some per cent a day here.
    assert met == sorted(met) and met[-1] > met[0] > 0
    assert bounded(last) <= 1.1 * bounded(full)
    for kind in set(last) - {*GROWS, REMEMBERED}:
        assert last[kind] <= 1.2 * full[kind] + 200_000, kind
    assert last["long-term graphs"] <= 1.1 * full["long-term graphs"], (
        "they hold the clicks of their days alone"
    )
    assert weighed[1]["hourly states"] > weighed[0]["hourly states"] > 0
    assert last[REMEMBERED] - full[REMEMBERED] < (DAYS - FULL) * 400_000
    assert last[GROWS[0]] == full[GROWS[0]] > 0, "logs as they landed are never touched"


def test_what_grows_is_told_beside_the_ids_that_were_met():
    weighed = [
        {GROWS[0]: 9 * MIB * day, REMEMBERED: day * 2048, "daily models": MIB + 3000 * day}
        for day in range(5)
    ]
    result = figures(weighed, [10, 20, 30, 40, 55], full=3)
    assert result["users and items ever met"] == [30, 55]
    assert result["bytes for each new user or item"] == 6000 / 25
    assert result["ratio"] == (MIB + 12_000) / (MIB + 6000)
    assert result["Dagster remembers, KiB a day"] == 2
    assert result["KiB a day by kind"] == {GROWS[0]: 9 * 1024, REMEMBERED: 2, "daily models": 3000 / 1024}


def test_graphs_are_narrowed_for_the_benchmark_alone():
    before = registry.long_term_settings("tiny")
    with pytest.raises(ZeroDivisionError), narrow_graph(3):
        assert registry.long_term_settings("tiny").click_days == 3
        raise ZeroDivisionError
    assert registry.long_term_settings("tiny") == before and before.click_days == 28
