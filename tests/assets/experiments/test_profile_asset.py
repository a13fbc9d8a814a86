"""The asset profile_evaluation on a shop of purchases alone: tables and pictures, JSON, runs on MLflow."""

import json
from pathlib import Path

import dagster as dg
import pytest

from assets.common.resources import HomeResource, ProgressReport, TrackingResource
from assets.common.tracking import PROFILING
from assets.experiments.profilers.assets import profile_evaluation_asset
from tests.assets.profiling import shop_on_disk
from warehouse.home import Deployment, Home

pytestmark = pytest.mark.slow


def ran(home, config, fails=False):
    root = str(home.root)
    result = dg.materialize(
        [profile_evaluation_asset()],
        resources={
            "home": HomeResource(root=root),
            "tracking": TrackingResource(root=root),
            "progress": ProgressReport(),
        },
        run_config={"ops": {"profile_evaluation": {"config": config}}},
        raise_on_error=False,
    )
    assert result.success is not fails
    if fails:
        (failed,) = [event for event in result.all_events if event.is_step_failure]
        return failed.step_failure_data.user_failure_data.description
    (made,) = [event.materialization for event in result.get_asset_materialization_events()]
    return made.metadata


def test_an_evaluation_is_on_its_page_and_in_mlflow(tmp_path_factory, monkeypatch):
    home, deployment = shop_on_disk.shop(tmp_path_factory)
    monkeypatch.setenv("HOURFOLD_HOME", str(home.root))
    page = ran(home, {"systems": "ridge,activity", "targets": "1", "brands": 1, "draws": 1})
    assert page["purchases"].value == "landing" and page["target brands"].value == 1
    assert "| ridge | 1 |" in page["brands"].value and "among the first" in page["brands"].value
    assert "target brands, the first by hash" in page["remarks"].value
    assert "with demographics" in page["remarks"].value
    assert "| ridge | all |" in page["brands"].value and "AUROC" in page["by number of labels"].value
    assert "data:image/png;base64," in page["profile-masking-auroc"].value
    result = json.loads(Path(page["json"].value).read_text())
    assert Path(page["json"].value).parent == deployment.paths(home).reports / "profile-evaluations"
    tracking = TrackingResource(root=str(home.root)).open(PROFILING)
    runs = tracking.client.search_runs([tracking.experiment], filter_string="tags.kind = 'profile_eval'")
    by_system = {run.data.params["system"]: run for run in runs}
    assert set(by_system) == {"all", "ridge", "activity"}
    assert by_system["all"].info.run_id == page["mlflow_run"].value
    for entry in result["summary"]:
        measured = by_system[entry["system"]].data.metrics
        for figure in ("aupr", "auroc"):
            assert measured[figure] == measured[f"brands_k_all_{figure}"] == pytest.approx(entry[figure])
            assert f"brands_k_1_{figure}" in measured


def test_a_source_without_purchases_says_what_to_do(tmp_path):
    home = Home(tmp_path)
    Deployment(source="kuairand").save(home)
    message = ran(home, {"systems": "activity"}, fails=True)
    assert "profile_evaluation" in message and "no purchases" in message and "What to do" in message
