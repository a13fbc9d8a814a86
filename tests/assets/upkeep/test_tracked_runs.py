"""MLflow's runs of hours go with their rows and artifacts; the day's curves, and what others marked, stay."""

import sqlite3
from contextlib import closing

import pytest
from mlflow.entities import Dataset, DatasetInput, InputTag

from assets.ranking.states import States
from assets.ranking.tracking import pictures, record_day, record_hour
from assets.upkeep import tracked_leftovers, tracked_runs
from tests.assets.upkeep.small_home import LAST, SYSTEMS, days, small_home, tracking_of
from warehouse.keeping import KeepSettings


@pytest.fixture
def tracked(tmp_path):
    """Four days with a run and the run of an hour each, both with a picture; and a hand-made run."""
    home = small_home(tmp_path / "home", 4, KeepSettings())
    tracking, states = tracking_of(home), States(home.paths.models)
    for day in days(4):
        base = states.finished(states.daily(SYSTEMS[0], day))
        with pictures({"auc": b"png"}) as artifacts:
            parent = record_day(tracking, base, day, by_hour={"auc": 0.75}, step=3, artifacts=artifacts)
        record_hour(tracking, base, f"{day}-03:00", parent, metrics={"auc": 0.75}, tags={})
    tracking.client.create_run(tracking.experiment, run_name="mine")
    return tracking


def partitions(tracking, kind):
    runs = tracking.client.search_runs([tracking.experiment], f"tags.kind = '{kind}'")
    return sorted(run.data.tags["partition"] for run in runs)


def every_id(tracking):
    from mlflow.entities import ViewType

    runs = tracking.client.search_runs([tracking.experiment], run_view_type=ViewType.ALL)
    return {run.info.run_id for run in runs}


def due(tracking, name, kinds, count, needed=None):
    return tracked_runs.due_runs(tracking, name, kinds, count, LAST, needed or {})


def test_runs_of_hours_go_and_the_curves_of_days_stay(tracked):
    before = every_id(tracked)
    hours = due(tracked, "hour_runs", tracked_runs.HOURS, 2)
    assert len(hours.runs) == 2
    tracked_runs.remove(tracked, hours)
    assert partitions(tracked, "hour") == [f"{day}-03:00" for day in days(2)]
    assert before - every_id(tracked) == set(hours.runs), "their rows are gone, and no others"
    assert partitions(tracked, "day") == days(4)
    run = tracked.client.search_runs([tracked.experiment], f"tags.partition = '{days(4)[0]}'")[0]
    curve = tracked.client.get_metric_history(run.info.run_id, "auc_by_hour")
    assert [(point.step, point.value) for point in curve] == [(3, 0.75)]
    assert due(tracked, "hour_runs", tracked_runs.HOURS, 2).runs == []


def test_a_run_marked_before_a_kill_is_finished_and_one_marked_by_hand_stays(tracked):
    hours = due(tracked, "hour_runs", tracked_runs.HOURS, 2)
    tracked.client.delete_run(hours.runs[0])
    (mine,) = tracked.client.search_runs([tracked.experiment], "attributes.run_name = 'mine'")
    tracked.client.delete_run(mine.info.run_id)
    tracked_runs.remove(tracked, due(tracked, "hour_runs", tracked_runs.HOURS, 2))
    assert hours.runs[0] not in every_id(tracked)
    assert mine.info.run_id in every_id(tracked)


def test_days_go_with_their_artifacts_but_for_what_an_alias_needs(tracked):
    every = due(tracked, "day_runs", tracked_runs.DAYS, 1)
    assert len(every.runs) == len(every.artifacts) == 3 and every.bytes == 3 * len(b"png")
    spared = due(tracked, "day_runs", tracked_runs.DAYS, 1, {every.runs[0]: "champion"})
    assert tracked_runs.reasons(spared) == {"champion": 1}
    tracked_runs.remove(tracked, spared)
    assert len(partitions(tracked, "day")) == 2
    assert every.artifacts[0].is_dir() and not any(folder.exists() for folder in every.artifacts[1:])


def test_pictures_go_before_their_runs(tracked):
    old = tracked_runs.due_pictures(tracked, 1, LAST)
    assert len(old.artifacts) == 3
    tracked_runs.remove(tracked, old)
    assert partitions(tracked, "day") == days(4)
    assert tracked_runs.due_pictures(tracked, 1, LAST).artifacts == []


def test_on_a_team_server_runs_are_marked_only(tracked, monkeypatch):
    before = every_id(tracked)
    monkeypatch.setattr(tracked_runs, "on_server", lambda: True)
    hours = due(tracked, "hour_runs", tracked_runs.HOURS, 2)
    assert hours.artifacts == [] and tracked_runs.due_pictures(tracked, 1, LAST).artifacts == []
    tracked_runs.remove(tracked, hours)
    assert partitions(tracked, "hour") == [f"{day}-03:00" for day in days(2)]
    assert every_id(tracked) == before


def test_none_keeps_all(tracked):
    assert due(tracked, "hour_runs", tracked_runs.HOURS, None).runs == []


def test_nothing_is_left_of_runs_and_versions_that_are_gone(tracked, tmp_path):
    def rows():
        with closing(sqlite3.connect(tracked.folder / "mlflow.db")) as connection:
            return {
                table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
                for table in ("runs", "datasets", "inputs", "input_tags", "model_version_tags")
            }

    runs = tracked.client.search_runs([tracked.experiment], "tags.kind = 'hour'", order_by=["tags.partition"])
    of_all, of_two = (DatasetInput(Dataset(name, name, "local", "{}"), [InputTag("a", "b")]) for name in "xy")
    for run in runs:
        tracked.client.log_inputs(run.info.run_id, [of_all])
    for run in runs[:2]:
        tracked.client.log_inputs(run.info.run_id, [of_two])
    assert tracked_leftovers.sweep(tracked.folder) == 0, "everything belongs to somebody"
    before = rows()
    hours = due(tracked, "hour_runs", tracked_runs.HOURS, 2)
    assert set(hours.runs) == {run.info.run_id for run in runs[:2]}
    tracked_runs.remove(tracked, hours)
    # Inputs and their tags of two runs, and the one name that no other run has.
    assert tracked_leftovers.sweep(tracked.folder) == 4 + 4 + 1
    after = rows()
    assert {table: before[table] - after[table] for table in before} == {
        "runs": 2,
        "datasets": 1,
        "inputs": 4,
        "input_tags": 4,
        "model_version_tags": 0,
    }
    left = tracked.client.get_run(runs[2].info.run_id).inputs.dataset_inputs
    assert "x" in {each.dataset.name for each in left}

    tracked.client.create_registered_model("mine")
    versions = [tracked.client.create_model_version("mine", "file:///x", tags={"a": "b"}) for _ in range(2)]
    tracked.client.delete_model_version("mine", versions[0].version)
    assert tracked_leftovers.sweep(tracked.folder) == 1
    assert tracked.client.get_model_version("mine", versions[1].version).tags == {"a": "b"}
    assert tracked_leftovers.sweep(tracked.folder) == 0


def test_a_teams_database_is_not_swept(tracked, monkeypatch):
    tracked_runs.remove(tracked, due(tracked, "hour_runs", tracked_runs.HOURS, 2))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///elsewhere.db")
    assert tracked_leftovers.sweep(tracked.folder) == 0
