"""For each row rule a row that breaks it, beside neighbours that do not."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest

from expectations.gate import gate
from expectations.settings import GateSettings
from expectations.suites import rules, tables
from tests.expectations.frames import (
    DAY_MS,
    HOUR_MS,
    START_MS,
    caught,
    columns,
    context,
    good_rows,
    hour_key,
    judge,
    set_value,
)

ISO = "2022-05-01T00:30:00Z"

# table, rule, column → values that break the rule, values of the same column that do not
CASES = [
    ("exposures", "required", "exposure_id", [None, "", float("nan")], ["x", 7]),
    ("exposures", "required", "clicked", [None, ""], [True, 0, "1", "false", 1.0]),
    ("exposures", "typed", "shown_at", ["soon", True, 1.5, [1]], [ISO, START_MS, str(START_MS)]),
    ("exposures", "typed", "user_id", [True, 1.5, dt.date(2022, 5, 1)], ["u1", b"u1"]),
    ("exposures", "typed", "clicked", ["maybe", "nan"], ["TRUE", "0.0"]),
    ("exposures", "typed", "dwell_seconds", ["long", True, "1,5"], ["1.5", "1e3", 12, "", None]),
    ("exposures", "time_zone", "shown_at", ["2022-05-01T00:30:00", dt.datetime(2022, 5, 1), "2022-05-01"],
     ["2022-05-01T08:30:00.5+08:00", "2022-05-01 00:30Z", dt.datetime(2022, 5, 1, tzinfo=dt.UTC)]),
    ("exposures", "text_utf8", "exposure_id", [b"\xff", "\ud800x"], [b"ok", "zażółć", "名"]),
    ("exposures", "text_utf8", "ctx_slot", [b"\xc3("], ["ü", b"\xc3\xbc"]),
    ("exposures", "id_length", "exposure_id", ["x" * 129], ["x" * 128, "ä" * 128]),
    ("exposures", "text_length", "ctx_slot", ["x" * 513], ["x" * 512, 3, None]),
    ("exposures", "finite", "ctx_slot", [float("inf")], [1.5]),
    ("exposures", "time_not_future", "shown_at", [START_MS + 366 * DAY_MS, "2122-05-01T00:00:00Z"], [ISO]),
    ("exposures", "time_in_partition", "shown_at",
     [START_MS - 1, START_MS + HOUR_MS, "2022-05-01T00:30:00+08:00"], [START_MS, START_MS + HOUR_MS - 1]),
    ("exposures", "click_value", "clicked", [2, -1, 0.5, "3"], [0, 1]),
    ("exposures", "finite", "dwell_seconds", ["nan", "inf", "-Infinity", float("inf")], [None, 0]),
    ("exposures", "dwell_range", "dwell_seconds", [-0.001, 86_400.5, "-1"], [0, 86_400, "86400"]),
    ("exposures", "user_known", "user_id", ["stranger", 99], ["u0", b"u39"]),
    ("exposures", "item_known", "item_id", ["stranger"], ["i0"]),
    ("external_clicks", "received_after_occurred", "occurred_at", [START_MS + 2 * HOUR_MS], [START_MS]),
    ("external_clicks", "time_not_future", "occurred_at", ["2122-05-01T00:00:00Z"], [START_MS - DAY_MS]),
    ("external_clicks", "time_in_partition", "received_at", [START_MS + 3 * HOUR_MS], [START_MS]),
    ("external_clicks", "domain_known", "domain", ["radio", "Video"], ["shop", b"video"]),
    ("external_clicks", "required", "domain", [None], ["shop"]),
    ("external_clicks", "text_length", "domain", ["x" * 513], ["shop"]),
    ("users", "required", "user_id", [None], ["someone"]),
    ("users", "text_utf8", "tier", [b"\xff"], ["gold", None, 3, True]),
    ("users", "user_id_unique", "user_id", ["u3"], ["u3000"]),
    ("items", "item_id_unique", "item_id", ["i3"], ["i3000"]),
    ("items", "time_zone", "published_at", ["2022-05-01"], [None, "", START_MS - 90 * DAY_MS]),
    ("items", "time_not_future", "published_at", ["2122-05-01T00:00:00Z"], [ISO]),
    ("items", "typed", "published_at", ["yesterday"], [ISO]),
]  # fmt: skip


@pytest.mark.parametrize(("table", "rule", "column", "bad", "good"), CASES)
def test_rule_catches_its_row_and_no_neighbour(table, rule, column, bad, good):
    frame = good_rows(table, rows=20)
    for row, value in enumerate([*bad, *good], start=10):
        frame = set_value(frame, row, column, value)
    if table == "external_clicks" and column == "received_at":
        frame["occurred_at"] = START_MS - HOUR_MS
    result = judge(table, frame)
    assert caught(result) == {10 + place: rule for place in range(len(bad))}
    assert set(result.quarantined["column"]) == {
        column if rule != "received_after_occurred" else "received_at"
    }
    assert result.quarantined["remedy"].str.len().min() > 20
    assert len(result.kept) + len(result.quarantined) == 20


def test_every_row_rule_has_a_case():
    cased = {(table, rule) for table, rule, *_ in CASES}
    elsewhere = {("exposures", "exposure_id_unique"), ("exposures", "exposure_id_new")}
    # Rules that a table shares with exposures are told by the same facts.
    shared = {rule for table, rule in cased if table == "exposures"}
    missing = {
        (table, rule)
        for table in tables()
        for rule in rules(table)
        if (table, rule) not in cased | elsewhere and rule not in shared
    }
    assert missing == set()


def test_first_of_duplicates_is_kept_and_the_later_quarantined():
    frame = good_rows("exposures", rows=10)
    frame["exposure_id"] = ["a", "b", "a", "c", "a", "d", "e", "f", "g", "h"]
    result = judge("exposures", frame)
    assert caught(result) == {2: "exposure_id_unique", 4: "exposure_id_unique"}


def test_a_good_copy_is_kept_where_the_first_copy_is_broken():
    frame = good_rows("exposures", rows=10)
    frame["exposure_id"] = ["a", "b", "a", "c", "a", "d", "e", "f", "g", "h"]
    result = judge("exposures", set_value(frame, 0, "user_id", "stranger"))
    assert caught(result) == {0: "user_known", 4: "exposure_id_unique"}


def test_id_of_another_partition_is_quarantined_in_one_call_or_in_two():
    frame = good_rows("exposures", rows=5, hours=(0, 1))
    frame.loc[7, "exposure_id"] = frame.loc[2, "exposure_id"]
    together = gate("exposures", frame, context("exposures", hours=(0, 1)))
    second = frame[frame["_partition"] == hour_key(1)]
    ids = {"e0-2", "e0-4"}
    alone = gate(
        "exposures", second, context("exposures", hours=(1,), existing_ids=lambda asked: ids & set(asked))
    )
    assert caught(together) == caught(alone) == {2: "exposure_id_new"}
    assert together.quarantined["partition"].tolist() == [hour_key(1)]


def test_grace_keeps_young_rows_of_unknown_users_and_quarantines_old_ones():
    frame = good_rows("exposures", rows=4)
    frame["shown_at"] = [START_MS, START_MS + 1, START_MS + 30 * 60_000, START_MS + HOUR_MS - 1]
    frame["user_id"] = ["late", "u1", "late", "late"]
    grace = GateSettings(dimension_grace_hours=2)
    result = judge("exposures", frame, settings=grace, now_ms=START_MS + 2 * HOUR_MS + 30 * 60_000)
    assert caught(result) == dict.fromkeys((0, 2), "user_known")  # row 2 is two hours old to the ms
    assert caught(judge("exposures", frame)) == dict.fromkeys((0, 2, 3), "user_known")


def test_a_row_that_breaks_several_rules_is_quarantined_once_with_all_of_them():
    frame = set_value(good_rows("exposures", rows=5), 2, "dwell_seconds", -1)
    frame = set_value(set_value(frame, 2, "item_id", "stranger"), 2, "shown_at", START_MS - 1)
    quarantined = judge("exposures", frame).quarantined
    assert quarantined["rule"].tolist() == ["time_in_partition"]
    assert quarantined["rules"].tolist() == ["time_in_partition,dwell_range,item_known"]
    assert quarantined["value"].tolist() == [str(START_MS - 1)]


def test_empty_domains_take_any_and_unchecked_dimensions_take_any():
    clicks = set_value(good_rows("external_clicks"), 3, "domain", "radio")
    assert caught(judge("external_clicks", clicks, domains=())) == {}
    strangers = set_value(good_rows("exposures"), 3, "user_id", "stranger")
    assert caught(judge("exposures", strangers, known={})) == {}


@pytest.mark.parametrize("table", tables())
def test_kept_columns_have_the_contracts_types(table):
    raw = good_rows(table, rows=12)
    as_text = raw.copy()
    for name in columns(table):
        as_text[name] = raw[name].astype(object).map(lambda value: None if pd.isna(value) else str(value))
    wanted = {
        "id": "str",
        "category": "str",
        "number": "float64",
        "flag": "bool",
        "time": "int64",
    }
    for frame in (raw, as_text, raw.iloc[:0]):
        kept = judge(table, frame).kept
        assert len(kept) == len(frame)
        assert list(kept) == ["_partition", "_row", *columns(table)]
        for name, spec in columns(table).items():
            nullable = spec.kind == "time" and not spec.required
            assert str(kept[name].dtype) == ("Int64" if nullable else wanted[spec.kind]), name
    pd.testing.assert_frame_equal(judge(table, raw).kept, judge(table, as_text).kept)


def test_extra_columns_are_kept_out_with_one_warning():
    result = judge("exposures", good_rows("exposures").assign(colour="red", shape="round", _file="a.csv"))
    assert list(result.kept) == ["_partition", "_row", *columns("exposures")]
    assert result.warnings == (
        "exposures: column(s) colour, shape are not in the contract and were kept out",
    )


def test_unknown_table_and_partition_are_named():
    with pytest.raises(KeyError, match=r"no suite 'clicks'.*exposures"):
        gate("clicks", good_rows("exposures"), context("exposures"))
    with pytest.raises(KeyError, match=hour_key(1)):
        gate("exposures", good_rows("exposures", hours=(1,)), context("exposures", hours=(0,)))
