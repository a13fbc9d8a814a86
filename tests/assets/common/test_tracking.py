"""Runs are found again by tag; nothing is logged twice; a simulated source is called so."""

import time

import dagster as dg
import pytest

from assets.common import model_registry
from assets.common.links import mlflow_link
from assets.common.tracking import EXPERIMENT, KEY, RunRecord, Tracking
from assets.ranking.states import StateRecord
from assets.ranking.tracking import record_day, record_served, record_training


@pytest.fixture(scope="module")
def tracking(tmp_path_factory):
    return Tracking(tmp_path_factory.mktemp("home") / "mlflow", "simulator", simulated=True)


def _record(**changes):
    values = {
        "kind": "hour",
        "system": "deepfm",
        "partition": "2026-03-05-07:00",
        "seed": 0,
        "settings": {"rate": "0.1", "layers": "[64, 32]"},
        "metrics": {"auc": 0.61, "gauc": None, "log_loss": float("nan")},
        "tags": {"base_partition": "2026-03-04"},
    }
    return RunRecord(**(values | changes))


def _runs(tracking, kind):
    return tracking.client.search_runs([tracking.experiment], filter_string=f"tags.kind = '{kind}'")


def test_a_second_materialisation_finds_its_run(tracking):
    first = tracking.record(_record())
    again = tracking.record(_record(metrics={"auc": 0.61}, tags={"base_partition": "2026-03-03"}))
    assert first == again
    (run,) = _runs(tracking, "hour")
    assert run.data.tags["base_partition"] == "2026-03-03"
    assert run.data.metrics == {"auc": 0.61}
    assert len(tracking.client.get_metric_history(first, "auc")) == 1, "the same value was logged twice"
    assert run.info.status == "FINISHED"
    assert run.data.params["rate"] == "0.1"
    assert run.data.params["seed"] == "0"
    assert run.data.tags["git_revision"]


def test_a_changed_figure_is_the_latest(tracking):
    record = _record(kind="changed")
    run_id = tracking.record(record)
    time.sleep(0.002)
    tracking.record(_record(kind="changed", metrics={"auc": 0.42}))
    assert tracking.client.get_run(run_id).data.metrics["auc"] == 0.42


@pytest.mark.parametrize("change", [{"settings": {"rate": "0.2"}}, {"seed": 1}, {"system": "lsttm"}])
def test_another_setting_is_another_run(tracking, change):
    assert tracking.record(_record(kind="other")) != tracking.record(_record(kind="other", **change))


def test_a_day_carries_its_hours_as_steps(tracking):
    day = {"kind": "day", "partition": "2026-03-05"}
    for hour in (0, 1, 2, 1):
        parent = tracking.record(_record(**day, metrics={}, steps={hour: {"auc_by_hour": 0.6 + hour / 100}}))
        child = tracking.record(_record(kind="child", partition=f"2026-03-05-{hour:02d}:00", parent=parent))
    history = tracking.client.get_metric_history(parent, "auc_by_hour")
    assert sorted((point.step, point.value) for point in history) == [(0, 0.6), (1, 0.61), (2, 0.62)]
    assert tracking.client.get_run(child).data.tags["mlflow.parentRunId"] == parent
    assert len(_runs(tracking, "day")) == 1
    assert len(_runs(tracking, "child")) == 3


def test_more_than_one_call_holds(tracking):
    settings = {f"s{i}": str(i) for i in range(150)}
    curve = [1.0 / (1 + i) for i in range(1000)]
    run_id = tracking.record(_record(kind="long", settings=settings, curves={"loss": curve}))
    run = tracking.client.get_run(run_id)
    assert run.data.params["s149"] == "149"
    assert run.data.metrics["loss"] == curve[-1]


def test_everything_simulated_is_named_so(tracking):
    run_id = tracking.record(_record())
    run = tracking.client.get_run(run_id)
    assert run.info.run_name == "2026-03-05-07:00 deepfm hour (simulated)"
    assert run.data.tags["simulated"] == "true"
    assert model_registry.model_name(tracking) == "ranking-simulated"
    assert Tracking(tracking.folder, "landing", simulated=True).label == "landing-simulated"
    assert Tracking(tracking.folder, "kuairand", simulated=False).label == "kuairand"


