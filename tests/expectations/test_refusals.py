"""A refusal says which rules were broken, by how many rows, with a value, its file, and what to do."""

from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd
import pytest

from expectations.gate import gate
from expectations.settings import GateSettings
from expectations.suites import FOLDER
from tests.expectations.frames import (
    DAY_MS,
    ITEMS,
    START_MS,
    USERS,
    caught,
    context,
    good_rows,
    hour_key,
    judge,
    set_value,
)

FILE = "exposures/date=2022-05-01/hour=00/part-0.parquet"
ITEM_IDS = [f"i{i}" for i in range(ITEMS)]


def exposures(rows: int = 20, **columns) -> pd.DataFrame:
    return good_rows("exposures", rows).assign(_file=FILE, **columns)


def refusal(table: str, frame: pd.DataFrame, rule: str = "share_quarantined", **changes) -> str:
    """The message of this rule for the one partition of the frame."""
    ((failure,),) = [
        [failure for failure in failures if failure.rule == rule]
        for failures in judge(table, frame, **changes).batch_failures.values()
    ]
    return failure.message


def test_a_refusal_names_rules_counts_column_value_file_row_and_remedy():
    frame = exposures(dwell_seconds=5.0)
    frame.loc[3:9, "dwell_seconds"] = -7.5
    frame.loc[11:14, "item_id"] = "nothing"
    message = refusal("exposures", frame)
    assert "11 of 20 rows quarantined" in message
    assert f"7 break dwell_range: column 'dwell_seconds', such as '-7.5' ({FILE}, row 3, counted" in message
    assert f"4 break item_known: column 'item_id', such as 'nothing' ({FILE}, row 11, counted" in message
    assert message.index("dwell_range") < message.index("item_known")
    assert '"gate": {"max_dwell_seconds"' in message and "quarantine list" not in message
    without_file = refusal("exposures", frame.drop(columns="_file"))
    assert "such as '-7.5' (row 3, counted from 0)" in without_file


def test_a_refusal_names_three_rules_and_counts_the_others():
    frame = exposures(rows=40)
    for row in range(24):
        column, value = [("clicked", 7), ("dwell_seconds", -1), ("item_id", "?"), ("user_id", 1.5)][row % 4]
        frame = set_value(frame, row, column, value)
    frame = set_value(set_value(frame, 25, "clicked", 7), 29, "clicked", 7)
    message = refusal("exposures", frame)
    assert "8 break click_value" in message
    assert message.count(" break ") == 4 and "6 more break " in message


def test_an_empty_dimension_is_told_as_missing():
    message = refusal("exposures", exposures(), known={"users": np.empty(0, object), "items": ITEM_IDS})
    assert "20 break user_known" in message and "users/ is missing or has no rows" in message
    assert "dimension_grace_hours" not in message
    nothing = judge("exposures", exposures(), known={"users": set(), "items": ()})
    assert set(caught(nothing).values()) == {"user_known"}
    clicks = refusal(
        "external_clicks",
        good_rows("external_clicks"),
        known={"users": [f"u{i}" for i in range(USERS)], "items": []},
    )
    assert "items/ is missing or has no rows" in clicks


def test_half_of_the_users_being_new_has_its_own_sentence():
    frame = exposures(user_id=[f"u{i}" for i in range(10)] + [f"new-{i % 5}" for i in range(10)])
    message = refusal("exposures", frame)
    assert f"5 of the partition's 15 users are new to users/ (it has {USERS})" in message
    one = exposures(user_id=[f"u{i}" for i in range(17)] + ["new"] * 3, rows=20)
    one = pd.concat([one, set_value(one, 0, "user_id", "new")[:1].assign(_row=20, exposure_id="x")])
    assert "are new to" not in refusal("exposures", one)  # one busy stranger


@pytest.mark.parametrize(
    "ids", [np.arange(20.0), [f"{i}.0" for i in range(20)], [f"{i}E+18" for i in range(1, 21)]]
)
def test_ids_written_through_a_float_are_refused_with_the_remedy(ids):
    message = refusal("exposures", exposures(user_id=ids), known={})
    assert "20 break id_form: column 'user_id'" in message and 'astype("Int64")' in message
    users = good_rows("users", 20).assign(user_id=ids)
    assert "20 break id_form" in refusal("users", users)


@pytest.mark.parametrize(
    ("factor", "unit", "remedy"),
    [(0.001, "seconds", "× 1,000"), (1000, "microseconds", "÷ 1,000"), (10**6, "nanoseconds", "÷ 1,000,000")],
)
@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("exposures", "shown_at"), ("external_clicks", "occurred_at"), ("external_clicks", "received_at"),
        ("items", "published_at"), ("purchases", "purchased_at"), ("points", "occurred_at"),
        ("labels", "observed_at"),
    ],
)  # fmt: skip
def test_every_time_in_another_unit_is_refused_with_the_unit(table, column, factor, unit, remedy):
    times = ((START_MS + 1000 * np.arange(20)) * factor).astype(np.int64)
    message = refusal(table, good_rows(table, 20).assign(**{column: times}))
    assert f"20 break time_unit: column {column!r}, such as '{times[0]}'" in message
    assert f"is epoch {unit} of 2022-05-01" in message and remedy in message
    as_text = refusal(table, good_rows(table, 20).assign(**{column: times.astype(str)}))
    assert f"is epoch {unit} of 2022-05-01" in as_text
    if table == "exposures":  # a wrong unit is no skewed clock
        assert [f.rule for f in judge(table, exposures(shown_at=times)).batch_failures[hour_key(0)]] == [
            "share_quarantined"
        ]


