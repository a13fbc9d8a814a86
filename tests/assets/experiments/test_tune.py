"""Tuning: one budget, the same trials whatever else runs, and settings that a comparison then takes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from assets.common.tracking import Tracking
from assets.common.tuned import FILE, Tuned, TunedSystem, changed, tuned_settings, with_tuned
from assets.experiments.tuning import study as study_module
from assets.experiments.tuning.choice import choose, paired_error, summary
from assets.experiments.tuning.days import StoredDays
from assets.experiments.tuning.log_file import save_days
from assets.experiments.tuning.results import TuningResult
from assets.experiments.tuning.run import tune
from assets.experiments.tuning.sampling import STARTUP, distribution, draw, value_at
from assets.experiments.tuning.settings import TuneSettings
from assets.experiments.tuning.study import attempt, study
from assets.experiments.tuning.tracking import record
from assets.experiments.tuning.trial import Trial
from docs.pages.tuning import NOTES, gathered, page, picture
from models.metrics import auc, auc_difference
from models.ranking.registry import SYSTEMS
from models.ranking.training.search_space import Choice, Range
from orchestration.cli import app
from tests.models.ranking.toy import hour_of, toy_days, toy_log
from warehouse.home import Deployment, Home

ROOT = Path(__file__).parents[3]
DEEPFM = SYSTEMS["deepfm"]
DEFAULTS = {path: value_at(DEEPFM.tiny, path) for path in DEEPFM.space}


DAYS = toy_days()


def trial(number, auc, error=0.01, failed=None):
    by_day = (auc,)
    return Trial(
        number=number,
        settings={"a": number},
        auc=auc,
        auc_by_day=by_day,
        error=error,
        seconds=1.0,
        failed=failed,
    )


def untimed(found):
    return [one.model_copy(update={"seconds": 0.0}) for one in found]


@pytest.fixture(scope="module")
def whole():
    """Seven trials of one system, two of them drawn by TPE."""
    return [found for found, _ in study("deepfm", DEEPFM, DAYS, trials=7, size="tiny")]


def test_the_first_trial_has_the_defaults_and_the_mean_daily_auc(whole):
    assert whole[0].settings == DEFAULTS and whole[0].error is None
    scores = [study_module.scores_of(DEEPFM.tiny, day, 0, "cpu", None) for day in DAYS]
    labels = [np.concatenate([hour.exposures.clicked for hour in hours]) for _, hours in DAYS]
    by_day = [auc(*pair) for pair in zip(labels, scores, strict=True)]
    assert whole[0].auc_by_day == tuple(by_day) and whole[0].auc == np.mean(by_day)


def test_trials_differ_and_stay_inside_the_space(whole):
    assert [found.number for found in whole] == list(range(7)) and len(whole) > STARTUP["tpe"] + 1
    assert len({json.dumps(found.settings) for found in whole}) == 7
    for found in whole[1:]:
        assert found.failed is None and found.error > 0
        for path, spread in DEEPFM.space.items():
            if isinstance(spread, Range):
                assert spread.low <= found.settings[path] <= spread.high
            else:
                assert found.settings[path] in (*spread.values, DEFAULTS[path])


@pytest.mark.parametrize("finished", [1, 6])
def test_a_study_that_goes_on_ends_like_one_that_was_never_cut(whole, finished):
    rest = study("deepfm", DEEPFM, DAYS, trials=finished + 1, size="tiny", finished=whole[:finished])
    assert untimed([found for found, _ in rest]) == untimed(whole[finished : finished + 1])


def test_what_is_drawn_depends_on_system_seed_and_what_is_finished(whole):
    def drawn(name="deepfm", finished=whole[:6], seed=0, sampler="tpe"):
        return draw(name, DEEPFM.space, DEFAULTS, finished, seed, sampler)

    assert drawn() == whole[6].settings
    other = list(whole[:6])
    worst = min(range(6), key=lambda number: other[number].auc)
    other[worst] = other[worst].model_copy(update={"auc": 0.99})
    others = [drawn("fm"), drawn(seed=1), drawn(finished=other), drawn(sampler="gp")]
    assert len({json.dumps(found) for found in (drawn(), *others)}) == 5
    assert drawn(sampler="gp") == others[-1]


def test_a_failed_trial_is_recorded_with_its_reason_and_the_study_goes_on(monkeypatch):
    plain, calls = study_module.scores_of, []

    def fragile(system, *args):
        calls.append(system)
        if len(calls) == 1 + len(DAYS):  # the second trial's first day
            raise ValueError("no luck")
        return plain(system, *args)

    monkeypatch.setattr(study_module, "scores_of", fragile)
    found = [one for one, _ in study("deepfm", DEEPFM, DAYS, trials=3, size="tiny")]
    assert [one.failed for one in found] == [None, "ValueError: no luck", None]
    assert found[1].auc is None and found[1].auc_by_day == (None, None)
    assert [entry.failed for entry in summary(found).trials] == [one.failed for one in found]


def test_scores_that_are_no_numbers_are_a_failure():
    wild = {"training.learning_rate": 1e18}
    found, scores = attempt(0, DEEPFM.tiny, wild, DAYS[:1], 0, "cpu", None)
    assert "Diverged" in found.failed and scores is None


def test_settings_drawn_twice_are_not_trained_twice(monkeypatch):
    from dataclasses import replace

    calls = []
    plain = study_module.scores_of
    monkeypatch.setattr(study_module, "scores_of", lambda *args: (calls.append(1), plain(*args))[1])
    entry = replace(DEEPFM, space={"training.batch_size": Choice((128, 256))})
    found = [one for one, _ in study("deepfm", entry, DAYS[:1], trials=5, size="tiny")]
    assert len(found) == 5 and len(calls) == 2
    assert len({(one.settings["training.batch_size"], one.auc, one.error) for one in found}) == 2
    bare = list(study("deepfm", replace(DEEPFM, space={}), DAYS[:1], trials=5, size="tiny"))
    assert len(bare) == 1, "nothing to draw: the defaults only"


def test_the_paired_error_is_delongs_where_every_exposure_is_a_user():
    from dataclasses import replace

    hour = hour_of(toy_log(), 3)
    alone = replace(hour, exposures=replace(hour.exposures, user=np.arange(len(hour.exposures))))
    rng = np.random.default_rng(0)
    first, second = rng.random(len(hour.exposures)), rng.random(len(hour.exposures))
    _, error, _ = auc_difference(alone.exposures.clicked, first, second)
    assert paired_error([(alone, [alone])], [first], [second]) == pytest.approx(error, rel=0.02)
    twice = paired_error([(alone, [alone])] * 2, [first] * 2, [second] * 2)
    assert twice == pytest.approx(paired_error([(alone, [alone])], [first], [second])), (
        "users repeat, not add"
    )


def test_the_best_trial_is_taken_only_where_it_beats_the_defaults_by_more_than_its_error():
    default = trial(0, 0.70, error=None)
    assert choose([default, trial(1, 0.72), trial(2, 0.75)]).number == 2
    assert choose([default, trial(1, 0.709)]).number == 0
    assert choose([default, trial(1, 0.75, error=None)]).number == 0
    assert choose([default, trial(1, None, failed="x"), trial(2, 0.75)]).number == 2
    assert choose([trial(0, None, None, "x"), trial(1, 0.5, None)]).number == 1
    assert choose([trial(0, None, None, "x")]) is None
    assert summary([default, trial(1, 0.709)]).settings == {}
    assert summary([default, trial(1, 0.72)]).settings == {"a": 1}


@pytest.mark.parametrize("name", list(SYSTEMS))
def test_every_space_fits_its_system(name):
    entry = SYSTEMS[name]
    for path, spread in entry.space.items():
        values = (spread.low, spread.high) if isinstance(spread, Range) else spread.values
        for value in values:
            assert value_at(changed(entry.real, {path: value}), path) == value
        for size in ("real", "tiny"):
            assert distribution(entry.space, path, value_at(getattr(entry, size), path)) is not None


def test_a_path_that_leads_nowhere_is_told():
    with pytest.raises(ValueError, match=r"training\.rate"):
        value_at(DEEPFM.real, "training.rate")
    with pytest.raises(ValueError, match="further settings"):
        value_at(DEEPFM.real, "training")


def settings(**changes):
    fields = {"source": "toy", "systems": ("deepfm", "fm"), "days": ("d1", "d2"), "trials": 3, "size": "tiny"}
    return TuneSettings(**{**fields, **changes})


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    path = tmp_path_factory.mktemp("logs") / "days.npz"
    save_days(path, DAYS)
    return StoredDays(path)


def run(logs, out, asked=None, **options):
    return tune(asked or settings(), logs, out, simulated=True, data_hash="h", **options)


def figures(result):
    """All but wall times and the code's revision, as the JSON has it."""
    document = result.model_dump(mode="json")
    systems = {
        name: {**system, "trials": [{**one, "seconds": 0} for one in system["trials"]]}
        for name, system in document["systems"].items()
    }
    return {**document, "systems": systems, "git": ""}


