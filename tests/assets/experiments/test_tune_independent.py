"""Trials that depend on no other: the same whatever is cut, killed or spread, and joined from their days."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assets.common.tuned import Tuned, TunedSystem, tuned_settings
from assets.experiments.frame import Finished
from assets.experiments.tuning import independent
from assets.experiments.tuning.choice import paired_error
from assets.experiments.tuning.days import StoredDays
from assets.experiments.tuning.independent import DayUnit, tried, units_left
from assets.experiments.tuning.log_file import save_days
from assets.experiments.tuning.run import tune
from assets.experiments.tuning.sampling import point
from assets.experiments.tuning.settings import TuneSettings
from assets.experiments.tuning.study import attempt
from assets.experiments.tuning.workers import GraphUnit
from docs.pages.tuning import page
from models.ranking.registry import SYSTEMS
from models.ranking.training.search_space import Choice, Range
from tests.models.ranking.toy import toy_days
from warehouse.home import Home

SPACE = {"rate": Range(0.001, 0.1), "size": Choice((1, 2, 4)), "scale": Range(1.0, 8.0)}
DEFAULTS = {"rate": 0.01, "size": 2, "scale": 16.0}


DAYS = toy_days()


def asked(**changes):
    fields = {"source": "toy", "systems": ("deepfm", "fm"), "days": ("d1", "d2"), "trials": 3, "size": "tiny"}
    return TuneSettings(**{**fields, "sampler": "qmc", **changes})


def saved(folder, days):
    path = folder / "days.npz"
    save_days(path, days)
    return StoredDays(path)


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    return saved(tmp_path_factory.mktemp("logs"), DAYS)


def run(logs, out, settings=None, **options):
    return tune(settings or asked(), logs, out, simulated=True, data_hash="h", **options)


def figures(result):
    """All but wall times and the code's revision."""
    return {
        name: [one.model_copy(update={"seconds": 0.0}) for one in system.trials]
        for name, system in result.systems.items()
    }


@pytest.fixture(scope="module")
def result(logs, tmp_path_factory):
    return run(logs, tmp_path_factory.mktemp("out") / "study.json")


@pytest.fixture
def units_run(monkeypatch):
    """(system, number, day) of every unit that is run."""
    calls, plain = [], independent._run_day

    def counted(unit, emit):
        calls.append((unit.name, unit.number, unit.settings.days[unit.day]))
        plain(unit, emit)

    monkeypatch.setattr(independent, "_run_day", counted)
    return calls


def test_a_point_follows_from_seed_system_and_number_alone_and_lies_in_the_space():
    points = [point("fm", SPACE, DEFAULTS, number, 0) for number in range(33)]
    assert points[0] == DEFAULTS and len({str(one) for one in points}) == 33
    assert point("fm", SPACE, DEFAULTS, 7, 0) == points[7]
    assert point("fm", SPACE, DEFAULTS, 7, 1) != points[7] != point("nfm", SPACE, DEFAULTS, 7, 0)
    rates, scales = (np.array([one[name] for one in points[1:]]) for name in ("rate", "scale"))
    assert rates.min() >= 0.001 and rates.max() <= 0.1 and scales.max() <= 16.0, "the default is let in"
    assert scales.max() > 8.0
    halves = np.log(rates / 0.001) / np.log(100) < 0.5
    assert halves.sum() == 16, "32 points of a Sobol sequence: half of them in each half of the logarithm"
    counts = np.unique([one["size"] for one in points[1:]], return_counts=True)
    assert counts[0].tolist() == [1, 2, 4] and counts[1].min() >= 10


@pytest.mark.parametrize("name", [name for name, entry in SYSTEMS.items() if entry.space])
def test_every_systems_draws_are_settings_that_it_takes(name):
    from assets.common.tuned import changed

    settings = asked(systems=(name,), size="real")
    for number in range(12):
        values = tried(settings, name, number)
        assert set(values) == set(SYSTEMS[name].space)
        assert changed(SYSTEMS[name].real, values)


