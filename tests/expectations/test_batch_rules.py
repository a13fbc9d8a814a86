"""Each batch rule with a partition that breaks it and partitions beside it that do not."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from expectations.gate import gate
from expectations.settings import GateSettings
from expectations.suites import rules, tables
from tests.expectations.frames import (
    DAY_MS,
    HOUR_MS,
    START_MS,
    context,
    day_key,
    good_rows,
    hour_key,
    judge,
    set_value,
)

BATCH_RULES = ("schema", "share_quarantined", "clock_skew", "row_count", "click_rate")


def history(rows: int = 1000, clicks: int = 200, days: int = 5) -> pd.DataFrame:
    """Hour 0 of the `days` days before START_MS."""
    return pd.DataFrame(
        {
            "start_ms": [START_MS - day * DAY_MS for day in range(1, days + 1)],
            "rows": rows,
            "kept": rows,
            "clicks": clicks,
        },
        index=pd.Index([hour_key(-24 * day) for day in range(1, days + 1)], name="partition"),
    )


def broken(result) -> dict[str, list[str]]:
    return {key: [failure.rule for failure in failures] for key, failures in result.batch_failures.items()}


def test_the_batch_rules_are_these():
    assert tuple(rules("exposures_batch")) == BATCH_RULES
    assert tuple(rules("external_clicks_batch")) == BATCH_RULES[:4]
    assert {tuple(rules(f"{t}_batch")) for t in ("demographics", "labels")} == {BATCH_RULES[:2]}
    assert {tuple(rules(f"{t}_batch")) for t in ("users", "items")} == {(*BATCH_RULES[:2], "vector_width")}
    assert tuple(rules("points_batch")) == (*BATCH_RULES[:4], "hours_missing", "doubled")
    assert tuple(rules("purchases_batch")) == (*BATCH_RULES[:4], "hours_missing", "doubled", "price_level")


def test_row_count_far_off_the_hours_history_is_told_with_its_band():
    for rows in (100, 5000):
        frame = good_rows("exposures", rows=rows)
        failures = judge("exposures", frame, history=history(clicks=np.nan)).batch_failures[hour_key(0)]
        (failure,) = [failure for failure in failures if failure.rule == "row_count"]
        low, high = failure.band
        assert 100 < low < 1000 < high < 5000
        assert failure.observed == rows
        assert f"exposures {hour_key(0)}" in failure.message and "1000" not in failure.message
        assert f"{rows} rows" in failure.message and f"{low:.0f} to {high:.0f}" in failure.message
    for rows in (600, 1600):
        assert "row_count" not in str(
            broken(judge("exposures", good_rows("exposures", rows), history=history()))
        )


def test_row_count_is_not_judged_with_too_little_or_too_old_history():
    frame = good_rows("exposures", rows=100)
    assert broken(judge("exposures", frame, history=history(days=2))) == {}
    old = history()
    old["start_ms"] -= 28 * DAY_MS
    assert broken(judge("exposures", frame, history=old)) == {}
    other_hour = history()
    other_hour["start_ms"] += HOUR_MS
    assert broken(judge("exposures", frame, history=other_hour)) == {}


def test_an_empty_hour_is_judged_and_a_quiet_hour_may_be_empty():
    empty = good_rows("exposures").iloc[:0]
    assert broken(judge("exposures", empty, history=history())) == {hour_key(0): ["row_count"]}
    assert broken(judge("exposures", empty, history=history(rows=50, clicks=5))) == {}


def test_row_count_band_is_robust_against_one_odd_day():
    odd = history()
    odd.loc[odd.index[2], "rows"] = 0
    assert broken(judge("exposures", good_rows("exposures", rows=100), history=odd)) == {
        hour_key(0): ["row_count"]
    }


def test_click_rate_out_of_band_fails_and_small_hours_do_not_trip():
    def rated(rows: int, clicked: float) -> dict[str, list[str]]:
        frame = good_rows("exposures", rows=rows)
        frame["clicked"] = np.arange(rows) < clicked * rows
        return broken(judge("exposures", frame, history=history(rows=rows, clicks=rows // 10)))

    assert (
        rated(1000, 0.0)
        == rated(1000, 1.0)
        == rated(1000, 0.5)
        == rated(1000, 0.01)
        == {hour_key(0): ["click_rate"]}
    )
    assert rated(1000, 0.04) == rated(1000, 0.25) == {}
    assert rated(4, 1.0) == rated(10, 0.6) == rated(30, 0.0) == {}


def test_former_hours_without_rows_tell_no_click_rate():
    mostly_empty = history(rows=30, clicks=3)
    mostly_empty.loc[mostly_empty.index[:3], ["rows", "kept", "clicks"]] = 0
    frame = good_rows("exposures", rows=60).assign(clicked=np.arange(60) < 3)
    result = judge("exposures", frame, history=mostly_empty)
    assert broken(result) == {}
    assert result.statistics["click_rate_low"].isna().all()  # two days with rows are too few


def test_share_quarantined_above_its_limit_fails_unless_rows_are_few():
    def with_broken(rows: int, count: int, **changes) -> dict[str, list[str]]:
        frame = good_rows("exposures", rows=rows)
        frame.loc[frame.index[:count], "user_id"] = "stranger"
        return broken(judge("exposures", frame, **changes))

    assert with_broken(100, 11) == {hour_key(0): ["share_quarantined"]}
    assert with_broken(100, 10) == {}
    assert with_broken(100, 10, settings=GateSettings(max_quarantined_share=0.05)) != {}
    assert with_broken(5, 3) == {}
    assert with_broken(5, 4) == {hour_key(0): ["share_quarantined"]}


@pytest.mark.parametrize(("table", "column"), [("exposures", "shown_at"), ("external_clicks", "received_at")])
def test_clock_skew_is_told_by_its_shift(table, column):
    frame = good_rows(table, rows=200)
    drifted = frame.assign(**{column: frame[column] + pd.Timedelta(minutes=10)})
    failures = judge(table, drifted).batch_failures[hour_key(0)]
    assert "clock_skew" in [failure.rule for failure in failures]
    wrong_zone = frame.assign(**{column: frame[column] - pd.Timedelta(hours=8)})
    (skew,) = [f for f in judge(table, wrong_zone).batch_failures[hour_key(0)] if f.rule == "clock_skew"]
    assert skew.observed == 1.0
    assert "-8 partition length(s)" in skew.message


def test_scattered_stray_times_are_no_clock_skew():
    frame = good_rows("exposures", rows=200)
    stray = frame["shown_at"] - pd.to_timedelta(np.arange(200), unit="h")
    frame["shown_at"] = stray.where(np.arange(200) < 16, frame["shown_at"])
    assert broken(judge("exposures", frame)) == {}


def test_schema_names_the_columns_that_are_missing_or_of_a_wrong_type():
    frame = good_rows("exposures", rows=50)
    (failure,) = [
        failure
        for failure in judge("exposures", frame.drop(columns="item_id")).batch_failures[hour_key(0)]
        if failure.rule == "schema"
    ]
    assert "item_id" in failure.message
    unreadable = frame.assign(clicked="maybe", shown_at="soon")
    failures = judge("exposures", unreadable).batch_failures[hour_key(0)]
    assert [failure.rule for failure in failures] == ["schema", "share_quarantined"]
    assert "shown_at, clicked" in failures[0].message
    assert broken(judge("users", good_rows("users").assign(user_id=None)))["0.parquet"][0] == "schema"


def test_failures_of_one_partition_do_not_hide_or_touch_others():
    hours = (0, 1, 2)
    frame = good_rows("exposures", rows=60, hours=hours)
    hour = frame["_partition"]
    frame.loc[hour == hour_key(1), "user_id"] = "stranger"
    frame.loc[hour == hour_key(2), "shown_at"] -= pd.Timedelta(hours=3)
    result = gate(
        "exposures", frame, context("exposures", hours=hours, history=history(rows=2000, clicks=400))
    )
    assert broken(result) == {
        hour_key(0): ["row_count"],
        hour_key(1): ["share_quarantined"],
        hour_key(2): ["share_quarantined", "clock_skew"],
    }
    assert result.statistics["rows"].tolist() == [60, 60, 60]


def test_earlier_partitions_of_the_call_are_history():
    hours = tuple(range(0, 24 * 5, 24))
    frame = good_rows("exposures", rows=600, hours=hours)
    small = frame[(frame["_partition"] != hour_key(96)) | (frame["_row"] < 20)]
    result = gate("exposures", small, context("exposures", hours=hours))
    assert broken(result) == {hour_key(96): ["row_count"]}
    assert result.statistics["history_days"].tolist() == [0, 1, 2, 3, 4]
    # Day by day with stored statistics, as schedules do it, gives the same verdict.
    stored = result.statistics.iloc[:4]
    last = small[small["_partition"] == hour_key(96)]
    alone = gate("exposures", last, context("exposures", hours=(96,), history=stored))
    assert broken(alone) == broken(result)
    pd.testing.assert_frame_equal(alone.statistics, result.statistics.iloc[4:])


def test_a_reloaded_partition_is_not_its_own_history():
    own = history()
    own.loc[hour_key(0)] = {"start_ms": START_MS, "rows": 100, "kept": 100, "clicks": 20}
    result = judge("exposures", good_rows("exposures", rows=100), history=own)
    assert result.statistics["history_days"].tolist() == [5]


@pytest.mark.parametrize("table", tables())
def test_good_partitions_pass_and_their_statistics_are_plain_json(table):
    hours = (0, 1, 24)
    result = gate(table, good_rows(table, hours=hours), context(table, hours=hours))
    assert broken(result) == {}
    assert len(result.quarantined) == 0
    for partition, bounds in context(table, hours=hours).partitions.items():
        plain = json.loads(json.dumps(result.statistics_of(partition), allow_nan=False))
        assert plain["rows"] == plain["kept"] == 40
        assert plain["start_ms"] == (bounds[0] if bounds else None)


def test_statistics_come_back_as_history_through_json():
    result = judge("exposures", good_rows("exposures", rows=100))
    stored = pd.DataFrame([result.statistics_of(hour_key(0))], index=[hour_key(0)])
    later = gate(
        "exposures", good_rows("exposures", hours=(24,)), context("exposures", hours=(24,), history=stored)
    )
    assert later.statistics["history_days"].tolist() == [1]


def weekly(weekend: int = 2, last_rows: int | None = None) -> pd.DataFrame:
    """29 days of 400 purchases, `weekend` times as many on Sundays (START_MS is one)."""
    counts = [400 * (weekend if day % 7 == 0 else 1) for day in range(29)]
    counts[-1] = last_rows or counts[-1]
    parts = [good_rows("purchases", rows=count, hours=(day,)) for day, count in enumerate(counts)]
    return pd.concat(parts, ignore_index=True)


def judged_days(frame: pd.DataFrame):
    return gate("purchases", frame, context("purchases", hours=tuple(range(29))))


def test_days_are_compared_with_the_same_weekday():
    fivefold = judged_days(weekly(weekend=5))  # five times as much each Sunday is the shop's week
    assert broken(fivefold) == {}
    assert fivefold.statistics["history_days"].tolist()[:8] == [0] * 7 + [1]
    assert fivefold.statistics["history_days"].iloc[-1] == 4
    (failure,) = judged_days(weekly(weekend=5, last_rows=400)).batch_failures[day_key(28)]
    assert failure.rule == "row_count" and "the same weekday of 4 former weeks" in failure.message


def test_a_price_level_out_of_band_is_told_and_a_feast_is_not():
    for factor in (100.0, 0.0):
        frame = weekly()
        last = frame["_partition"] == day_key(28)
        frame.loc[last, "price"] *= factor
        (failure,) = judged_days(frame).batch_failures[day_key(28)]
        assert failure.rule == "price_level" and failure.observed == pytest.approx(
            np.log1p(frame.loc[last, "price"]).mean()
        )
        assert failure.band[0] < 2.2 < failure.band[1]
    feast = weekly()
    feast.loc[feast["_partition"] == day_key(28), "price"] *= 1.5
    assert broken(judged_days(feast)) == {}


def test_a_price_level_of_few_rows_does_not_trip():
    def priced(rows: int) -> str:
        frame = weekly(last_rows=rows)
        frame.loc[frame["_partition"] == day_key(28), "price"] = np.arange(rows) + 25.0
        return str(broken(judged_days(frame)))

    assert "price_level" in priced(200)
    assert "price_level" not in priced(3)


def test_limits_are_the_settings():
    frame = set_value(good_rows("exposures"), 3, "dwell_seconds", 90_000)
    assert len(judge("exposures", frame).quarantined) == 1
    wide = replace(context("exposures"), settings=GateSettings(max_dwell_seconds=100_000))
    assert len(gate("exposures", frame, wide).quarantined) == 0
    with pytest.raises(ValueError, match="max_dwel"):
        GateSettings(max_dwel=3)
