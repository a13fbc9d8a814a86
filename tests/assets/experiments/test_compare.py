"""A comparison end to end on a small simulated source: its JSON, its resumption, its fairness."""

from __future__ import annotations

import json
import os
from dataclasses import replace

import numpy as np
import pytest

from assets.common.options import days_named
from assets.experiments.comparison import scores as scoring
from assets.experiments.comparison.compact_json import dumped, read
from assets.experiments.comparison.prepare import prepare
from assets.experiments.comparison.run import compare
from assets.experiments.comparison.settings import CompareSettings, systems_named
from assets.experiments.comparison.systems import chosen_long_term, chosen_systems, overridden
from assets.experiments.comparison.truth import day_columns, probabilities
from assets.experiments.comparison.units import MorningsUnit, left_to_score, planned
from assets.experiments.source_logs import read_day
from models.metrics import auc
from models.ranking.registry import SYSTEMS
from tests.tiny_source import DAY, tiny_source


def settings(**changes):
    fields = {"source": "simulator", "systems": ("deepfm",), "days": (DAY,), "size": "tiny"}
    return CompareSettings(**{**fields, **changes})


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    """A tiny simulated source that has passed the real gate, in a home of this module's own."""
    before = os.environ.get("HOURFOLD_HOME")
    home = tmp_path_factory.mktemp("compare")
    tiny_source(tmp_path_factory, home)
    os.environ["HOURFOLD_HOME"] = str(home)
    try:
        yield prepare(settings(), None)
    finally:
        os.environ["HOURFOLD_HOME"] = before or ""


