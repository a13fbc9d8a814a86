"""Shops closed a day a week and at the turn of the year, with a season: what stops a day, what warns."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from expectations.bands import add_bands
from expectations.gate import gate
from expectations.settings import GateSettings
from expectations.statistics import HOURS
from tests.assets.logs.shop_year import BUSY, DAY_MS, RETAIL, SMALL, WHOLESALE, Shop, day_rows, volumes
from tests.expectations.frames import LIVE, context

FIRST, LAST = "2024-03-01", "2026-02-28"


def counted(rows: pd.Series) -> pd.DataFrame:
    """The statistics of days of which only the row count matters."""
    days = pd.to_datetime(rows.index, utc=True).as_unit("ms").astype("int64").to_numpy(np.float64)
    counts = rows.to_numpy(np.float64)
    return pd.DataFrame(
        {
            **dict.fromkeys(("quarantined", "share_quarantined", "shifted_share"), 0.0),
            **dict.fromkeys(("clicks", "level", "level_error", "doubled_share", *HOURS), np.nan),
            "start_ms": days,
            "rows": counts,
            "kept": counts,
            "moments": counts,
        },
        index=pd.Index(rows.index, name="partition", dtype="str"),
    )


def out_of_band(rows: pd.Series) -> list[str]:
    banded = add_bands(counted(rows), None, LIVE, "week")
    return (
        banded.index[~banded["rows"].between(banded["rows_low"], banded["rows_high"])]
        .intersection(banded.index[banded["rows_low"].notna()])
        .tolist()
    )


@pytest.mark.parametrize("shop", [RETAIL, SMALL, BUSY])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_two_years_of_live_days_stop_on_no_season(shop, seed):
    assert out_of_band(volumes(shop, FIRST, LAST, seed)) == []


def test_a_wholesaler_whose_orders_end_within_a_day_before_christmas_is_asked_about_it_at_most():
    stopped = [day for seed in range(5) for day in out_of_band(volumes(WHOLESALE, FIRST, LAST, seed))]
    assert {day[5:] for day in stopped} <= {"12-21", "12-22", "12-23"}
    assert len(stopped) <= 10  # of 30 such days, and of some 3,000 others


@pytest.mark.parametrize(("shop", "least"), [(RETAIL, 0.9), (WHOLESALE, 0.9), (SMALL, 0.9)])
def test_an_empty_file_of_an_open_day_stops(shop, least):
    banded = add_bands(counted(volumes(shop, FIRST, LAST)), None, LIVE, "week")
    judged = banded["rows_low"].dropna()
    assert len(judged) > 0.8 * len(banded)
    assert (judged > 0).mean() >= least


def test_no_band_knows_what_came_later():
    rows = volumes(RETAIL, FIRST, LAST)
    middle = len(rows) // 2
    other = rows.where(np.arange(len(rows)) < middle, 3 * rows + 7)
    columns = ["history_days", "rows_low", "rows_high", "rows_most", "rows_usual"]
    first, second = (add_bands(counted(each), None, LIVE, "week")[columns] for each in (rows, other))
    pd.testing.assert_frame_equal(first.iloc[: middle + 1], second.iloc[: middle + 1])
    assert not first.iloc[middle + 8].equals(second.iloc[middle + 8])


def test_days_closed_with_empty_files_are_days_without_files():
    rows = volumes(RETAIL, FIRST, LAST)
    every = pd.date_range(FIRST, LAST).strftime("%Y-%m-%d")
    filled = add_bands(counted(rows.reindex(every, fill_value=0)), None, LIVE, "week").loc[rows.index]
    absent = add_bands(counted(rows), None, LIVE, "week")
    for name in ("rows_low", "rows_high"):
        np.testing.assert_allclose(filled[name], absent[name])


def days_of(shop: Shop, rows: pd.Series) -> dict[str, pd.DataFrame]:
    return {str(day): day_rows(shop, str(day), int(count)) for day, count in rows.items()}


def judged(frames: dict[str, pd.DataFrame], settings: GateSettings, **changes):
    starts = {day: int(pd.Timestamp(day, tz="UTC").timestamp() * 1000) for day in frames}
    frame = pd.concat(
        [each.assign(_partition=day, _row=np.arange(len(each))) for day, each in frames.items()],
        ignore_index=True,
    )
    partitions = {day: (start, start + DAY_MS) for day, start in starts.items()}
    changed = replace(context("purchases"), partitions=partitions, settings=settings, **changes)
    return gate("purchases", frame, replace(changed, now_ms=max(starts.values()) + 365 * DAY_MS))


def broken(result) -> dict[str, list[str]]:
    return {day: [failure.rule for failure in failures] for day, failures in result.batch_failures.items()}


def warned(result) -> dict[str, list[str]]:
    return {
        day: rules
        for day, said in result.verdicts.items()
        if (rules := [verdict.rule for verdict in said if not verdict.passed and not verdict.stops])
    }


@pytest.fixture(scope="module", params=[RETAIL, WHOLESALE], ids=["retail", "wholesale"])
def before_christmas(request):
    """Seven weeks of a shop: their rows by day, and the statistics that the gate keeps of them."""
    frames = days_of(request.param, volumes(request.param, "2025-10-20", "2025-12-13", seed=4))
    frames.pop(next(reversed(frames)))
    result = judged(frames, LIVE)
    assert broken(result) == {}
    return frames, result.statistics


FAULTS = {
    "doubled": lambda day: pd.concat([day, day.sample(frac=1, random_state=0)]),
    "hours_missing": lambda day: day[day["purchased_at"].dt.hour < 12],
    "price_level": lambda day: day.assign(price=day["price"] * 100),
    "row_count": lambda day: day.iloc[:0],
}


@pytest.mark.parametrize("rule", sorted(FAULTS))
def test_true_faults_of_a_live_day_stop(before_christmas, rule):
    frames, statistics = before_christmas
    day = next(reversed(frames))
    result = judged({day: FAULTS[rule](frames[day])}, LIVE, history=statistics.iloc[:-1])
    assert broken(result) == {day: [rule]}
    assert broken(judged({day: frames[day]}, LIVE, history=statistics.iloc[:-1])) == {}


def test_a_giant_order_stops_nothing(before_christmas):
    frames, statistics = before_christmas
    day = next(reversed(frames))
    order = frames[day].iloc[[len(frames[day]) // 2] * len(frames[day])]
    result = judged({day: pd.concat([frames[day], order])}, LIVE, history=statistics.iloc[:-1])
    assert broken(result) == {}


def test_a_first_load_of_history_warns_of_odd_days_and_stops_impossible_ones(before_christmas):
    frames, _ = before_christmas
    odd, wrong, twice, cut, early = list(frames)[-6:-1]
    changed = dict(frames)
    changed[odd] = frames[odd].iloc[:5]
    changed[wrong] = pd.concat(
        [frames[wrong].assign(user_id=frames[wrong]["user_id"] + 1_000 * copy) for copy in range(140)]
    )
    changed[twice] = FAULTS["doubled"](frames[twice])
    changed[cut] = FAULTS["price_level"](frames[cut])
    changed[early] = FAULTS["hours_missing"](frames[early])
    result = judged(changed, GateSettings())
    assert broken(result) == {wrong: ["row_count"], twice: ["doubled"], cut: ["price_level"]}
    assert warned(result)[odd] == ["row_count"] and warned(result)[early] == ["hours_missing"]
    assert any(odd in text and "Loaded, as a day of history" in text for text in result.warnings)
    live = broken(judged(changed, LIVE))
    assert set(live) == {odd, wrong, twice, cut, early}


def test_what_comes_again_with_less_than_half_of_its_rows_is_judged_as_a_live_day(before_christmas):
    frames, statistics = before_christmas
    day = next(reversed(frames))
    short = {day: frames[day].iloc[:5]}
    history = statistics.iloc[:-1]
    assert broken(judged(short, GateSettings(), history=history)) == {}
    again = judged(short, GateSettings(), history=history, loaded={day: len(frames[day])})
    assert broken(again) == {day: ["row_count"]}
    assert broken(judged(short, GateSettings(), history=history, loaded={day: 8})) == {}


def test_a_closed_day_may_be_empty_and_an_open_one_names_the_setting(before_christmas):
    frames, statistics = before_christmas
    day, history = next(reversed(frames)), statistics.iloc[:-1]
    empty = {day: frames[day].iloc[:0]}
    assert broken(judged(empty, LIVE, history=history, closed=[day])) == {}
    (failure,) = judged(empty, LIVE, history=history).batch_failures[day]
    assert "closed_days" in failure.message
    assert warned(judged(empty, GateSettings(), history=history)) == {}  # closed, as history shows
