"""What runs by itself: hours and days on schedule, and hours whose logs come late."""

from datetime import UTC, datetime

import dagster as dg
import pytest

from assets.common.partitions import Partitions
from assets.common.resources import HomeResource
from assets.ranking.states import StateRecord, States
from orchestration.automation import fingerprint
from orchestration.build import build
from warehouse.home import Deployment, Home
from warehouse.landing.description import SourceDescription
from warehouse.landing.service_time import DAY_MS, HOUR_MS

FIRST, LAST = "2026-03-02", "2026-03-05"
DEPLOYMENT = Deployment(source="landing", first_day=FIRST, systems=("deepfm",))
PARTITIONS = Partitions.of(DEPLOYMENT, last_day=LAST)


def _graph():
    """The ranking's dependencies and conditions as they are, with nothing to compute."""
    real = build(Home.current(), DEPLOYMENT).definitions.resolve_asset_graph()

    def empty(name):
        node = real.get(dg.AssetKey(name))
        mappings = {parent: node.partition_mappings.get(parent) for parent in node.parent_keys}
        partitions = (
            PARTITIONS.daily if isinstance(node.partitions_def, dg.DailyPartitionsDefinition) else None
        )

        @dg.asset(
            name=name,
            partitions_def=partitions or PARTITIONS.hourly,
            deps=[dg.AssetDep(key, partition_mapping=mapping) for key, mapping in mappings.items()],
            automation_condition=node.automation_condition,
        )
        def asset() -> None: ...

        return asset

    names = ("exposures", "external_clicks", "daily_ranker", "hourly_ranker", "hourly_auc")
    return dg.Definitions(assets=[empty(name) for name in names])


def _land(instance, *hours):
    for hour in hours:
        for table in ("exposures", "external_clicks"):
            instance.report_runless_asset_event(dg.AssetMaterialization(table, partition=hour))


def _requested(result, asset="hourly_ranker"):
    return {
        key
        for found in result.results
        if found.key == dg.AssetKey(asset)
        for key in found.true_subset.expensively_compute_partition_keys()
    }


def test_a_late_hour_runs_and_the_latest_is_left_to_the_schedule():
    defs, instance = _graph(), dg.DagsterInstance.ephemeral()
    late, latest = f"{LAST}-05:00", f"{LAST}-23:00"
    before = dg.evaluate_automation_conditions(defs, instance)
    _land(instance, late, latest)
    first = dg.evaluate_automation_conditions(defs, instance, cursor=before.cursor)
    assert _requested(first) == {late}, "neither an hour without logs, nor the latest hour"
    assert _requested(first, "hourly_auc") == {late}
    instance.report_runless_asset_event(dg.AssetMaterialization("hourly_ranker", partition=late))
    quiet = dg.evaluate_automation_conditions(defs, instance, cursor=first.cursor)
    assert late not in _requested(quiet), "once is enough"
    _land(instance, late)
    again = dg.evaluate_automation_conditions(defs, instance, cursor=quiet.cursor)
    assert late in _requested(again), "logs that changed count as late"


def test_a_missing_base_model_or_hour_before_holds_nothing_back():
    """The asset chooses the newest finished base itself; waiting for a training would cost hours."""
    defs, instance = _graph(), dg.DagsterInstance.ephemeral()
    before = dg.evaluate_automation_conditions(defs, instance)
    _land(instance, f"{LAST}-00:00")
    result = dg.evaluate_automation_conditions(defs, instance, cursor=before.cursor)
    assert _requested(result) == {f"{LAST}-00:00"}


def test_hours_that_were_served_stay_as_they_were():
    """Neither a base model that comes late nor a late hour before them runs them again."""
    defs, instance = _graph(), dg.DagsterInstance.ephemeral()
    served = [f"{LAST}-{hour:02d}:00" for hour in (0, 1, 2)]
    _land(instance, *served)
    for asset in ("hourly_ranker", "hourly_auc"):
        for hour in served:
            instance.report_runless_asset_event(dg.AssetMaterialization(asset, partition=hour))
    before = dg.evaluate_automation_conditions(defs, instance)
    instance.report_runless_asset_event(dg.AssetMaterialization("daily_ranker", partition="2026-03-04"))
    _land(instance, served[0])
    result = dg.evaluate_automation_conditions(defs, instance, cursor=before.cursor)
    assert _requested(result) == {served[0]}
    instance.report_runless_asset_event(dg.AssetMaterialization("hourly_ranker", partition=served[0]))
    after = dg.evaluate_automation_conditions(defs, instance, cursor=result.cursor)
    assert _requested(after) == set()
    assert _requested(after, "hourly_auc") == set()