@pytest.fixture(scope="module")
def result(logs, tmp_path_factory):
    return run(logs, tmp_path_factory.mktemp("out") / "study.json")


def test_the_json_of_a_study(result, whole):
    document = result.model_dump(mode="json")
    assert {"source", "simulated", "days", "trials", "data_hash", "git", "systems"} <= set(document)
    assert list(document["systems"]) == ["deepfm", "fm"]
    for system in document["systems"].values():
        assert set(system) == {"settings", "auc", "default_auc", "trials"} and len(system["trials"]) == 3
        assert {"settings", "auc", "auc_by_day", "seconds", "failed"} <= set(system["trials"][0])
    assert [one["auc"] for one in document["systems"]["deepfm"]["trials"]] == [one.auc for one in whole[:3]]


@pytest.mark.slow
def test_two_workers_give_the_same_trials_as_one(result, logs, tmp_path):
    out = tmp_path / "two.json"
    asked = settings(systems=("deepfm", "lsttm_no_meta"), trials=2)
    two = run(logs, out, asked, workers=2)
    assert (
        json.loads(out.read_text()) == two.model_dump(mode="json")
        and not out.with_name("two.json.partial").exists()
    )
    assert figures(two) == figures(run(logs, tmp_path / "one.json", asked))
    alone = figures(result)["systems"]["deepfm"]["trials"][:2]
    assert figures(two)["systems"]["deepfm"]["trials"] == alone, "another system moved its trials"


