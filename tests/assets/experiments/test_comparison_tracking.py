"""A comparison on MLflow: a run a system and seed, found again; names that suit its comparison of runs."""

from __future__ import annotations

import json

import numpy as np
import pytest

from assets.common.tracking import Tracking
from assets.experiments.comparison.parts import FailedSystem
from assets.experiments.comparison.tracking import COMPARISONS, experiment_name, record
from tests.assets.experiments.random_comparison import random_comparison

SYSTEMS = ("deepfm", "lightgbm", "lsttm")


@pytest.fixture(scope="module")
def result():
    return random_comparison(SYSTEMS)


@pytest.fixture(scope="module")
def recorded(result, tmp_path_factory):
    folder = tmp_path_factory.mktemp("home") / "mlflow"
    out = folder.parent / "c.json"
    out.write_text(json.dumps(result.document()))
    return folder, out, record(folder, result, out)


def runs(folder, name):
    tracking = Tracking(folder, "simulator", True, name)
    return tracking, tracking.client.search_runs([tracking.experiment])


def test_recording_again_doubles_nothing(result, recorded):
    folder, out, run_id = recorded
    assert record(folder, result, out) == run_id
    for name, count in ((experiment_name(result), len(SYSTEMS) * 2), (COMPARISONS, 1)):
        tracking, found = runs(folder, name)
        assert len(found) == count
        history = tracking.client.get_metric_history(found[0].info.run_id, next(iter(found[0].data.metrics)))
        assert len({point.step for point in history}) == len(history)


def test_an_experiment_is_named_after_its_source_and_days(result):
    assert experiment_name(result) == "simulated comparison 2025-03-08..2025-03-09"
    real = random_comparison(("deepfm", "fm"), ("2022-05-02",), 1, simulated=False)
    assert experiment_name(real) == "kuairand comparison 2022-05-02"


def test_a_run_has_the_figures_of_its_system_and_seed(result, recorded):
    tracking, found = runs(recorded[0], experiment_name(result))
    run = next(r for r in found if (r.data.params["system"], r.data.params["seed"]) == ("lsttm", "1"))
    mine = [day for day in result.days if (day.system, day.seed) == ("lsttm", 1)]
    assert run.data.metrics["auc"] == pytest.approx(np.mean([day.auc for day in mine]))
    assert run.data.metrics["aupr"] == pytest.approx(np.mean([day.aupr for day in mine]))
    gain = np.mean([day.auc - day.auc_static for day in mine])
    assert run.data.metrics["gain"] == pytest.approx(gain)
    assert {"period1", "period2", "period3", "log_loss", "gauc", "ece", "train_seconds"} <= set(
        run.data.metrics
    )
    curve = tracking.client.get_metric_history(run.info.run_id, "auc_by_hour")
    assert sorted(point.step for point in curve) == list(range(1, 24)), "hour 0 has one class only"
    at_nine = [row.auc for row in result.rows if (row.system, row.seed, row.hour) == ("lsttm", 1, 9)]
    assert next(p.value for p in curve if p.step == 9) == pytest.approx(np.mean(at_nine))
    assert run.data.tags["simulated"] == "true" and run.data.tags["data_hash"] == result.data_hash
    assert run.info.run_name == "lsttm seed 1 (simulated)"


def test_the_first_differing_parameters_are_those_to_see(result, recorded):
    """MLflow's comparison of runs opens with three of them, by name, and with the first metric."""
    _, found = runs(recorded[0], experiment_name(result))
    names = sorted(set.intersection(*(set(run.data.params) for run in found)))
    differing = [name for name in names if len({run.data.params[name] for run in found}) > 1]
    assert differing[:3] == ["family", "seed", "system"]
    assert min(set.intersection(*(set(run.data.metrics) for run in found))) == "auc"
    assert sum(name.startswith("with.") for name in names) > 60, "every setting is there"


def test_pictures_and_json_lie_on_one_run_of_another_experiment(result, recorded):
    folder, out, run_id = recorded
    tracking, (run,) = runs(folder, COMPARISONS)
    assert run.info.run_id == run_id
    shown = {file.path for file in tracking.client.list_artifacts(run_id, "plots")}
    assert {"plots/auc-by-hour.png", "plots/differences.png"} <= shown
    assert [file.path for file in tracking.client.list_artifacts(run_id, "json")] == [f"json/{out.name}"]
    assert run.data.metrics["lsttm.auc"] == pytest.approx(
        next(entry.auc for entry in result.summary if entry.system == "lsttm")
    )
    note = tracking.client.get_experiment_by_name(experiment_name(result)).tags["mlflow.note.content"]
    assert "simulated" in note and run_id in note


def test_a_failed_system_has_a_failed_run_with_the_reason(tmp_path):
    both = random_comparison(("deepfm", "lsttm"), seeds=1)
    sound = random_comparison(("deepfm",), seeds=1)
    reason = "2025-03-08, seed 0: training diverged"
    failed = sound.model_copy(
        update={"settings": both.settings, "failed": (FailedSystem(system="lsttm", reason=reason),)}
    )
    run_id = record(tmp_path, failed)
    tracking, found = runs(tmp_path, experiment_name(failed))
    status = {run.data.params["system"]: run.info.status for run in found}
    assert status == {"deepfm": "FINISHED", "lsttm": "FAILED"}
    (run,) = (run for run in found if run.data.params["system"] == "lsttm")
    assert run.data.tags["failed"] == reason and not run.data.metrics
    assert tracking.client.get_run(run_id).data.tags["failed.lsttm"] == reason