def test_one_table_alone_is_no_hour():
    defs, instance = _graph(), dg.DagsterInstance.ephemeral()
    before = dg.evaluate_automation_conditions(defs, instance)
    instance.report_runless_asset_event(dg.AssetMaterialization("exposures", partition=f"{LAST}-05:00"))
    assert _requested(dg.evaluate_automation_conditions(defs, instance, cursor=before.cursor)) == set()


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
    home, repository = archive
    with (
        dg.DagsterInstance.ephemeral() as instance,
        dg.build_schedule_context(
            instance=instance,
            scheduled_execution_time=datetime(*when, tzinfo=UTC),
            resources={"home": home},
            repository_def=repository,
        ) as context,
    ):
        return repository.get_schedule_def(name).evaluate_tick(context).run_requests


def test_every_hour_runs_the_hour_that_ended(archive):
    (request,) = _tick(archive, "every_hour", 2026, 3, 5, 7, 10)
    assert request.partition_key == "2026-03-05-06:00"
    names = {key.to_user_string() for key in request.asset_selection}
    assert names == {"users", "items", "exposures", "external_clicks"}, "without a base only logs are loaded"
    states = States(archive[0].paths.models)
    record = StateRecord(system="deepfm", partition="2026-03-04", seed=0, settings={}, git_revision="r")
    with states.write(states.daily("deepfm", "2026-03-04"), record) as path:
        path.write_text("model")
    (request,) = _tick(archive, "every_hour", 2026, 3, 5, 7, 10)
    assert request.asset_selection is None, "with a base the whole hour is run"
    assert _tick(archive, "every_hour", 2026, 3, 7, 7, 10) == [], "the archive ends before"


def test_every_night_runs_the_day_that_ended(archive):
    (request,) = _tick(archive, "every_night", 2026, 3, 5, 0, 40)
    assert request.partition_key == "2026-03-04"
    assert _tick(archive, "every_night", 2026, 3, 2, 0, 40) == [], "the day before the first"


@pytest.mark.parametrize("whole_day", [False, True], ids=["hour", "day"])
def test_files_that_come_late_are_seen_once(tmp_path, whole_day):
    zone = DEPLOYMENT.service_zone
    now_ms = int(datetime.now(UTC).timestamp() * 1000)
    today, hour = zone.day_key(now_ms), zone.hour_key(now_ms - 4 * HOUR_MS)
    deployment = DEPLOYMENT.model_copy(update={"first_day": zone.day_key(now_ms - DAY_MS)})
    home, repository = _home(tmp_path, deployment, last_day=today)
    sensor = repository.get_sensor_def("late_files")

    def look(cursor):
        with (
            dg.DagsterInstance.ephemeral() as instance,
            dg.build_sensor_context(
                instance=instance, cursor=cursor, resources={"home": home}, repository_def=repository
            ) as context,
        ):
            return sensor.evaluate_tick(context)

    start = look(None)
    assert start.run_requests == [], "what lies there at the first look is not late"
    landing = deployment.landing_folder(home.home)
    folder = landing / "exposures" / f"date={hour[:10]}"
    folder = folder if whole_day else folder / f"hour={hour[11:13]}"
    folder.mkdir(parents=True)
    (folder / "part-0.parquet").write_bytes(b"late")
    assert fingerprint(landing, hour)
    seen = look(start.cursor)
    late = [request.partition_key for request in seen.run_requests]
    assert hour in late and {key[:10] for key in late} == {hour[:10]}
    assert whole_day or late == [hour]
    assert look(seen.cursor).run_requests == []


def test_a_shop_has_its_nights_and_weeks(archive):
    for name, when in (("every_night_profiling", (1, 20)), ("every_week", (2, 30))):
        assert _tick(archive, name, 2026, 3, 5, *when) == [], "a source without purchases has neither"
    home, _ = archive
    (home.deployment.landing_folder(home.home) / "purchases").mkdir()
    for name, when in (("every_night_profiling", (1, 20)), ("every_week", (2, 30))):
        (request,) = _tick(archive, name, 2026, 3, 5, *when)
        assert request.partition_key == "2026-03-04"
        assert _tick(archive, name, 2026, 3, 9, *when) == [], "the archive ends before"
