"""For each row rule a row that breaks it, beside neighbours that do not."""

from __future__ import annotations

import datetime as dt

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
    ("exposures", "id_form", "user_id", [1234567.0, "1234567.0", "9.1e+18", 2.0**60, "1E+9"], ["u1", "u2"]),
    ("exposures", "id_form", "exposure_id", ["12.00", -3.0],
     [12, "13", "1.5.0", "v1.0", "12e45678", "1e5", "0x1.0", "12.5"]),
    ("users", "id_form", "user_id", ["7.0"], ["7", 8]),
    ("items", "id_form", "item_id", ["7.0"], ["7", 8]),
    ("external_clicks", "id_form", "item_id", [3.0], ["i1"]),
    ("purchases", "id_form", "user_id", ["7.0"], ["7", "u9"]),
    ("points", "id_form", "user_id", ["7.0"], ["7"]),
    ("demographics", "id_form", "user_id", [7.0], [7]),
    ("labels", "id_form", "user_id", ["7.0"], ["7"]),
    ("exposures", "text_length", "ctx_slot", ["x" * 513], ["x" * 512, 3, None]),
    ("exposures", "finite", "ctx_slot", [float("inf")], [1.5]),
    ("exposures", "time_unit", "shown_at",
     [START_MS // 1000, str(START_MS // 1000), START_MS * 1000, START_MS * 10**6, 0, "1970-01-20T00:00:00Z"],
     [START_MS, ISO]),
    ("exposures", "time_plausible", "shown_at", ["1989-12-31T23:59:59Z", "1904-01-01T00:00:00Z", -(10**12)],
     [ISO]),
    ("external_clicks", "time_unit", "occurred_at", [START_MS // 1000, 0], [START_MS - 90 * DAY_MS]),
    ("external_clicks", "time_plausible", "occurred_at", ["1980-01-06T00:00:00Z"], ["1990-01-01T00:00:00Z"]),
    ("external_clicks", "time_unit", "received_at", [START_MS // 1000], [START_MS]),
    ("items", "time_unit", "published_at", [START_MS // 1000, START_MS * 1000, START_MS * 10**6, 0],
     ["1931-03-11T00:00:00Z", "1971-03-11T00:00:00Z"]),
    ("items", "time_plausible", "published_at", ["1900-01-01T00:00:00Z", "1601-01-01T00:00:00Z"],
     ["1901-01-01T00:00:00Z"]),
    ("purchases", "time_unit", "purchased_at", [START_MS // 1000], [START_MS]),
    ("points", "time_unit", "occurred_at", [START_MS * 1000], [START_MS]),
    ("labels", "time_unit", "observed_at", [START_MS // 1000, START_MS * 10**6], [START_MS - 90 * DAY_MS]),
    ("labels", "time_plausible", "observed_at", ["1899-12-30T00:00:00Z"], [ISO]),
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
    ("items", "time_not_future", "published_at", ["2122-05-01T00:00:00Z", START_MS + 396 * DAY_MS],
     [ISO, START_MS + 394 * DAY_MS]),
    ("items", "typed", "published_at", ["yesterday"], [ISO]),
    ("purchases", "required", "price", [None, ""], [0, "3.5"]),
    ("purchases", "required", "genre", [None], ["a"]),
    ("purchases", "price_range", "price", [-0.01, "-3"], [0, 0.0, "1e3"]),
    ("purchases", "finite", "price", ["nan", float("inf")], [1]),
    ("purchases", "typed", "price", ["dear", True], ["2"]),
    ("purchases", "genre_path", "genre", ["/a", "a/", "a//b", " /a", "a/b/c/d/e/f", "/"],
     ["a", "a b/c", "a/b/c/d/e", 3]),
    ("purchases", "text_utf8", "genre", [b"\xff/a"], [b"a/b"]),
    ("purchases", "text_length", "genre", ["a/" + "x" * 511], ["a/" + "x" * 510]),
    ("purchases", "text_utf8", "brand", [b"\xff"], [None, 12]),
    ("purchases", "time_in_partition", "purchased_at", [START_MS - 1, START_MS + DAY_MS], [START_MS]),
    ("purchases", "time_not_future", "purchased_at", ["2122-05-01T00:00:00Z"], [ISO]),
    ("purchases", "cancelled_value", "cancelled", [2, 0.5], [0, "false"]),
    ("purchases", "cancelled_known", "cancelled", [1, True, "true"], [0, False]),
    ("points", "kind_known", "kind", ["gold", "Standard"], ["standard", "limited", "used"]),
    ("points", "finite", "amount", ["nan", "-inf"], [-5, 0, "7.5"]),
    ("points", "time_in_partition", "occurred_at", [START_MS + DAY_MS], [START_MS]),
    ("demographics", "finite", "age", ["inf", "nan"], [None, "", 30, "30.5"]),
    ("demographics", "typed", "age", ["old"], [3]),
    ("demographics", "text_utf8", "age", [b"\xff"], [b"30"]),
    ("demographics", "user_id_unique", "user_id", ["u3"], ["u3000"]),
    ("labels", "label_value", "label", [2, -1], [0, 1, "true"]),
    ("labels", "time_not_future", "observed_at", ["2122-05-01T00:00:00Z"], [ISO, START_MS - 90 * DAY_MS]),
    ("labels", "required", "task", [None], ["loyal"]),
]  # fmt: skip


@pytest.mark.parametrize(("table", "rule", "column", "bad", "good"), CASES)
def test_rule_catches_its_row_and_no_neighbour(table, rule, column, bad, good):
    frame = good_rows(table, rows=20)
    for row, value in enumerate([*bad, *good], start=10):
        frame = set_value(frame, row, column, value)
    if table == "external_clicks" and column == "received_at":
        frame["occurred_at"] = START_MS - HOUR_MS
    result = judge(table, frame)
    assert caught(result) == {10 + position: rule for position in range(len(bad))}
    assert set(result.quarantined["column"]) == {
        column if rule != "received_after_occurred" else "received_at"
    }
    assert result.quarantined["remedy"].str.len().min() > 20
    assert len(result.passed) + len(result.quarantined) == 20


def test_every_row_rule_has_a_case():
    cased = {(table, rule) for table, rule, *_ in CASES}
    elsewhere = {
        ("exposures", "exposure_id_unique"),
        ("exposures", "exposure_id_new"),
        ("labels", "label_unique"),
    }
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


def test_a_label_is_one_answer_of_a_user_task_and_moment():
    frame = good_rows("labels", rows=6)
    frame.loc[4, ["user_id", "task", "observed_at"]] = frame.loc[1, ["user_id", "task", "observed_at"]]
    frame.loc[5, ["user_id", "task"]] = frame.loc[1, ["user_id", "task"]].to_numpy()  # of another moment
    result = judge("labels", frame)
    assert caught(result) == {4: "label_unique"}
    assert result.quarantined["column"].tolist() == ["user_id"]


def cancellations() -> pd.DataFrame:
    """Ten purchases and, in rows 10 to 15, cancellations of the first six of them, a second later."""
    frame = good_rows("purchases", rows=16)
    frame["purchased_at"] = pd.to_datetime(START_MS + 1000 * frame["_row"], unit="ms", utc=True)
    frame["brand"], frame["cancelled"] = "x", frame["_row"] >= 10
    for row in range(6):
        frame.loc[10 + row, ["user_id", "genre"]] = frame.loc[row, ["user_id", "genre"]]
    frame.loc[6, ["user_id", "genre"]] = ["u1", "food/fruit/6"]
    return frame


def test_a_cancellation_needs_a_purchase_before_it():
    assert caught(judge("purchases", cancellations())) == {}
    wrong = cancellations()
    wrong.loc[10, "user_id"] = "u-other"
    wrong.loc[11, "genre"] = "food/bread/1"
    wrong.loc[12, "brand"] = "y"
    wrong.loc[13, "brand"] = None  # says no brand: a purchase of any brand will do
    wrong.loc[4, "purchased_at"] = wrong.loc[14, "purchased_at"] + pd.Timedelta("1ms")
    wrong.loc[5, "purchased_at"] = wrong.loc[15, "purchased_at"]  # the same moment is early enough
    assert caught(judge("purchases", wrong)) == dict.fromkeys((10, 11, 12, 14), "cancelled_known")


def test_a_cancellation_is_no_purchase_and_a_quarantined_purchase_is_none():
    frame = cancellations()
    frame.loc[0, "cancelled"] = True
    frame.loc[1, "price"] = -1
    assert caught(judge("purchases", frame)) == {
        0: "cancelled_known", 1: "price_range", 10: "cancelled_known", 11: "cancelled_known",
    }  # fmt: skip


def test_a_cancellation_of_a_stored_purchase_asks_the_warehouse_once_and_only_for_what_is_open():
    asked = []

    def purchased(keys: pd.DataFrame) -> np.ndarray:
        asked.append(keys.to_numpy().tolist())
        return np.where(keys["genre"] == "food/fruit/0", START_MS - DAY_MS, np.nan)

    frame = cancellations().drop(index=[0, 1]).reset_index(drop=True)
    assert caught(judge("purchases", frame, purchased=purchased)) == {11: "cancelled_known"}
    ((first, second),) = asked
    assert first[1:] == ["food/fruit/0", "x"] and second[1:] == ["food/fruit/1", "x"]
    late = judge("purchases", frame, purchased=lambda keys: np.full(len(keys), START_MS + DAY_MS))
    assert caught(late) == dict.fromkeys((10, 11), "cancelled_known")


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
    dtypes = {
        "id": "str",
        "category": "str",
        "number": "float64",
        "flag": "bool",
        "time": "int64",
    }
    for frame in (raw, as_text, raw.iloc[:0]):
        rows = judge(table, frame).passed
        assert len(rows) == len(frame)
        assert list(rows) == ["_partition", "_row", *columns(table)]
        for name, spec in columns(table).items():
            nullable = spec.kind == "time" and not spec.required
            assert str(rows[name].dtype) == ("Int64" if nullable else dtypes[spec.kind]), name
    pd.testing.assert_frame_equal(judge(table, raw).passed, judge(table, as_text).passed)


def test_extra_columns_are_kept_out_with_one_warning():
    result = judge("exposures", good_rows("exposures").assign(colour="red", shape="round", _file="a.csv"))
    assert list(result.passed) == ["_partition", "_row", *columns("exposures")]
    assert result.warnings == (
        "exposures: column(s) colour, shape are not in the contract and were kept out",
    )


def test_unknown_table_and_partition_are_named():
    with pytest.raises(KeyError, match=r"no suite 'clicks'.*exposures"):
        gate("clicks", good_rows("exposures"), context("exposures"))
    with pytest.raises(KeyError, match=hour_key(1)):
        gate("exposures", good_rows("exposures", hours=(1,)), context("exposures", hours=(0,)))