@pytest.fixture(scope="module")
def result(logs, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "c.json"
    compared = compare(settings(systems=("deepfm", "lsttm")), logs, out)
    assert json.loads(out.read_text()) == json.loads(json.dumps(compared.document()))
    assert read(json.loads(out.read_text())) == compared
    assert not out.with_name("c.json.partial").exists()
    return compared


def test_the_json_has_the_promised_keys(result):
    document = result.document()
    assert set(document) == {
        *("source", "simulated", "settings", "tuned", "git", "data_hash", "made", "rows", "days", "summary"),
        *("pairs", "delong", "tests", "within", "levels", "held", "ablated"),
        *("segments", "calibration", "gate", "truth"),
    }
    assert len(document["rows"]) == 2 * 24
    named = {"system", "seed", "day", "hour", "exposures", "auc", "auc_static", "gate_short"}
    assert all(set(row) == named for row in document["rows"])
    for entry in document["summary"]:
        assert set(entry) >= {"system", "period1", "period2", "period3", "auc", "auc_std", "auc_error"}
        assert set(entry) >= {"auc_static", "log_loss", "gauc", "ece", "null_hours"}
    assert [entry["system"] for entry in document["summary"]] == ["deepfm", "lsttm"]
    assert document["settings"]["of"]["long_term"], "the shared graph's settings are recorded too"


def test_an_hour_with_one_class_is_null_and_counted(result):
    rows = [row for row in result.rows if row.system == "deepfm"]
    nulls = [row for row in rows if row.auc is None]
    assert nulls and result.summary[0].null_hours == len(nulls)
    first = [row.auc for row in rows if row.hour < 8 and row.auc is not None]
    assert result.summary[0].period1 == pytest.approx(np.mean(first))


def test_every_kept_exposure_of_the_day_is_scored(result, logs):
    exposures = sum(row.exposures for row in result.rows if row.system == "lsttm")
    assert exposures == len(day_columns(logs, DAY)["clicked"])


def test_the_true_probability_beats_every_system(result):
    assert result.truth.auc > max(entry.auc for entry in result.summary)
    assert len(result.truth.rows) == 24


def test_all_tests_tell_the_same_difference(result):
    (pair,), (test,), (overall,) = result.pairs, result.delong, result.tests
    assert pair.difference == pytest.approx(test.difference) == overall.difference
    assert overall.low < overall.difference < overall.high
    assert overall.p_delong == pytest.approx(test.p_value) and overall.p == overall.p_holm
    assert overall.error > 0 and result.within[0].figure == "gauc_hour"
    assert result.within[0].difference == pytest.approx(
        result.summary[0].gauc_hour - result.summary[1].gauc_hour
    )
    assert test.standard_error > 0 and 0 <= test.p_value <= 1
    one, other = (entry.auc for entry in result.summary)
    assert pair.difference == pytest.approx(one - other)


def test_static_figures_are_those_of_a_model_that_never_adapts(logs, result, tmp_path):
    asked = settings(systems=("deepfm",), overrides=("*.adaptation.online=none",))
    left_alone = compare(asked, logs, tmp_path / "none.json")
    adapted = [row for row in result.rows if row.system == "deepfm"]
    assert [row.auc_static for row in adapted] == [row.auc for row in left_alone.rows]
    assert [row.auc for row in adapted] != [row.auc_static for row in adapted]
    assert result.summary[0].auc_static == left_alone.summary[0].auc
    # What never adapts is its own twin.
    assert all(row.auc_static == row.auc for row in left_alone.rows)


def test_parts_of_a_comparison_add_up(result, logs):
    clicked = day_columns(logs, DAY)["clicked"]
    for system in ("deepfm", "lsttm"):
        mine = [entry for entry in result.segments if entry.system == system]
        for segment in ("users", "items", "item_age", "item_born", "hours_since_retrain"):
            parts = [entry for entry in mine if entry.segment == segment]
            assert sum(part.exposures for part in parts) == len(clicked)
            assert sum(part.clicks for part in parts) == clicked.sum()
    for calibration, entry in zip(result.calibration, result.summary, strict=True):
        shown = np.array([part.exposures for part in calibration.bins])
        rates = np.array([part.clicked for part in calibration.bins])
        predicted = np.array([part.predicted for part in calibration.bins])
        assert shown.sum() == len(clicked) and shown @ rates == pytest.approx(clicked.sum())
        assert (np.diff(predicted) > 0).all()
        assert entry.ece == pytest.approx(shown @ abs(predicted - rates) / shown.sum())


def test_the_gate_is_told_where_there_is_one(result):
    assert {entry.system for entry in result.gate} == {"lsttm"}
    rows = {row.hour: row for row in result.rows if row.system == "lsttm"}
    for entry in (entry for entry in result.gate if entry.by == "hour"):
        row = rows[entry.value]
        assert entry.mean == pytest.approx(row.gate_short)
        assert entry.exposures == row.exposures
    assert all(row.gate_short is None for row in result.rows if row.system == "deepfm")


def test_a_diverged_system_is_named_and_the_others_are_as_without_it(logs, result, tmp_path):
    """Its training is told as such; figures and tests are those of a comparison that never had it."""
    asked = settings(systems=("deepfm", "fm", "lsttm"), overrides=("fm.training.learning_rate=1e30",))
    compared = compare(asked, logs, tmp_path / "c.json")
    (failed,) = compared.failed
    assert failed.system == "fm" and "training diverged" in failed.reason and DAY in failed.reason
    assert list(compared.systems) == ["deepfm", "lsttm"]
    for name, entry in compared.systems.items():
        times = {"train_seconds": 0.0, "hours_seconds": 0.0}
        assert entry.model_copy(update=times) == result.systems[name].model_copy(update=times)
    assert compared.tests == result.tests and compared.rows == result.rows
    assert read(json.loads((tmp_path / "c.json").read_text())).failed == compared.failed


def test_systems_whose_scores_are_no_numbers_have_no_figure(logs, result, tmp_path, monkeypatch):
    from models.ranking.ranker import Ranker

    plain, wrong = Ranker.score_details, {"fm": np.nan, "item_rate": np.inf}

    def broken(self, hour, *chunk):
        details = plain(self, hour, *chunk)
        if self.settings.kind in wrong and len(details["probability"]):
            details["probability"][0] = wrong[self.settings.kind]
        return details

    monkeypatch.setattr(Ranker, "score_details", broken)
    compared = compare(settings(systems=("item_rate", "fm", "deepfm")), logs, tmp_path / "c.json")
    assert [entry.system for entry in compared.failed] == ["item_rate", "fm"]
    assert all("1 of " in entry.reason and "not finite" in entry.reason for entry in compared.failed)
    assert [entry.auc for entry in compared.summary] == [result.systems["deepfm"].auc]
    with pytest.raises(ValueError, match=r"no system could be compared\. item_rate: .* not finite"):
        compare(settings(systems=("item_rate",)), logs, tmp_path / "alone.json")


def test_pooled_periods_weigh_exposures(result, logs):
    from assets.experiments.comparison.truth import truth

    columns = day_columns(logs, DAY)
    early = columns["hour"] < 8
    (entry,) = (entry for entry in result.days if entry.system == "deepfm")
    assert entry.pooled1 is not None and entry.gain1 is not None and entry.aupr is not None
    assert entry.pooled1 != result.systems["deepfm"].period1
    ceiling = truth(logs, [DAY])
    chance = probabilities(logs, DAY, columns["exposure_id"])
    assert ceiling.pooled1 == pytest.approx(auc(columns["clicked"][early], chance[early]))


def test_lists_are_judged_where_the_logs_know_requests(result):
    deepfm, lsttm = result.summary
    assert deepfm.requests > 100 and 0 < deepfm.request_auc < 1 and 0 < deepfm.request_ndcg10 <= 1
    assert result.truth.request_auc > max(deepfm.request_auc, lsttm.request_auc)
    for test in result.within:
        assert test.difference == pytest.approx(getattr(deepfm, test.figure) - getattr(lsttm, test.figure))
        assert 0 <= test.p <= 1 and test.error > 0
    assert [test.figure for test in result.within] == [
        *("gauc_hour", "request_auc", "request_mrr", "request_ndcg5", "request_ndcg10")
    ]
    for entry in result.summary:
        mine = [level for level in result.levels if level.system == entry.system]
        assert [level.level for level in mine] == ["list", "user", "others"]
        assert sum(level.lift for level in mine) == pytest.approx(entry.auc - 0.5)
    small = read(json.loads(dumped(result.document())))
    assert [test.figure for test in small.within] == [test.figure for test in result.within]
    assert small.within[0].p_holm == pytest.approx(result.within[0].p_holm, rel=1e-6)


def test_without_requests_users_hours_stand_for_lists(logs, tmp_path, monkeypatch):
    plain = scoring.read_hours

    def without_requests(*of_day):
        for hour in plain(*of_day):
            unknown = np.full(len(hour.exposures), -1)
            yield replace(hour, exposures=replace(hour.exposures, request=unknown))

    monkeypatch.setattr(scoring, "read_hours", lambda *of_day: list(without_requests(*of_day)))
    compared = compare(settings(systems=("deepfm", "fm")), logs, tmp_path / "c.json")
    assert {test.figure for test in compared.within} == {"gauc_hour"}
    assert {level.level for level in compared.levels} == {"hour", "user", "others"}
    entry = compared.systems["deepfm"]
    assert entry.gauc is not None and entry.gauc_hour is not None
    assert entry.requests == 0 and entry.request_auc is entry.request_mrr is entry.gauc_request is None


def test_all_names_every_system():
    assert systems_named("all") == tuple(SYSTEMS)
    assert systems_named("deepfm, lsttm") == ("deepfm", "lsttm")
    assert set(SYSTEMS) - set(systems_named("all", ("*.features.counts=false",))) == {"item_rate"}


@pytest.fixture(scope="module")
def whole(logs, tmp_path_factory):
    """Two seeds without interruption, on one worker."""
    return compare(settings(seeds=(0, 1)), logs, tmp_path_factory.mktemp("whole") / "whole.json")


def test_a_killed_comparison_goes_on_where_it_was(logs, whole, tmp_path, monkeypatch):
    asked = settings(seeds=(0, 1))

    def killed_after_one(stage, done, total):
        if stage == "days scored" and done == 1:
            raise KeyboardInterrupt

    out = tmp_path / "cut.json"
    with pytest.raises(KeyboardInterrupt):
        compare(asked, logs, out, progress=killed_after_one)
    assert not out.exists()
    trained = []
    plain = scoring.score_day

    def counted(name, *args):
        trained.append(name)
        return plain(name, *args)

    monkeypatch.setattr(scoring, "score_day", counted)
    resumed = compare(asked, logs, out)
    assert trained == ["deepfm"], "the finished day was trained again"
    assert resumed.rows == whole.rows, "resumed and uninterrupted results differ"


def plan_of(asked, scored, folder):
    """Units of what is not scored; the first day's exposures are described already."""
    windows = {(name, day): None for name in asked.systems for day in asked.days}
    return planned(asked, None, left_to_score(asked, scored), windows, folder, {"1"})


def test_no_graph_is_trained_twice_and_every_system_is_left_once(tmp_path):
    asked = settings(systems=("lsttm", "deepfm", "fm", "lsttm_typed"), days=("1", "2"), seeds=(0, 1))
    scored = {("lsttm", "1", 0), ("deepfm", "2", 1), ("fm", "2", 1)}
    scored |= {("lsttm", "2", 0), ("lsttm_typed", "2", 0)}
    plan = plan_of(asked, scored, tmp_path)
    scoring = [unit for unit in plan.units if not isinstance(unit, MorningsUnit)]
    left = [(unit.system, unit.day, unit.seed) for unit in scoring]
    assert len(left) == len(set(left)) == 4 * 2 * 2 - 5 and not set(left) & scored
    graphs = [(unit.day, unit.seed) for unit in plan.units if isinstance(unit, MorningsUnit)]
    assert graphs == [("1", 0), ("1", 1), ("2", 1)]
    for number, unit in enumerate(plan.units):
        needed = [plan.units[graph] for graph in plan.needs.get(number, ())]
        reads = getattr(unit, "long_term", None) is not None
        assert [(graph.day, graph.seed, graph.path) for graph in needed] == (
            [(unit.day, unit.seed, unit.long_term)] if reads else []
        )
    assert [unit.day for unit in scoring if unit.facts] == ["2"], "once a day, where it is not there"


def test_the_longest_begin_first_and_stored_graphs_are_taken(tmp_path):
    asked = settings(systems=("fm", "lsttm_typed", "deepfm", "lsttm"))
    (tmp_path / f"long_term.{DAY}.0.npz").touch()
    plan = plan_of(asked, (), tmp_path)
    assert [unit.system for unit in plan.units] == ["lsttm_typed", "lsttm", "deepfm", "fm"]
    assert not plan.needs and sum(unit.long_term is not None for unit in plan.units) == 2


def test_a_graph_that_fails_is_the_reason_of_its_systems(logs, tmp_path, monkeypatch):
    from models.ranking.lsttm import long_term_mornings

    def fails(*args, **options):
        raise ValueError("no clicks at all")

    monkeypatch.setattr(long_term_mornings, "train_long_term_days", fails)
    compared = compare(settings(systems=("fm", "lsttm_no_meta")), logs, tmp_path / "c.json")
    assert [(entry.system, entry.reason) for entry in compared.failed] == [
        ("lsttm_no_meta", f"{DAY}, seed 0: no clicks at all")
    ]
    assert list(compared.systems) == ["fm"]


@pytest.mark.slow
def test_two_workers_give_the_same_rows_as_one(logs, result, tmp_path):
    """Also of a system whose long-term graphs another process may have trained."""
    asked = settings(systems=("deepfm", "lsttm"))
    assert compare(asked, logs, tmp_path / "two.json", workers=2).rows == result.rows


def test_overrides_reach_their_setting_and_nothing_else():
    asked = settings(
        systems=("deepfm", "lsttm"),
        overrides=("*.training.epochs=2", "deepfm.training.average=null", "long_term.epochs=3"),
    )
    found = chosen_systems(asked)
    assert [system.training.epochs for system in found.values()] == [2, 2]
    assert found["deepfm"].training.average is None
    assert (
        found["lsttm"].training.average
        == chosen_systems(settings(systems=("lsttm",)))["lsttm"].training.average
    )
    assert chosen_long_term(asked).epochs == 3


@pytest.mark.parametrize(
    "override",
    ["deepfm.training.epoch=2", "training.epochs=2", "other.training.epochs=2", "deepfm.training.epochs"],
)
def test_an_override_that_reaches_nothing_is_refused(override):
    with pytest.raises(ValueError):
        chosen_systems(settings(overrides=(override,)))


def test_an_impossible_value_is_refused():
    system = chosen_systems(settings())["deepfm"]
    with pytest.raises(ValueError):
        overridden(system, "training.epochs", "0")


def test_an_unknown_system_is_named():
    with pytest.raises(ValueError, match="nonsense"):
        chosen_systems(settings(systems=("nonsense",)))


def test_a_day_without_history_is_refused(logs):
    with pytest.raises(ValueError, match="cannot be a test day"):
        prepare(settings(days=("2025-03-03",)), None)


def test_history_ends_where_the_day_begins(logs):
    history, hours = read_day(logs, DAY)
    assert history.end_ms == hours[0].start_ms and len(hours) == 24
    assert history.exposures.shown_at.max() < hours[0].start_ms
    assert history.external.received_at.max() < hours[0].start_ms


def test_truth_names_what_it_does_not_know(logs):
    with pytest.raises(KeyError, match="does not know"):
        probabilities(logs, DAY, np.array(["nobody-saw-this"], object))


@pytest.mark.parametrize(
    "text, days",
    [
        ("2022-05-08", ("2022-05-08",)),
        ("2022-04-30..2022-05-02", ("2022-04-30", "2022-05-01", "2022-05-02")),
        ("2022-05-08, 2022-05-01", ("2022-05-08", "2022-05-01")),
    ],
)
def test_days_are_named_singly_or_as_a_range(text, days):
    assert days_named(text) == days


@pytest.mark.parametrize("text", ["", "yesterday", "2022-05-08..2022-05-04", "2022-02-30"])
def test_days_that_are_none_are_refused(text):
    with pytest.raises(ValueError):
        days_named(text)
