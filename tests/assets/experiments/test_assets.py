"""The assets of experiments on tiny simulated logs: figures and pictures on their pages, JSON, MLflow."""

import json
from pathlib import Path

import dagster as dg
import pytest

from assets.common.resources import ProgressReport
from assets.common.tracking import Tracking
from assets.experiments.ab.assets import ab_test_asset
from assets.experiments.ab.tracking import AB_TESTS
from assets.experiments.comparison.assets import ranking_comparison_asset
from tests.deployed import DAY

pytestmark = pytest.mark.slow


def ran(ready, asset, config, fails=False):
    result = dg.materialize(
        [asset],
        resources={"home": ready.resource, "warehouse": ready.warehouse, "progress": ProgressReport()},
        run_config={"ops": {asset.key.path[-1]: {"config": config}}},
        raise_on_error=False,
    )
    assert result.success is not fails
    if fails:
        (failed,) = [event for event in result.all_events if event.is_step_failure]
        return failed.step_failure_data.user_failure_data.description
    (made,) = [event.materialization for event in result.get_asset_materialization_events()]
    return made.metadata


def test_a_comparison_of_the_last_day_is_on_its_page_and_in_mlflow(ready):
    page = ran(ready, ranking_comparison_asset(), {"systems": "deepfm,item_rate"})
    assert page["days"].value == DAY and page["logs"].value == "simulated"
    assert page["best"].value in ("deepfm", "item_rate")
    assert "| deepfm |" in page["systems"].value.replace("*", "") and "Holm" in page["tests"].value
    for picture in ("auc-by-hour", "gain", "differences", "calibration"):
        assert "data:image/png;base64," in page[picture].value
    path = ready.deployment.paths(ready.home).reports / "comparisons" / f"{DAY}.json"
    assert page["json"].value == str(path)
    assert {entry["system"] for entry in json.loads(path.read_text())["summary"]} == {"deepfm", "item_rate"}
    assert page["mlflow_experiment"].value == f"simulated comparison {DAY}"
    tracking = Tracking(ready.home.mlflow, "simulator", True, page["mlflow_experiment"].value)
    runs = tracking.client.search_runs([tracking.experiment])
    assert sorted(run.data.params["system"] for run in runs) == ["deepfm", "item_rate"]


def test_a_comparison_of_what_is_not_loaded_says_what_to_do(ready):
    told = ran(ready, ranking_comparison_asset(), {"systems": "item_rate", "days": "2031-01-01"}, fails=True)
    assert "ranking_comparison" in told and "2031-01-01" in told and "What to do" in told


def test_an_ab_test_is_on_its_page_and_in_mlflow(ready):
    config = {"arms": "random,policy", "days": 1, "size": "tiny", "users": 60, "aa": False}
    page = ran(ready, ab_test_asset(), config)
    assert page["users"].value == "simulated" and "CTR" in page["lifts"].value
    assert "truth" in page["arms and bounds"].value
    for picture in ("ab-lift", "ab-ctr-by-day"):
        assert "data:image/png;base64," in page[picture].value
    tracking = Tracking(ready.home.mlflow, "simulator", True, AB_TESTS)
    (run,) = tracking.client.search_runs([tracking.experiment])
    assert run.info.run_id == page["mlflow_run"].value
    assert run.info.run_name.endswith("policy against random ab_test (simulated)")
    result = json.loads(Path(page["json"].value).read_text())
    (ctr,) = [entry for entry in result["metrics"] if entry["metric"] == "ctr"]
    assert run.data.metrics["policy.ctr_unpaired_lift"] == pytest.approx(ctr["lift"])
    assert {file.path for file in tracking.client.list_artifacts(run.info.run_id)} == {"plots", "json"}