def test_artifacts_stay_in_the_home(tracking, tmp_path):
    plot = tmp_path / "plot.png"
    plot.write_bytes(b"png")
    run_id = tracking.record(_record(kind="plotted", artifacts={"plots": plot}))
    experiment = tracking.client.get_experiment_by_name(EXPERIMENT)
    assert experiment.artifact_location.startswith(tracking.folder.as_uri())
    assert [p.name for p in tracking.folder.rglob("plot.png")] == ["plot.png"]
    assert run_id in str(next(tracking.folder.rglob("plot.png")))


def test_aliases_move_only_when_pointed(tracking, tmp_path):
    assert model_registry.at_alias(tracking, model_registry.CHAMPION) is None
    run_id = tracking.record(_record(kind="training"))
    one = model_registry.register(tracking, "lsttm", "2026-03-04", tmp_path, run_id, "aa", {"auc": "0.6"})
    assert model_registry.at_alias(tracking, model_registry.CHAMPION) is None
    model_registry.point(tracking, model_registry.CHAMPION, one, {"promoted": "guard rails passed"})
    two = model_registry.register(tracking, "lsttm", "2026-03-05", tmp_path, run_id, "bb", {})
    assert two != one
    assert model_registry.register(tracking, "lsttm", "2026-03-05", tmp_path, run_id, "bb", {}) == two
    champion = model_registry.at_alias(tracking, model_registry.CHAMPION)
    assert str(champion.version) == one
    assert champion.tags["promoted"] == "guard rails passed"
    assert "simulated" in champion.description
    assert model_registry.version_of(tracking, "lsttm", "2026-03-05", "bb") == two
    assert model_registry.version_of(tracking, "lsttm", "2026-03-05", "cc") is None


def test_a_run_costs_little(tracking):
    tracking.record(_record(kind="warm"))
    start = time.process_time()
    for hour in range(5):
        tracking.record(_record(kind="cost", partition=f"2026-03-06-{hour:02d}:00"))
    assert (time.process_time() - start) / 5 < 0.3


def test_a_run_lasts_from_the_works_beginning_to_what_was_written_last(tmp_path):
    before = time.time()
    tracking = Tracking(tmp_path / "mlflow", "landing", simulated=False)
    time.sleep(0.3)
    opened = tracking.client.get_run(tracking.record(_record(kind="opened"))).info
    assert before * 1000 - 1 <= opened.start_time < opened.end_time - 250
    run_id = tracking.record(_record(kind="said", started=before - 3600))
    said = tracking.client.get_run(run_id).info
    assert said.start_time == int(1000 * (before - 3600)) and said.end_time >= int(1000 * before)
    time.sleep(0.01)
    tracking.record(_record(kind="said"))
    again = tracking.client.get_run(run_id).info
    assert again.start_time == said.start_time and again.end_time > said.end_time


def test_what_is_amended_afterwards_leaves_the_runs_times(tracking):
    record = _record(kind="amended")
    assert tracking.amend(record) is None, "there is no such run yet"
    run_id = tracking.record(record)
    before = tracking.client.get_run(run_id).info
    later = _record(kind="amended", metrics={"aupr": 0.2, "auc": None}, tags={"served_day": "2026-03-05"})
    assert tracking.amend(later) == run_id
    run = tracking.client.get_run(run_id)
    assert run.data.metrics == {"auc": 0.61, "aupr": 0.2}
    assert run.data.tags["served_day"] == "2026-03-05"
    assert (run.info.start_time, run.info.end_time) == (before.start_time, before.end_time)


