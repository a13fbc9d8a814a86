"""MLflow's runs of hours go with their rows and artifacts; the day's curves, and what others marked, stay."""

import pytest

from assets.ranking.states import States
from assets.ranking.tracking import pictures, record_day, record_hour
from assets.upkeep import tracked_runs
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