#: A study from a file needs none of these; the process of the next test cannot import them.
WITHOUT_WAREHOUSE = """
import sys
from pathlib import Path
sys.modules.update(dict.fromkeys(("duckdb", "mlflow", "dagster", "pandas", "great_expectations")))
from assets.experiments.tuning.results import TuningResult
from assets.experiments.tuning.run import tune
from assets.experiments.tuning.settings import TuneSettings
from assets.experiments.tuning.days import StoredDays
asked = TuneSettings.model_validate_json(sys.argv[3])
tune(asked, StoredDays(Path(sys.argv[1])), Path(sys.argv[2]), simulated=True, data_hash="h")
"""


def test_a_killed_process_goes_on_where_it_was(result, logs, tmp_path):
    out = tmp_path / "cut.json"
    lines = out.with_name("cut.json.partial") / "rows.jsonl"
    words = [str(logs.path), str(out), settings().model_dump_json()]
    process = subprocess.Popen([sys.executable, "-c", WITHOUT_WAREHOUSE, *words], cwd=ROOT)
    deadline = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline:
        if lines.exists() and lines.read_text().count("\n") >= 2:
            break
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not out.exists(), "the process ended before it was killed"
    kept = [json.loads(line) for line in lines.read_text().splitlines() if line.endswith("}")]
    assert 2 <= len(kept) < 6
    resumed = run(logs, out)
    assert figures(resumed) == figures(result)
    for line in kept:
        again = resumed.systems[line["system"]].trials[line["trial"]["number"]]
        assert again.seconds == line["trial"]["seconds"], "a finished trial was run again"


