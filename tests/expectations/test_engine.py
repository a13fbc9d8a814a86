"""One expectation's exception is its own: it stops the batch, and every other rule is judged."""

from __future__ import annotations

import copy
import html

import great_expectations as gx
import numpy as np
import pandas as pd
import pytest
from great_expectations.data_context.types.base import ProgressBarsConfig
from hypothesis import given, settings
from hypothesis import strategies as st

import expectations.gate as gate_module
from expectations.admission import ColumnSpec
from expectations.data_docs import render
from expectations.engine import Engine
from expectations.row_facts import subject
from expectations.suites import read_suite, row_rules, rules, tables
from tests.expectations.frames import caught, columns, context, good_rows, hour_key, judge, set_value

FRAME = pd.DataFrame({"a": [1, 2, 30], "b": [2.0, np.nan, 1.0], "s": ["x", "y", "z"]})


def rule(name: str, type_: str, **kwargs) -> dict:
    return {"type": type_, "kwargs": kwargs, "meta": {"rule": name, "remedy": "correct it"}}


SMALL = rule("small", "expect_column_values_to_be_between", column="a", max_value=10)
RAISING = [
    rule("absent", "expect_column_values_to_be_in_set", column="nowhere", value_set=[1]),
    rule("pattern", "expect_column_values_to_match_regex", column="s", regex="(["),
    rule("compared", "expect_column_values_to_be_between", column="s", min_value=3),
    rule("unknown", "expect_column_values_to_be_wonderful", column="a"),
    rule("parameter", "expect_column_values_to_be_between", column="a", max_value={"$PARAMETER": "nobody"}),
]


@pytest.mark.parametrize("raising", RAISING, ids=lambda raising: raising["meta"]["rule"])
def test_an_exception_does_not_cascade(raising):
    pair = rule(
        "pair", "expect_column_pair_values_a_to_be_greater_than_b", column_A="b", column_B="a",
        ignore_row_if="either_value_is_missing",
    )  # fmt: skip
    verdicts = Engine().validate([SMALL, raising, pair], FRAME, {})
    assert [verdict.failing.tolist() for verdict in verdicts] == [[2], [], [2]]
    assert verdicts[0].error is None and verdicts[2].error is None
    assert verdicts[1].error


NUMBERS = st.lists(st.one_of(st.none(), st.floats(-5, 5, width=16)), min_size=1, max_size=8)
JUDGED = [
    rule("a", "expect_column_values_to_not_be_null", column="number"),
    rule("b", "expect_column_values_to_be_null", column="other"),
    rule("c", "expect_column_values_to_be_between", column="number", min_value=-1,
         max_value={"$PARAMETER": "x"}),
    rule("d", "expect_column_values_to_be_in_set", column="other", value_set=[0.0, 1.0]),
    rule("e", "expect_column_pair_values_a_to_be_greater_than_b", column_A="number", column_B="other",
         or_equal=True, ignore_row_if="either_value_is_missing"),
    rule("f", "expect_compound_columns_to_be_unique", column_list=["text", "other"],
         ignore_row_if="any_value_is_missing"),
    rule("g", "expect_column_value_lengths_to_be_between", column="text", min_value=1, max_value=3),
    rule("h", "expect_column_values_to_match_regex", column="text", regex="^[a-c]+$"),
    rule("i", "expect_column_values_to_not_match_regex", column="text", regex="^[0-9]+$"),
]  # fmt: skip


@pytest.fixture(scope="module")
def library():
    """A batch of Great Expectations' public interface, from a frame."""
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    asset = context.data_sources.add_pandas("tests").add_dataframe_asset("frame")
    definition = asset.add_batch_definition_whole_dataframe("whole")
    return lambda frame: definition.get_batch(batch_parameters={"dataframe": frame})


@settings(max_examples=8)
@given(numbers=NUMBERS, data=st.data())
def test_the_library_itself_says_the_same(library, numbers, data):
    size = len(numbers)
    others = data.draw(st.lists(st.sampled_from([None, 0.0, 1.0, 2.0]), min_size=size, max_size=size))
    texts = data.draw(
        st.lists(st.sampled_from([None, "a", "ab", "12", "", "abcd"]), min_size=size, max_size=size)
    )
    frame = pd.DataFrame(
        {
            "number": pd.Series(numbers, dtype=float),
            "other": pd.Series(others, dtype=float),
            "text": pd.Series(texts, dtype="str"),
        }
    )
    public = library(frame).validate(
        gx.ExpectationSuite(name="s", expectations=copy.deepcopy(JUDGED)),
        result_format={"result_format": "COMPLETE"},
        expectation_parameters={"x": 2},
    )
    answers = {result.expectation_config.meta["rule"]: result for result in public.results}
    for verdict in Engine().validate(JUDGED, frame, {"x": 2}):
        answer = answers[verdict.rule]
        assert verdict.error is None
        assert verdict.failing.tolist() == sorted(answer.result.get("unexpected_index_list") or [])
        assert (not len(verdict.failing)) == answer.success
        for figure in ("element_count", "unexpected_count", "missing_count", "unexpected_percent"):
            assert verdict.result.get(figure) == answer.result.get(figure), (verdict.rule, figure)


def test_an_exception_inside_one_row_rule_fails_the_batch_and_keeps_the_others(monkeypatch):
    def with_broken_rule(name):
        suite = copy.deepcopy(read_suite(name))
        if name == "exposures":
            suite["expectations"].insert(0, RAISING[1] | {"kwargs": {"column": "user_id", "regex": "(["}})
        return suite

    monkeypatch.setattr(gate_module, "read_suite", with_broken_rule)
    result = judge("exposures", set_value(good_rows("exposures"), 5, "dwell_seconds", -1))
    (failure,) = result.batch_failures[hour_key(0)]
    assert (failure.rule, failure.observed) == ("pattern", None)
    assert "user_id" in failure.message and "could not be judged" in failure.message
    assert caught(result) == {5: "dwell_range"}


