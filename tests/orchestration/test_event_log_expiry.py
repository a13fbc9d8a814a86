"""Runs are forgotten and what they made is not: partitions stay materialised, sensors see what they saw."""

import datetime as dt
from pathlib import Path

import dagster as dg
import pytest

from assets.common import plots
from assets.upkeep import dagster_runs
from orchestration.settings import prepare_home
from warehouse.home import Home

DAYS = dg.DailyPartitionsDefinition("2026-03-01", end_date="2026-03-05")
LATER = dt.datetime.now(dt.UTC) + dt.timedelta(days=40)


@dg.asset(partitions_def=DAYS, check_specs=[dg.AssetCheckSpec("sound", asset="made")])
def made() -> dg.MaterializeResult:
    metadata = {"rows": 7, "picture": plots.embedded(b"png" * 2000)}
    verdict = dg.AssetCheckResult(check_name="sound", passed=True)
    return dg.MaterializeResult(metadata=metadata, check_results=[verdict])


@dg.asset
def plain() -> None:
    """Without partitions."""


@dg.asset
def fails() -> None:
    raise ValueError("no")


@pytest.fixture
def instance(tmp_path, monkeypatch):
    home = prepare_home(Home(tmp_path / "home"))
    with dg.DagsterInstance.from_config(str(home.dagster)) as opened:
        yield opened


def run(instance, asset, partition=None):
    result = dg.materialize([asset], instance=instance, partition_key=partition, raise_on_error=False)
    return result.run_id


def status(instance):
    """All that partitions' status, sensors and pages rest on, but for the runs."""
    storage, key = instance.event_log_storage, made.key
    event = instance.get_latest_materialization_event(key)
    return (
        instance.get_materialized_partitions(key),
        storage.get_latest_storage_id_by_partition(key, dg.DagsterEventType.ASSET_MATERIALIZATION),
        event.asset_materialization.partition,
        instance.get_asset_records([plain.key])[0].asset_entry.last_materialization_storage_id,
    )


def shard(instance, run_id) -> Path:
    return Path(instance.event_log_storage.path_for_shard(run_id))


def test_forgotten_runs_leave_partitions_as_they_were(instance):
    runs = [run(instance, made, f"2026-03-0{day}") for day in (1, 2, 3, 1)]
    runs += [run(instance, plain), run(instance, plain), run(instance, fails)]
    before = status(instance)
    old = dagster_runs.old_runs(instance, 30, LATER)
    assert sorted(old.runs) == sorted(runs) and old.bytes > 7 * 50_000
    dagster_runs.forget(instance, old.runs)

    assert status(instance) == before
    assert instance.get_runs() == []
    assert not [run_id for run_id in runs if shard(instance, run_id).exists()]
    records = instance.fetch_materializations(made.key, limit=10).records
    # The first run of 1 March was made again: only the newest of a partition stays.
    assert [record.partition_key for record in records] == ["2026-03-01", "2026-03-03", "2026-03-02"]
    assert len(instance.fetch_materializations(plain.key, limit=10).records) == 1
    assert records[0].asset_materialization.metadata["rows"].value == 7
    checks = instance.event_log_storage.get_latest_asset_check_execution_by_key(
        [dg.AssetCheckKey(made.key, "sound")]
    )
    assert [each.run_id for each in checks.values()] == [runs[3]]
    assert dagster_runs.old_runs(instance, 30, LATER).runs == []


def test_forgetting_twice_is_as_once_and_a_later_run_is_seen(instance):
    first = run(instance, made, "2026-03-01")
    before = status_of_one(instance)
    for _ in range(2):
        instance.event_log_storage.forget_run(first)
    assert status_of_one(instance) == before
    second = run(instance, made, "2026-03-02")
    assert instance.get_materialized_partitions(made.key) == {"2026-03-01", "2026-03-02"}
    assert instance.all_logs(second)


def status_of_one(instance):
    storage = instance.event_log_storage
    return storage.get_latest_storage_id_by_partition(made.key, dg.DagsterEventType.ASSET_MATERIALIZATION)


def test_young_and_unfinished_runs_stay(instance):
    ended = run(instance, made, "2026-03-01")
    instance.create_run_for_job(dg.Definitions([made], jobs=[dg.define_asset_job("j")]).resolve_job_def("j"))
    assert dagster_runs.old_runs(instance, 30, dt.datetime.now(dt.UTC)).runs == []
    assert dagster_runs.old_runs(instance, None, LATER).runs == []
    assert dagster_runs.old_runs(instance, 30, LATER).runs == [ended]


def test_pictures_go_and_figures_stay(instance):
    run(instance, made, "2026-03-01")
    before = status_of_one(instance)
    assert dagster_runs.pictures(instance, 30, dt.datetime.now(dt.UTC), False) == (0, 0)
    said = dagster_runs.pictures(instance, 30, LATER, True)
    assert said[0] == 1 and said[1] > 7000
    assert dagster_runs.pictures(instance, 30, LATER, False) == said
    assert dagster_runs.pictures(instance, 30, LATER, False) == (0, 0)
    shown = instance.fetch_materializations(made.key, limit=1).records[0].asset_materialization
    assert shown.metadata["rows"].value == 7
    assert "keep.plots" in shown.metadata["picture"].value
    assert status_of_one(instance) == before


def test_another_event_log_is_left_alone():
    with dg.DagsterInstance.ephemeral() as instance:
        run(instance, made, "2026-03-01")
        old = dagster_runs.old_runs(instance, 30, LATER)
        assert old.runs == [] and "cannot forget" in old.why_not