def test_a_finished_study_is_not_run_again_and_takes_more_trials(logs, tmp_path, monkeypatch):
    out, asked = tmp_path / "study.json", settings(systems=("deepfm",), trials=2)
    two = run(logs, out, asked)
    calls, plain = [], study_module.scores_of
    monkeypatch.setattr(study_module, "scores_of", lambda *args: (calls.append(1), plain(*args))[1])
    assert run(logs, out, asked) == two and not calls
    three = run(logs, out, settings(systems=("deepfm",), trials=3))
    assert three.systems["deepfm"].trials[:2] == two.systems["deepfm"].trials
    assert len(calls) == 2 * len(DAYS), "the new trial, and the defaults it is compared with"
    with pytest.raises(ValueError, match=r"study\.json holds another study .* seed 0 there, 1 here\."):
        run(logs, out, settings(systems=("deepfm",), trials=1, seed=1))
    assert TuningResult.model_validate_json(out.read_text()) == three


def test_unknown_systems_are_named():
    with pytest.raises(ValueError, match="nonsense"):
        settings(systems=("nonsense",))


def test_a_study_is_recorded_once_with_its_trials_below_it(result, tmp_path):
    out = tmp_path / "study.json"
    out.write_text("{}")
    for _ in range(2):
        parent = record(tmp_path / "mlflow", settings(), result, out)
    tracking = Tracking(tmp_path / "mlflow", "toy", True, "toy-simulated tuning")
    runs = tracking.client.search_runs([tracking.experiment])
    children = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == parent]
    assert len(runs) == 7 and len(children) == 6
    first = next(run for run in children if run.data.tags["partition"].endswith("trial 00"))
    entry = result.systems[first.data.tags["system"]].trials[0]
    assert first.data.metrics["aupr"] == entry.aupr > 0
    assert first.data.metrics["auc"] == entry.auc and first.data.metrics["seconds"] == entry.seconds
    assert first.data.params["training.learning_rate"] == str(entry.settings["training.learning_rate"])
    for name, system in result.systems.items():
        taken = [r for r in children if r.data.tags["system"] == name and r.data.tags["chosen"] == "true"]
        assert len(taken) == 1 and taken[0].data.metrics["auc"] == system.auc


def chosen(size="real", data_hash="h", **systems):
    found = {name: TunedSystem(settings=values, auc=0.7, default_auc=0.6) for name, values in systems.items()}
    return Tuned(size=size, days=("d",), trials=3, data_hash=data_hash, systems=found)


def test_the_homes_own_settings_win_over_the_packaged_and_tiny_takes_none_of_those(tmp_path, monkeypatch):
    home = Home(tmp_path).source("toy")
    (tmp_path / "package" / "tuned").mkdir(parents=True)
    monkeypatch.setattr("assets.common.tuned.files", lambda package: tmp_path / "package")
    assert tuned_settings(home, "toy", "real", ["fm"]) == {}
    chosen(fm={"x": 1}, nfm={"x": 2}, deepfm={"x": 3}).save(tmp_path / "package" / "tuned" / "toy.json")
    assert tuned_settings(home, "toy", "real", ["fm", "sml"]) == {"fm": {"x": 1}}
    assert tuned_settings(home, "toy", "tiny", ["fm"]) == {}
    chosen(fm={"x": 9}, nfm={}).save(home.root / FILE)
    names = ["fm", "nfm", "deepfm"]
    assert tuned_settings(home, "toy", "real", names) == {"fm": {"x": 9}, "deepfm": {"x": 3}}
    assert tuned_settings(home, "other", "tiny", names) == {}


def test_systems_of_one_budget_gather_in_one_file(tmp_path):
    path = tmp_path / FILE
    chosen(fm={"x": 1}).save(path)
    assert set(chosen(nfm={"x": 2}).save(path).systems) == {"fm", "nfm"}
    assert set(chosen(data_hash="other", nfm={"x": 2}).save(path).systems) == {"nfm"}
    assert Tuned.load(path) == chosen(data_hash="other", nfm={"x": 2})
    path.write_text("{}")
    with pytest.raises(ValueError, match=FILE):
        Tuned.load(path)


def test_settings_of_another_version_are_told():
    with pytest.raises(ValueError, match="tune again"):
        with_tuned("deepfm", DEEPFM.real, {"training.gone": 1})


@pytest.mark.parametrize(
    "path", sorted((ROOT / "models" / "tuned").glob("*.json")), ids=lambda path: path.stem
)
def test_packaged_settings_fit_their_systems(path):
    tuned = Tuned.load(path)
    assert tuned.size == "real"
    for name, system in tuned.systems.items():
        with_tuned(name, SYSTEMS[name].real, system.settings)


