"""Raw values: read by the contract whatever form they have, and carried through quarantine without loss."""

from __future__ import annotations

import datetime as dt
import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from expectations.parsing import parse
from expectations.row_json import MAX_VALUE_LENGTH, decode_rows, encode_rows, value_text
from tests.expectations.frames import START_MS, caught, good_rows, judge, set_value


def arrow(values: list, type_: pa.DataType) -> pd.Series:
    return pd.Series(pa.array(values, type_), dtype=pd.ArrowDtype(type_))


@pytest.mark.parametrize(
    "raw",
    [
        pd.Series(["7", "8", None]),
        pd.Series([7, 8, None], dtype="Int64"),
        pd.Series([b"7", "8", ""], dtype=object),
        arrow([7, 8, None], pa.uint64()),
        arrow([b"7", b"8", None], pa.binary()),
        arrow(["7", "8", None], pa.large_string()),
        pd.Series(["7", "8", None]).astype("category"),
    ],
    ids=lambda raw: str(raw.dtype),
)
def test_an_id_is_the_same_text_in_every_form(raw):
    column = parse(raw, "id")
    assert column.values[:2].tolist() == ["7", "8"]
    assert column.missing.tolist() == [False, False, True]
    assert column.typed.all() and column.utf8.all()


@pytest.mark.parametrize(
    "raw",
    [
        pd.to_datetime(pd.Series([START_MS, None]), unit="ms", utc=True),
        pd.to_datetime(pd.Series([START_MS, None]), unit="ms", utc=True).dt.tz_convert("Etc/GMT-8"),
        arrow([START_MS * 1000, None], pa.timestamp("us", "UTC")),
        pd.Series([START_MS, None], dtype="Int64"),
        pd.Series(["2022-05-01T08:00:00+08:00", ""]),
        pd.Series([" 2022-05-01 00:00:00.000Z", None]),
        pd.Series([str(START_MS), None]),
        pd.Series([dt.datetime(2022, 5, 1, tzinfo=dt.UTC), None], dtype=object),
        pd.Series([float(START_MS), np.nan]),
    ],
)
def test_an_instant_is_the_same_millisecond_in_every_form(raw):
    column = parse(raw, "time")
    assert column.values[0] == START_MS
    assert column.present.tolist() == [True, False]
    assert column.missing.tolist() == [False, True]


def test_arrow_tells_nan_from_null_and_the_gate_refuses_only_nan():
    dwell = arrow([1.0, float("nan"), None, float("inf")], pa.float64())
    frame = good_rows("exposures", rows=4).assign(dwell_seconds=dwell)
    assert caught(judge("exposures", frame)) == {1: "finite", 3: "finite"}


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(st.characters(codec=None), max_size=5),
    st.binary(max_size=5),
    st.datetimes(dt.datetime(1980, 1, 1), dt.datetime(2100, 1, 1)),
    st.datetimes(dt.datetime(1980, 1, 1), dt.datetime(2100, 1, 1), timezones=st.just(dt.UTC)),
    st.lists(st.integers(), max_size=2),
)


@given(
    values=st.lists(scalars, max_size=8),
    kind=st.sampled_from(["id", "category", "time", "flag", "number"]),
)
def test_any_value_is_missing_readable_or_refused_and_never_an_exception(values, kind):
    column = parse(pd.Series(values, dtype=object), kind)
    refused = ~(column.typed & column.zoned & column.utf8)
    assert (column.missing.astype(int) + column.present + refused == 1).all()
    for value, present in zip(column.values, column.present, strict=True):
        if present and kind in ("id", "category"):
            value.encode("utf-8")
            assert value


@example(["NaN"])
@given(st.lists(scalars, min_size=1, max_size=6))
def test_a_row_comes_back_from_quarantine_as_it_was(values):
    raw = pd.DataFrame({"a": pd.Series(values, dtype=object), "b": range(len(values))})
    lines = encode_rows(raw)
    assert all(line.isascii() for line in lines)
    for line in lines:  # valid JSON, which has no NaN and no infinity
        json.loads(line, parse_constant=pytest.fail)
    back = decode_rows(lines)
    for kind in ("id", "category", "time", "flag", "number"):
        before, after = parse(raw["a"], kind), parse(back["a"], kind)
        for name in ("missing", "typed", "zoned", "utf8"):
            np.testing.assert_array_equal(getattr(before, name), getattr(after, name), (kind, name))
        present = before.present
        np.testing.assert_array_equal(before.values[present], after.values[present])


def test_quarantined_rows_are_caught_again_by_the_same_rules():
    frame = good_rows("exposures", rows=6)
    for row, (column, value) in enumerate(
        [
            ("user_id", "\ud800"),
            ("ctx_slot", b"\xff"),
            ("dwell_seconds", float("inf")),
            ("shown_at", pd.Timestamp("2022-05-01 00:10")),
        ]
    ):
        frame = set_value(frame, row, column, value)
    first = judge("exposures", frame)
    again = decode_rows(first.quarantined["row_json"].tolist())
    again = again.assign(
        _partition=first.quarantined["partition"].to_numpy(), _row=first.quarantined["row"].to_numpy()
    )
    second = judge("exposures", again)
    assert len(first.quarantined) == 4
    pd.testing.assert_frame_equal(first.quarantined, second.quarantined)


def test_a_value_is_shown_printable_and_bounded():
    assert value_text("\ud800") == "\\ud800"
    assert value_text(b"\xff") == "b'\\xff'"
    assert value_text(None) is None
    assert value_text(float("nan")) == "nan"
    assert len(value_text("x" * 5000)) == MAX_VALUE_LENGTH