def test_trials_are_those_of_whole_runs_and_their_errors_pair_them_with_the_defaults(result):
    system = SYSTEMS["fm"].tiny
    whole = [
        attempt(number, system, tried(asked(), "fm", number), DAYS, 0, "cpu", None) for number in range(3)
    ]
    for one, (trial, scores) in zip(result.systems["fm"].trials, whole, strict=True):
        assert (one.settings, one.auc, one.aupr) == (trial.settings, trial.auc, trial.aupr)
        assert one.auc_by_day == trial.auc_by_day
        wanted = paired_error(DAYS, whole[0][1], scores) if trial.number else None
        assert one.error == wanted
    assert result.sampler == "qmc" and result.systems["fm"].trials[1].error > 0


def test_a_study_that_is_cut_goes_on_with_the_units_that_are_left(result, logs, tmp_path, monkeypatch):
    out, ran, plain = tmp_path / "cut.json", [], independent._run_day

    def until_the_seventh(unit, emit):
        if len(ran) == 7:
            raise KeyboardInterrupt
        plain(unit, emit)
        ran.append((unit.name, unit.number, unit.day))

    monkeypatch.setattr(independent, "_run_day", until_the_seventh)
    with pytest.raises(KeyboardInterrupt):
        run(logs, out)
    before = list(ran)
    monkeypatch.setattr(
        independent,
        "_run_day",
        lambda unit, emit: (ran.append((unit.name, unit.number, unit.day)), plain(unit, emit)),
    )
    resumed = run(logs, out)
    assert len(before) == 7 and len(set(ran)) == len(ran) == 12, "no unit is run twice"
    assert figures(resumed) == figures(result)
    assert not out.with_name("cut.json.partial").exists()


def test_more_trials_are_added_to_a_finished_study(logs, result, tmp_path, units_run):
    out = tmp_path / "study.json"
    two = run(logs, out, asked(systems=("fm",), trials=2))
    assert len(units_run) == 4
    assert run(logs, out, asked(systems=("fm",), trials=2)) == two and len(units_run) == 4
    three = run(logs, out, asked(systems=("fm",), trials=3))
    assert sorted(units_run[4:]) == [("fm", n, day) for n in (0, 2) for day in ("d1", "d2")]
    assert figures(three)["fm"] == figures(result)["fm"]
    assert three.systems["fm"].trials[:2] == two.systems["fm"].trials


@pytest.mark.slow
def test_workers_share_a_study_and_wait_for_its_graphs(logs, tmp_path):
    settings = asked(systems=("lsttm_no_meta", "fm"), trials=2)
    two = run(logs, tmp_path / "two.json", settings, workers=3)
    assert figures(two) == figures(run(logs, tmp_path / "one.json", settings))


def test_the_slowest_are_handed_out_first_and_graphs_before_all(logs, tmp_path, monkeypatch):
    trials = {"item_rate": 2, "lsttm": 1, "fm": 1, "autoint": 1}
    units = units_left(asked(systems=tuple(trials)), logs, tmp_path, trials, {n: [] for n in trials}, [])
    order = list(dict.fromkeys(unit.name for unit in units))
    assert order == ["autoint", "lsttm", "fm", "item_rate"] and len(units) == 10
    handed = []

    def stop(work, units, workers, keep, needs=None):
        handed.extend(units)
        raise KeyboardInterrupt

    monkeypatch.setattr("assets.experiments.frame.run_units", stop)
    with pytest.raises(KeyboardInterrupt):
        run(logs, tmp_path / "x.json", asked(systems=("fm", "lsttm_no_meta"), trials=1))
    assert [type(unit) for unit in handed] == [GraphUnit] * 2 + [DayUnit] * 4


def test_a_failure_on_one_day_is_one_of_the_trial_and_ends_nothing_else(logs, tmp_path, monkeypatch):
    plain = independent.attempt

    def fragile(number, system, settings, days, *rest):
        broken = {"training.learning_rate": 1e18}
        first = len(days[0][0].log.exposures) == len(DAYS[0][0].exposures)
        return plain(number, system, broken if number == 1 and first else settings, days, *rest)

    monkeypatch.setattr(independent, "attempt", fragile)
    trials = run(logs, tmp_path / "x.json", asked(systems=("fm",))).systems["fm"].trials
    assert [one.failed is None for one in trials] == [True, False, True]
    assert "Diverged" in trials[1].failed and trials[1].auc is None and trials[1].auc_by_day == (None, None)
    assert trials[1].error is None and trials[2].error > 0