def test_an_exception_inside_one_batch_rule_fails_every_partition(monkeypatch):
    def with_broken_rule(name):
        suite = copy.deepcopy(read_suite(name))
        if name == "exposures_batch":
            suite["expectations"][0]["kwargs"]["column"] = "nowhere"
        return suite

    monkeypatch.setattr(gate_module, "read_suite", with_broken_rule)
    result = judge("exposures", good_rows("exposures"))
    assert [failure.rule for failure in result.batch_failures[hour_key(0)]] == ["schema"]


@pytest.mark.parametrize("name", [f"{table}{part}" for table in tables() for part in ("", "_batch")])
def test_suites_are_great_expectations_suites(name):
    stored = read_suite(name)
    suite = gx.ExpectationSuite(**copy.deepcopy(stored))
    assert len(suite.expectations) == len(stored["expectations"]) > 1
    assert suite.name == name
    assert all(len(remedy) > 20 for remedy in rules(name).values())


@pytest.mark.parametrize("table", tables())
def test_every_column_of_the_contract_is_judged_by_kind(table):
    """A column that joins the contract without rules would pass unjudged."""
    judged = {
        (expectation["meta"]["rule"], subject(expectation))
        for expectation in row_rules(read_suite(table), columns(table), {"domains": ["video"]})
    }
    for name, spec in columns(table).items():
        assert ("typed", name) in judged and ("text_utf8", name) in judged
        assert not spec.required or ("required", name) in judged
        timed = {"time_zone", "time_unit", "time_plausible", "time_not_future"}
        assert spec.kind != "time" or {(rule, name) for rule in timed} <= judged
        assert spec.kind != "id" or {("id_length", name), ("id_form", name)} <= judged
        assert spec.kind != "number" or ("finite", name) in judged


def test_data_docs_are_one_page_of_what_the_gate_was_told(tmp_path, monkeypatch):
    frame = set_value(good_rows("exposures"), 5, "dwell_seconds", -1)
    result = judge("exposures", frame, data_docs=tmp_path / "data_docs")
    monkeypatch.setattr(Engine, "validate", None)  # nothing is judged again
    (tmp_path / "data_docs" / "exposures" / "index.html").write_text("half a page")
    path = render(tmp_path / "data_docs", "exposures", result)
    assert [str(entry.relative_to(tmp_path)) for entry in sorted(tmp_path.rglob("*.*"))] == [
        "data_docs/exposures/index.html"
    ]
    page = path.read_text()
    assert path == tmp_path / "data_docs" / "exposures" / "index.html"
    for words in (
        "dwell_seconds",
        "greater than or equal to",
        "dwell_range",
        "user_id is known",
        hour_key(0),
    ):
        assert words in page
    assert 'href="../' not in page and "web-assets" not in page


def test_a_page_of_many_partitions_and_long_values_stays_small(tmp_path):
    hours = tuple(range(72))
    frame = good_rows("exposures", rows=30, hours=hours).astype({"ctx_slot": object})
    frame["ctx_slot"] = "x" * 10_000
    result = gate_module.gate("exposures", frame, context("exposures", hours=hours))
    assert len(result.quarantined) == len(frame)
    one = render(tmp_path, "exposures", judge("exposures", good_rows("exposures"))).stat().st_size
    many = render(tmp_path, "exposures", result).stat().st_size
    assert many < 2 * one


@pytest.mark.parametrize(
    "value", ["<img src=x onerror=alert(1)>", "$evil ${evil} %s {x}", "\ud800", b"\xff<b>", "a\nb"]
)
def test_values_of_logs_are_shown_and_not_interpreted(tmp_path, value):
    frame = set_value(set_value(good_rows("exposures"), 1, "dwell_seconds", value), 2, "ctx_slot", value)
    page = render(tmp_path, "exposures", judge("exposures", frame)).read_text(encoding="utf-8")
    assert "<img src=x" not in page and "<b>'" not in page
    if isinstance(value, str) and value[0] in "<$":
        assert html.escape(value).replace("$", "&#36;") in page


def test_names_of_columns_and_files_are_not_interpreted(tmp_path):
    evil = "<img src=x>"
    frame = good_rows("users").assign(_partition=f"{evil}.csv").rename(columns={"tier": evil})
    spec = {"user_id": ColumnSpec("id", True), evil: ColumnSpec("category")}
    result = judge("users", frame, columns=spec, partitions={f"{evil}.csv": None})
    page = render(tmp_path, "users", result).read_text(encoding="utf-8")
    assert evil not in page and html.escape(evil) in page


def test_a_rule_that_could_not_be_judged_is_on_the_page(tmp_path, monkeypatch):
    broken = RAISING[4] | {"kwargs": {"column": "dwell_seconds", "max_value": {"$PARAMETER": "nobody"}}}
    suite = read_suite("exposures")
    suites = {"exposures": suite | {"expectations": [broken, *suite["expectations"]]}}
    monkeypatch.setattr(gate_module, "read_suite", lambda name: suites.get(name) or read_suite(name))
    for rows in (40, 0):
        result = judge("exposures", good_rows("exposures").iloc[:rows])
        page = render(tmp_path, "exposures", result).read_text(encoding="utf-8")
        assert "Rules broken" in page and "nobody" in page
