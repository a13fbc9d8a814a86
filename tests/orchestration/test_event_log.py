"""The event log that keeps its files open writes what Dagster's own writes."""

import dagster as dg
import pytest
from dagster._core.storage.event_log.sqlite import SqliteEventLogStorage

from orchestration.event_log import OPEN_SHARDS, OpenSqliteEventLog
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
