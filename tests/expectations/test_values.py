"""Requests and content vectors: what breaks a rule is taken as unknown and told of; no row is lost."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expectations.gate import ColumnSpec, gate
from expectations.settings import GateSettings
from expectations.suites import rules
from expectations.vectors import read_vectors, widths
from tests.expectations.frames import LIVE, context, good_rows, hour_key, judge, partition


def exposures(requests, users=None, minutes=None, items=None) -> pd.DataFrame:
    """Good exposures of hour 0 in these requests, by default of one user at one time."""
    frame = good_rows("exposures", rows=len(requests))
    frame["request_id"] = requests
    frame["user_id"] = users or ["u1"] * len(requests)
    frame["item_id"] = items or [f"i{n}" for n in range(len(requests))]
    start = frame["shown_at"].dt.floor("h")
    frame["shown_at"] = start + pd.to_timedelta(minutes or [0] * len(requests), unit="min")
    return frame


def requests_of(result) -> list:
    return (
        result.passed.sort_values("_row")["request_id"]
        .astype(object)
        .where(lambda s: s.notna(), None)
        .tolist()
    )


def test_good_requests_pass_without_a_word():
    result = judge("exposures", exposures(["a", "a", 7, 7]))
    assert requests_of(result) == ["a", "a", "7", "7"] and result.warnings == ()
    assert result.statistics_of(hour_key(0))["requests"] == 2
    assert result.statistics_of(hour_key(0))["request_unknown"] == 0


def test_a_request_of_two_users_is_taken_away_from_all_its_rows():
    result = judge("exposures", exposures(["a", "a", "b", "b"], users=["u1", "u2", "u3", "u3"]))
    assert requests_of(result) == [None, None, "b", "b"] and len(result.quarantined) == 0
    (said, share) = result.warnings
    assert "'request_id' of 2 rows is taken as unknown, the rows stay: request_one_user, such as 'a'" in said
    assert "2 of 4 rows (50.0%) have no 'request_id'" in share
    assert result.statistics_of(hour_key(0))["requests"] == 1


def test_a_request_that_outlasts_a_visit_is_taken_away():
    frame = exposures(["a", "a", "b", "b"], minutes=[0, 31, 0, 30])
    assert requests_of(judge("exposures", frame)) == [None, None, "b", "b"]
    patient = LIVE.model_copy(update={"max_request_minutes": 45.0})
    assert requests_of(judge("exposures", frame, settings=patient)) == ["a", "a", "b", "b"]
    assert GateSettings.of({"max_request_minutes": 45}).max_request_minutes == 45


def test_an_item_twice_in_a_list_is_told_of_and_stays():
    result = judge("exposures", exposures(["a", "a", "b"], items=["i1", "i1", "i1"]))
    assert requests_of(result) == ["a", "a", "b"]
    (said,) = result.warnings
    assert "'request_id' of 2 rows is odd, the rows stay: request_item_unique" in said


@pytest.mark.parametrize(
    ("value", "rule"),
    [("x" * 129, "id_length"), (b"\xff", "text_utf8"), (1.5, "typed"), (7.0, "id_form"), (True, "typed")],
)
def test_an_unreadable_request_costs_the_request_alone(value, rule):
    frame = exposures(["a", "a", "b"])
    frame["request_id"] = pd.Series(["a", "a", value], dtype=object)
    result = judge("exposures", frame)
    assert requests_of(result) == ["a", "a", None] and len(result.quarantined) == 0
    assert any(f"the rows stay: {rule}," in said and "row 2" in said for said in result.warnings)


def test_missing_requests_are_counted_and_a_source_without_them_is_not_scolded():
    result = judge("exposures", exposures(["a", None, "", "b"]))
    assert requests_of(result) == ["a", None, None, "b"]
    assert [text for text in result.warnings if "2 of 4 rows (50.0%)" in text]
    silent = judge("exposures", exposures([None] * 3).drop(columns="request_id"))
    assert silent.warnings == () and requests_of(silent) == [None] * 3
    assert silent.statistics_of(hour_key(0))["request_unknown"] == 1


def test_a_row_that_is_quarantined_spoils_no_request():
    """A row of another user that is refused anyway must not make its list one of two users."""
    frame = exposures(["a", "a", "a"], users=["u1", "u1", "stranger"])
    result = judge("exposures", frame)
    assert requests_of(result) == ["a", "a"] and list(result.quarantined["rule"]) == ["user_known"]


def test_hours_of_one_call_are_judged_as_if_they_had_come_one_by_one():
    """An id that comes again an hour later, for another account, spoils neither hour."""
    both = good_rows("exposures", rows=2, hours=(0, 1))
    both["request_id"], both["user_id"] = "a", ["u1", "u1", "u2", "u2"]
    both["shown_at"] = both["shown_at"].dt.floor("h")
    result = gate("exposures", both, context("exposures", hours=(0, 1)))
    assert requests_of(result) == ["a"] * 4


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(0, 2), st.integers(0, 59)), min_size=1, max_size=12
    )
)
def test_what_stays_of_requests_keeps_the_rules(rows):
    names, users, minutes = (list(column) for column in zip(*rows, strict=True))
    frame = exposures(names, users=[f"u{user}" for user in users], minutes=minutes)
    result = judge("exposures", frame)
    assert len(result.passed) == len(rows)
    for name in set(names):
        mine = [n for n, row in enumerate(rows) if row[0] == name]
        good = len({users[n] for n in mine}) == 1
        good &= max(minutes[n] for n in mine) - min(minutes[n] for n in mine) <= 30
        assert [requests_of(result)[n] for n in mine] == [name if good else None] * len(mine)


# Vectors.


def items(vectors, file: int = 0) -> pd.DataFrame:
    frame = pd.DataFrame({"item_id": [f"i{file}-{n}" for n in range(len(vectors))]})
    frame["embedding"] = vectors if isinstance(vectors, pd.Series) else pd.Series(vectors, dtype=object)
    return frame.assign(_partition=partition("items", file)[0], _row=range(len(vectors)))


def judge_items(*frames: pd.DataFrame, width: int | None = None):
    columns = {
        "item_id": ColumnSpec("id", True),
        "published_at": ColumnSpec("time"),
        "embedding": ColumnSpec("vector"),
    }
    files = tuple(range(len(frames)))
    return gate("items", pd.concat(frames), context("items", files, columns=columns, width=width))


def vectors_of(result) -> list:
    values = result.passed["embedding"].array.__arrow_array__().to_pylist()
    return [None if value is None else [round(number, 4) for number in value] for value in values]


@pytest.mark.parametrize(
    "vectors",
    [
        [[1.0, 2.5], [3.0, 4.0], None],
        ["[1, 2.5]", " [ 3.0 ,4e0 ] ", ""],
        [np.array([1, 2.5]), "[3, 4]", None],
        pd.Series(pd.array([[1, 2.5], [3, 4], None], dtype=pd.ArrowDtype(pa.list_(pa.float64())))),
        pd.Series(["[1,2.5]", "[3,4]", None], dtype=pd.ArrowDtype(pa.string())),
        pd.Series([b"[1,2.5]", b"[3,4]", None], dtype=pd.ArrowDtype(pa.binary())),
    ],
)
def test_every_form_of_a_vector_is_read(vectors):
    result = judge_items(items(vectors))
    assert vectors_of(result) == [[1.0, 2.5], [3.0, 4.0], None]
    assert result.passed["embedding"].dtype == pd.ArrowDtype(pa.list_(pa.float32()))
    assert result.warnings == () and not result.batch_failures


@pytest.mark.parametrize(
    ("value", "rule"),
    [
        ("[1, NaN]", "finite"),
        ([1.0, float("inf")], "finite"),
        ("[1, null]", "finite"),
        ([1e39, 0.0], "finite"),
        ("1, 2", "typed"),
        ("[1, x]", "typed"),
        ("[[1], [2]]", "typed"),
        (7, "typed"),
        ({"a": 1}, "typed"),
        ([1.0], "vector_width"),
        ([1.0, 2.0, 3.0], "vector_width"),
    ],
)
def test_a_vector_that_breaks_a_rule_costs_itself_alone(value, rule):
    result = judge_items(items([[1.0, 2.0], value, [3.0, 4.0]]))
    assert vectors_of(result) == [[1.0, 2.0], None, [3.0, 4.0]] and len(result.quarantined) == 0
    (said,) = result.warnings
    assert f"'embedding' of 1 rows is taken as unknown, the rows stay: {rule}" in said and "row 1" in said


def test_a_file_of_another_width_is_stopped_with_both_widths():
    result = judge_items(items([[1.0, 2.0], [3.0, 4.0, 5.0], [3.0, 4.0, 5.0]]), width=2)
    ((failure,),) = result.batch_failures.values()
    name = partition("items", 0)[0]
    assert failure.rule == "vector_width" and failure.band == (2.0, 2.0) and failure.observed == 3
    assert name in failure.message and "lists of 3 numbers, and of 2" in failure.message
    assert "column of another name" in failure.message


def test_the_first_file_of_a_call_sets_the_width_for_the_others():
    result = judge_items(items([None]), items([[1.0, 2.0]], 1), items([[1.0]], 2), items([[5.0, 6.0]], 3))
    assert list(result.batch_failures) == [partition("items", 2)[0]]


def test_a_table_without_vectors_has_no_rule_of_them():
    result = judge("items", good_rows("items"))
    assert not [said for said in result.verdicts[partition("items", 0)[0]] if said.rule == "vector_width"]
    none = judge_items(items([None, None]))
    (said,) = [v for v in none.verdicts[partition("items", 0)[0]] if v.rule == "vector_width"]
    assert said.passed and "not judged" in said.message


@given(st.lists(st.one_of(st.none(), st.lists(st.floats(width=32), max_size=4)), max_size=8))
def test_lists_and_their_text_are_read_alike(vectors):
    arrow = pd.Series(pd.array(vectors, dtype=pd.ArrowDtype(pa.list_(pa.float32()))))
    text = [None if vector is None else json.dumps(vector) for vector in vectors]
    text = pd.Series(pd.array(text, dtype=pd.ArrowDtype(pa.string())))
    one, other = read_vectors(arrow), read_vectors(text)
    for name in ("missing", "typed", "finite"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    np.testing.assert_array_equal(widths(one.values), widths(other.values))
    np.testing.assert_array_equal(
        one.values.__arrow_array__().combine_chunks().flatten().to_numpy(),
        other.values.__arrow_array__().combine_chunks().flatten().to_numpy(),
    )
    assert list(widths(one.values)) == [len(vector or ()) for vector in vectors]


def test_the_rules_of_values_are_these():
    assert set(rules("exposures", of_values=True)) == {
        *("text_utf8", "typed", "id_length", "id_form"),
        *("request_one_user", "request_time", "request_item_unique"),
    }
    for table in ("users", "items"):
        assert set(rules(table, of_values=True)) == {"typed", "finite", "vector_width"}