def test_a_day_of_one_class_leaves_the_others_their_mean(tmp_path):
    history, hours = DAYS[1]
    silent = [
        replace(hour, exposures=replace(hour.exposures, clicked=np.zeros_like(hour.exposures.clicked)))
        for hour in hours
    ]
    logs = saved(tmp_path, [DAYS[0], (history, silent)])
    one, two = run(logs, tmp_path / "x.json", asked(systems=("fm",), trials=2)).systems["fm"].trials
    assert one.failed is None and one.auc_by_day[1] is None and one.auc == one.auc_by_day[0]
    assert two.error > 0


def test_settings_tried_twice_are_run_once(logs, tmp_path, monkeypatch, units_run):
    entry = replace(SYSTEMS["fm"], space={"training.batch_size": Choice((128, 256))})
    monkeypatch.setitem(SYSTEMS, "fm", entry)
    independent._firsts.cache_clear()
    trials = run(logs, tmp_path / "x.json", asked(systems=("fm",), trials=6)).systems["fm"].trials
    independent._firsts.cache_clear()
    assert len(trials) == 6 and len(units_run) == 4
    assert len({(one.settings["training.batch_size"], one.auc, one.error) for one in trials[1:]}) <= 3
    assert [one.seconds > 0 for one in trials].count(True) == 2


def test_ablations_take_what_was_chosen_for_the_whole(tmp_path):
    everything = TuneSettings(source="toy", days=("d1",))
    takers = {name: entry.tuned_as for name, entry in SYSTEMS.items() if entry.tuned_as}
    assert {"lsttm_concat": "lsttm", "lsttm_spectral_no_gate": "lsttm_spectral"}.items() <= takers.items()
    assert everything.inherited() == takers
    assert set(everything.systems) == set(SYSTEMS) - set(takers)
    assert asked(systems=("fm", "lsttm_concat", "lsttm")).systems == ("fm", "lsttm")
    assert asked(systems=("ablations:lsttm_spectral",)).systems == ("lsttm_spectral",)
    home = Home(tmp_path).source("toy")
    values = {"training.learning_rate": 0.02, "short_term.din.softmax": True}
    chosen = {"lsttm": TunedSystem(settings=values, auc=0.7, default_auc=0.6)}
    chosen["lsttm_concat"] = TunedSystem(settings={"training.learning_rate": 9.0}, auc=0.7, default_auc=0.6)
    home.root.mkdir(parents=True)
    Tuned(days=("d1",), trials=3, data_hash="h", systems=chosen).save(home.root / "tuned.json")
    taken = tuned_settings(home, "toy", "real", ["lsttm", "lsttm_concat", "lsttm_no_meta"])
    assert taken == {"lsttm": values, "lsttm_concat": {"training.learning_rate": 0.02}}


def test_the_page_says_how_trials_were_drawn_and_who_takes_whose_settings(result):
    dated = result.model_copy(
        update={"days": ("2026-05-01", "2026-05-02"), "inherited": {"b": "fm", "a": "fm"}}
    )
    text = page([dated])
    assert "--sampler qmc" in text and "Sobol" in text and "b, a as fm" in text
    assert "not tuned themselves" not in page([dated.model_copy(update={"inherited": {}})])


def test_rows_of_days_are_emitted_with_their_scores(logs, tmp_path):
    emitted = []
    independent.work_on(DayUnit(asked(), logs, "fm", 1, 1, tmp_path), emitted.append)
    (done,) = emitted
    assert isinstance(done, Finished) and done.rows[0].day == "d2" and done.rows[0].trial.number == 1
    (scores,) = done.arrays["scores.fm.1.d2"].values()
    assert scores.dtype == np.float64 and len(scores) == sum(len(hour.exposures) for hour in DAYS[1][1])
