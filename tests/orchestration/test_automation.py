"""What runs by itself: hours and days on schedule, and hours whose logs come late."""

from datetime import UTC, datetime
from unittest.mock import patch

import dagster as dg
import pytest

from assets.common.resources import HomeResource
from assets.ranking.states import StateRecord, States
from orchestration.build import build
from warehouse.home import Deployment, Home
from warehouse.landing.description import SourceDescription
from warehouse.landing.service_time import HOUR_MS

FIRST, LAST = "2026-03-02", "2026-03-05"
DEPLOYMENT = Deployment(source="landing", first_day=FIRST, systems=("deepfm",))


@pytest.fixture
def archive(tmp_path):
    """A simulated source that ends with LAST: its home and its definitions."""
    deployment = Deployment(first_day=FIRST, systems=("deepfm",))
    return _home(tmp_path, deployment, last_day=LAST)


def _home(path, deployment, last_day):
    home = Home(path)
    deployment.save(home)
    description = SourceDescription(name=deployment.source, first_day=deployment.first_day, last_day=last_day)
    description.save(deployment.landing_folder(home))
    return HomeResource(root=str(path)), build(home, deployment).definitions.get_repository_def()


def _tick(archive, name, *when):
    return _evaluated(archive, name, *when).run_requests


def _evaluated(archive, name, *when):
    home, repository = archive
    moment = datetime(*when, tzinfo=UTC)
    with (
        dg.DagsterInstance.ephemeral() as instance,
        patch("assets.common.clock.now_ms", lambda: int(moment.timestamp() * 1000)),
        dg.build_schedule_context(
            instance=instance,
            scheduled_execution_time=moment,
            resources={"home": home},
            repository_def=repository,
        ) as context,
    ):
        return repository.get_schedule_def(name).evaluate_tick(context)


def _land(home, hour, table="exposures"):
    landing = home.deployment.landing_folder(home.home)
    folder = landing / table / f"date={hour[:10]}" / f"hour={hour[11:13]}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "part-0.parquet").write_bytes(b"rows")


def _base(home, day):
    states = States(home.paths.models)
    record = StateRecord(system="deepfm", partition=day, seed=0, settings={}, git_revision="r")
    with states.write(states.daily("deepfm", day), record) as path:
        path.write_text("model")


def _names(request):
    return {key.to_user_string() for key in request.asset_selection}


def test_every_hour_runs_what_can_run_of_the_hour_that_ended(archive, monkeypatch):
    home, _ = archive
    at = (2026, 3, 5, 7, 10)
    skipped = _evaluated(archive, "every_hour", *at)
    assert not skipped.run_requests and "exposures/date=2026-03-05/hour=06" in skipped.skip_message
    _land(home, "2026-03-05-06:00", "external_clicks")
    assert not _evaluated(archive, "every_hour", *at).run_requests, "clicks elsewhere alone are no hour"
    _land(home, "2026-03-05-06:00")
    (home.deployment.landing_folder(home.home) / "users").mkdir()
    (request,) = _tick(archive, "every_hour", *at)
    assert request.partition_key == "2026-03-05-06:00"
    assert _names(request) == {"users", "exposures", "external_clicks"}, "without a base only logs are loaded"
    _base(home, "2026-03-04")
    (request,) = _tick(archive, "every_hour", *at)
    assert _names(request) >= {"exposures", "hourly_ranker", "hourly_auc"}
    _land(home, "2026-03-05-07:00")
    (request,) = _tick(archive, "every_hour", 2026, 3, 5, 8, 10)
    assert "external_clicks" not in _names(request), "they have no files: the ranking must not wait for them"
    assert _tick(archive, "every_hour", 2026, 3, 7, 7, 10) == [], "the archive ends before"


def test_every_night_needs_something_of_the_day(archive, monkeypatch):
    skipped = _evaluated(archive, "every_night", 2026, 3, 5, 0, 40)
    assert not skipped.run_requests and "nothing of 2026-03-04 is loaded" in skipped.skip_message
    assert _tick(archive, "every_night", 2026, 3, 2, 0, 40) == [], "the day before the first"


def _late_files(home, repository, cursor, instance):
    sensor = repository.get_sensor_def("late_files")
    with dg.build_sensor_context(
        instance=instance, cursor=cursor, resources={"home": home}, repository_def=repository
    ) as context:
        return sensor.evaluate_tick(context)


def test_files_that_come_late_are_loaded_and_hours_without_are_named(tmp_path):
    zone = DEPLOYMENT.service_zone
    now_ms = zone.day_start_ms("2026-03-05") + 12 * HOUR_MS
    home, repository = _home(tmp_path, DEPLOYMENT, last_day=LAST)
    hour = "2026-03-05-08:00"
    with dg.DagsterInstance.ephemeral() as instance, patch("assets.common.clock.now_ms", lambda: now_ms):
        start = _late_files(home, repository, None, instance)
        assert start.run_requests == []
        missing = {event.partition for event in start.asset_events}
        assert len(missing) == 72 - 1 and hour in missing, "the hour that just ended has its own turn"
        assert all(not event.passed and event.check_name == "landed" for event in start.asset_events)
        for event in start.asset_events:
            instance.report_runless_asset_event(event)
        for cursor in (start.cursor, None):
            assert _late_files(home, repository, cursor, instance).asset_events == [], "told once"
        _land(home, hour)
        (request,) = _late_files(home, repository, start.cursor, instance).run_requests
        assert request.partition_key == hour and _names(request) == {"exposures"}
        # A tick that was missed, or whose run never came, loses nothing: the same request is made again.
        (again,) = _late_files(home, repository, start.cursor, instance).run_requests
        assert again.run_key == request.run_key
        _land(home, "2026-03-05-09:00")
        (both,) = _late_files(home, repository, None, instance).run_requests
        assert both.tags["dagster/asset_partition_range_start"] == hour
        assert both.tags["dagster/asset_partition_range_end"] == "2026-03-05-09:00"


def test_a_shop_has_its_nights_and_weeks(archive):
    for name, when in (("every_night_profiling", (1, 20)), ("every_week", (2, 30))):
        assert _tick(archive, name, 2026, 3, 5, *when) == [], "a source without purchases has neither"
    home, _ = archive
    (home.deployment.landing_folder(home.home) / "purchases").mkdir()
    for name, when in (("every_night_profiling", (1, 20)), ("every_week", (2, 30))):
        (request,) = _tick(archive, name, 2026, 3, 5, *when)
        assert request.partition_key == "2026-03-04"
        assert _tick(archive, name, 2026, 3, 9, *when) == [], "the archive ends before"