def test_the_data_are_an_input_of_the_run_once(tracking):
    record = _record(kind="training", tags={"data_hash": "0123abcd"})
    for _ in range(2):
        run_id = tracking.record(record)
    (entry,) = tracking.client.get_run(run_id).inputs.dataset_inputs
    assert (entry.dataset.name, entry.dataset.digest) == ("simulated", "0123abcd")
    assert "sources/simulator/warehouse.duckdb" in entry.dataset.source
    assert {tag.value for tag in entry.tags} == {"training"}


def test_a_run_leads_to_the_dagster_run_that_wrote_it(tracking, monkeypatch):
    monkeypatch.setenv("HOURFOLD_DAGSTER_URL", "http://127.0.0.1:3001")

    @dg.asset
    def recorded(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        return dg.MaterializeResult(metadata={"run": tracking.record(_record(kind="linked"))})

    done = dg.materialize([recorded])
    (materialized,) = done.asset_materializations_for_node("recorded")
    tags = tracking.client.get_run(materialized.metadata["run"].value).data.tags
    assert tags["dagster.run_id"] == done.run_id
    assert f"http://127.0.0.1:3001/runs/{done.run_id}" in tags["mlflow.note.content"]
    outside = tracking.client.get_run(tracking.record(_record(kind="outside"))).data.tags
    assert "dagster.run_id" not in outside


@pytest.mark.parametrize("known", [True, False])
def test_an_assets_page_leads_to_the_run(tracking, monkeypatch, known):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("HOURFOLD_MLFLOW_URL", "http://127.0.0.1:5001" if known else "")
    run_id = tracking.record(_record())
    link = mlflow_link(tracking.url(run_id))
    page = f"/#/experiments/{tracking.experiment}/runs/{run_id}"
    if known:
        assert link == dg.MetadataValue.url(f"http://127.0.0.1:5001{page}")
    else:
        assert f"({'http://127.0.0.1:5000'}{page})" in link.value and "hourfold ui" in link.value


def test_a_served_day_has_pooled_figures_and_curves_and_its_training_tells_them(tracking):
    base = StateRecord(
        system="lsttm",
        partition="2026-03-04",
        seed=0,
        settings={"rate": "0.1"},
        git_revision="git",
        data_hash="aa",
    )
    trained = record_training(tracking, base, "training", losses=[0.5, 0.4], plot=b"png")
    for hour, auc in ((0, 0.6), (1, 0.7)):
        day = record_day(tracking, base, "2026-03-05", by_hour={"auc": auc, "aupr": auc / 2}, step=hour)
    pooled = {"auc": 0.65, "aupr": 0.33, "auc_se": 0.01, "exposures": 900.0}
    assert record_day(tracking, base, "2026-03-05", metrics=pooled) == day
    assert record_served(tracking, base, "2026-03-05", pooled) == trained
    run = tracking.client.get_run(day)
    assert run.data.metrics == pooled | {"auc_by_hour": 0.7, "aupr_by_hour": 0.35}
    curve = [(point.step, point.value) for point in tracking.client.get_metric_history(day, "auc_by_hour")]
    assert sorted(curve) == [(0, 0.6), (1, 0.7)]
    served = tracking.client.get_run(trained).data
    assert (served.metrics["auc"], served.metrics["aupr"], served.tags["served_day"]) == (
        0.65,
        0.33,
        "2026-03-05",
    )
    with pytest.raises(ValueError, match="2026-03-05"):
        record_day(tracking, base, "2026-03-05", by_hour={"auc": 0.5})


def test_a_run_that_a_kill_left_without_parameters_is_repaired_when_it_is_met_again(tracking):
    record, wanted = _record(kind="killed"), {"rate": "0.1", "layers": "[64, 32]", "seed": "0"}
    # As a kill between the two calls leaves it on a server: made, and nothing more.
    tags = {KEY: tracking.key(record), "kind": "killed"}
    tracking.client.create_run(tracking.experiment, tags=tags)
    (left,) = _runs(tracking, "killed")
    assert not left.data.params
    assert tracking.record(record) == left.info.run_id
    (mended,) = _runs(tracking, "killed")
    assert mended.data.params == wanted | {"system": "deepfm", "source": "simulator"}
    assert mended.info.status == "FINISHED"