@pytest.mark.parametrize("form", [float, str])
def test_seconds_with_a_fraction_are_told_too(form):
    times = [form(START_MS / 1000 + row + 0.25) for row in range(20)]
    assert "1651363200 is epoch seconds of 2022-05-01" in refusal("exposures", exposures(shown_at=times))


def test_zeros_and_instants_of_1970_are_told_as_such():
    for published in (0, pd.to_datetime(START_MS // 1000 + np.arange(20), utc=True)):
        message = refusal("items", good_rows("items", 20).assign(published_at=published))
        assert "1970-01-01 is of no log" in message and "leave the cell empty" in message


def test_an_item_may_be_old_or_yet_to_come():
    items = good_rows("items", 4)
    items["published_at"] = ["1927-01-10T00:00:00Z", "1970-06-01T00:00:00Z", START_MS + 375 * DAY_MS, None]
    assert caught(judge("items", items)) == {}
    assert caught(judge("items", items, settings=GateSettings(embargo_days=0))) == {2: "time_not_future"}
    assert caught(judge("items", items, settings=GateSettings(earliest_item_year=1930))) == {
        0: "time_plausible"
    }


def test_each_partition_has_a_verdict_a_rule_with_its_figures():
    frame = good_rows("exposures", rows=60, hours=(0, 1)).assign(_file=FILE)
    frame.loc[frame["_partition"] == hour_key(1), "user_id"] = "stranger"
    history = pd.DataFrame(
        {
            "start_ms": [START_MS - day * DAY_MS for day in range(1, 6)],
            "rows": 50,
            "kept": 50,
            "clicks": 10.0,
        },
        index=[f"day {day}" for day in range(5)],
    )
    result = gate("exposures", frame, context("exposures", hours=(0, 1), history=history))
    good, bad = result.verdicts[hour_key(0)], result.verdicts[hour_key(1)]
    rules = ["schema", "share_quarantined", "clock_skew", "row_count", "click_rate"]
    assert [verdict.rule for verdict in good] == [verdict.rule for verdict in bad] == rules
    assert all(verdict.passed for verdict in good)
    assert [verdict.passed for verdict in bad] == [True, False, True, True, True]
    schema, share, _, count, rate = good
    assert (schema.observed, schema.low, schema.high) == (0, None, 0)
    assert (share.observed, share.low, share.high) == (0, None, 0.1)
    assert count.observed == 60 and 0 <= count.low < 60 < count.high
    assert count.message.endswith(
        f"60 rows, while the same hour of 5 former days gives {count.low:.0f} to {count.high:.0f}"
    )
    assert rate.low < rate.observed < rate.high
    assert (bad[1].observed, bad[1].message) == (1.0, result.batch_failures[hour_key(1)][0].message)
    assert "stranger" in bad[1].message and "stranger" not in share.message
    _, _, _, count, rate = bad  # hour 1 has no history, and no kept row
    assert (count.low, count.high, rate.observed) == (None, None, None)
    assert "not judged" in count.message and "min_history_days" in count.message
    assert "not judged" in rate.message


def test_a_wrong_limit_names_key_value_and_the_limits_that_there_are():
    assert GateSettings.of({}) == GateSettings()
    assert GateSettings.of({"row_count_spread": 0.4, "min_history_days": 5.0}) == GateSettings(
        row_count_spread=0.4, min_history_days=5
    )
    for limits, words in [
        ({"row_count_spred": 0.4}, "'row_count_spred' = 0.4 is no limit"),
        ({"max_quarantined_share": 3}, "'max_quarantined_share' = 3 does not fit"),
        ({"min_history_days": 2.5}, "'min_history_days' = 2.5 does not fit"),
    ]:
        with pytest.raises(ValueError, match=r'"gate" in source\.json') as raised:
            GateSettings.of(limits)
        assert words in str(raised.value)
        assert all(name in str(raised.value) for name in GateSettings.model_fields)


def test_every_limit_that_a_remedy_names_is_one_that_can_be_set():
    named = {}
    for path in FOLDER.glob("*.json"):
        for expectation in json.loads(path.read_text())["expectations"]:
            for text in re.findall(r'"gate": (\{.*?\}) in source.json', expectation["meta"]["remedy"]):
                named |= json.loads(text)
    assert {"row_count_spread", "click_rate_spread", "level_spread", "max_quarantined_share"} <= set(named)
    defaults = GateSettings()
    for name, value in named.items():
        assert getattr(GateSettings.of({name: value}), name) != getattr(defaults, name), name