def test_the_daily_training_takes_them_and_its_record_shows_them(tmp_path):
    from assets.ranking.encoding import encode
    from assets.ranking.instance_store import InstanceStore
    from assets.ranking.states import States
    from assets.ranking.system_training import SystemTraining, train
    from assets.ranking.training_window import system_settings, versions_of
    from assets.ranking.window_days import WindowFolders
    from tests.assets.ranking import day_logs

    states, day = States(tmp_path), day_logs.DAYS[1]
    (system,) = system_settings(["deepfm"], "tiny", {"deepfm": {"training.batch_size": 512}}).values()
    of_logs = day_logs.history(day_logs.loaded_in(tmp_path, day_logs.DAYS[:2]), day)
    (version,) = versions_of({"deepfm": system}, of_logs.no_events)
    store = InstanceStore(tmp_path / "instances", version.name)
    folders = encode(of_logs, store, version.settings, day_logs.DAYS[:2]).folders
    deployment = Deployment(size="tiny")
    training = SystemTraining(
        "deepfm", day, "h", deployment, system, states, WindowFolders.of(folders, system)
    )
    train(training, lambda stage, done, total: None)
    assert states.finished(states.daily("deepfm", day)).settings["training.batch_size"] == "512"


def test_the_command_writes_what_a_comparison_then_takes(tmp_path, monkeypatch):
    days = ["--source", "simulator", "--tiny", "--days", "2025-03-05"]
    study_json, compared = tmp_path / "study.json", tmp_path / "c.json"

    def hourfold(*words):
        shown = CliRunner().invoke(app, [str(word) for word in words])
        assert shown.exit_code == 0, shown.output
        return shown.output

    hourfold("tune", *days, "--systems", "fm", "--trials", 2, "--out", study_json, "--write", "--no-mlflow")
    made = json.loads(study_json.read_text())["systems"]["fm"]
    own = Home.current().source("simulator").root / FILE
    # A comparison scores as a trial does, whichever trial was chosen.
    wanted = made["trials"][1]
    document = json.loads(own.read_text())
    assert document["systems"]["fm"] == {name: made[name] for name in ("settings", "auc", "default_auc")}
    document["systems"]["fm"]["settings"] = wanted["settings"]
    own.write_text(json.dumps(document))
    hourfold("compare", *days, "--systems", "fm", "--out", compared)
    taken = json.loads(compared.read_text())
    assert taken["tuned"] == {"fm": wanted["settings"]}
    assert taken["summary"][0]["auc"] == pytest.approx(wanted["auc"], abs=1e-12)

    def told(settings, *rest, **options):
        raise ValueError(f"tuned: {settings.tuned}")

    monkeypatch.setattr("assets.experiments.comparison.run.compare", told)
    shown = CliRunner().invoke(
        app, ["compare", *days, "--systems", "fm", "--out", str(compared), "--defaults"]
    )
    assert shown.exit_code == 1 and "tuned: {}" in shown.output


def test_the_page_shows_every_system_and_keeps_its_notes(result):
    dated = result.model_copy(update={"days": ("2026-05-01", "2026-05-02")})
    text = page([dated], f"old\n{NOTES}\n\nmine\n")
    assert "simulated logs" in text.lower() and "--days 2026-05-01..2026-05-02" in text
    assert "A small study: 3 trials on 2 days (6 trainings a system)" in text
    enough = dated.model_copy(update={"days": tuple(f"2026-05-0{day}" for day in range(1, 5)), "trials": 12})
    assert "small study" not in page([enough])
    for name, system in dated.systems.items():
        assert f"| {name} | 3 | 0 |" in text
        assert all(f"`{path}={value}`" in text for path, value in system.settings.items())
    assert text.endswith("mine\n") and page([dated], text) == text
    assert picture(dated).startswith(b"\x89PNG")


def test_studies_of_one_source_gather_where_they_had_one_budget(result):
    one, other = (
        result.model_copy(update={"systems": {name: result.systems[name]}}) for name in ("deepfm", "fm")
    )
    (both,) = gathered([one, other])
    assert both.systems == result.systems
    with pytest.raises(ValueError, match="trials"):
        gathered([one, other.model_copy(update={"trials": 99})])
