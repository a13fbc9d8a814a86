"""The event log that keeps its files open writes what Dagster's own writes."""

import sqlite3
import time
from contextlib import closing

import dagster as dg
import pytest
from dagster._core.storage.event_log.sqlite import SqliteEventLogStorage

from assets.upkeep import dagster_runs
from orchestration.event_log import FOLD_SECONDS, OPEN_SHARDS, OpenSqliteEventLog
from orchestration.settings import prepare_home
from warehouse.home import Home


@pytest.fixture
def instance(tmp_path, monkeypatch):
    for name in ("HOURFOLD_HOME", "DAGSTER_HOME"):
        monkeypatch.setenv(name, "")  # set by prepare_home, put back after the test
    home = prepare_home(Home(tmp_path / "home"))
    with dg.DagsterInstance.from_config(str(home.dagster)) as opened:
        yield opened


def test_a_home_uses_it_and_dagsters_own_reads_the_same_files(instance, tmp_path):
    assert isinstance(instance.event_log_storage, OpenSqliteEventLog)

    @dg.asset(name="thing")
    def thing() -> dg.MaterializeResult:
        return dg.MaterializeResult(metadata={"rows": 3})

    runs = [dg.materialize([thing], instance=instance).run_id for _ in range(OPEN_SHARDS + 2)]
    assert len(instance.event_log_storage._connections) <= OPEN_SHARDS
    plain = SqliteEventLogStorage(str(tmp_path / "home" / "dagster" / "history" / "runs"))
    for run in (runs[0], runs[-1]):  # the first one's file was closed on the way
        own = [record.event_log_entry for record in instance.get_records_for_run(run).records]
        assert own == [record.event_log_entry for record in plain.get_records_for_run(run).records]
        assert len(own) > 5
    latest = plain.get_latest_materialization_events([dg.AssetKey("thing")])[dg.AssetKey("thing")]
    assert latest.run_id == runs[-1]


def test_threads_share_it(instance):
    from concurrent.futures import ThreadPoolExecutor

    def report(number: int) -> None:
        instance.report_runless_asset_event(dg.AssetMaterialization("thing", partition=str(number)))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(report, range(20)))
    assert instance.get_materialized_partitions(dg.AssetKey("thing")) == {str(n) for n in range(20)}


def test_write_ahead_logs_are_folded_in_and_nothing_is_lost(instance, tmp_path):
    folder = tmp_path / "home" / "dagster" / "history" / "runs"

    @dg.asset(name="thing")
    def thing() -> dg.MaterializeResult:
        return dg.MaterializeResult(metadata={"text": "words " * 20_000})

    def logs() -> int:
        return sum(path.stat().st_size for path in folder.glob("*-wal"))

    runs = [dg.materialize([thing], instance=instance).run_id for _ in range(3)]
    before = [instance.all_logs(run) for run in runs]
    assert logs() > 1_000_000
    dagster_runs.give_back(instance)
    assert logs() == 0
    assert [instance.all_logs(run) for run in runs] == before
    assert dg.materialize([thing], instance=instance).success, "files are opened again"
    assert len(instance.fetch_materializations(dg.AssetKey("thing"), limit=10).records) == 4


def test_a_reader_elsewhere_holds_nothing_up(instance, tmp_path):
    instance.report_runless_asset_event(dg.AssetMaterialization("thing"))
    index = tmp_path / "home" / "dagster" / "history" / "runs" / "index.db"
    with closing(sqlite3.connect(index, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM event_logs").fetchone() == (1,)
        instance.report_runless_asset_event(dg.AssetMaterialization("thing"))
        begun = time.monotonic()
        dagster_runs.give_back(instance)
        assert time.monotonic() - begun < FOLD_SECONDS + 8
    instance.report_runless_asset_event(dg.AssetMaterialization("thing"))
    assert len(instance.fetch_materializations(dg.AssetKey("thing"), limit=10).records) == 3
