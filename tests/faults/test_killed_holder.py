"""`kill -9` on `hourfold ingest` while its step has the slot of the warehouse: the next command works."""

import signal
import subprocess
import sys

import dagster as dg
import pytest
from typer.testing import CliRunner

from orchestration.cli import app
from tests.live.world import describe, hour_key, land
from warehouse.home import Home
from warehouse.store.warehouse import Warehouse


@pytest.mark.slow
def test_the_next_ingest_works_and_the_dead_run_is_ended_with_a_reason(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("HOURFOLD_HOME", str(tmp_path / "home"))
    describe(tmp_path / "logs")
    land(tmp_path / "logs", "exposures", hour_key(0))
    command = ["ingest", "--source", "landing", "--data", str(tmp_path / "logs")]
    child = subprocess.Popen([sys.executable, "-m", "tests.faults.ingester", "SIGKILL", *command])
    assert child.wait(120) == -signal.SIGKILL
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    with Warehouse(Home.current().source("landing").warehouse, read_only=True) as warehouse:
        assert list(warehouse.loaded("exposures")["partition"]) == [hour_key(0)]
    assert f"process {child.pid} is gone without a word" in caplog.text
    with dg.DagsterInstance.from_config(str(Home.current().dagster)) as instance:
        statuses = {record.dagster_run.status for record in instance.get_run_records()}
        assert statuses == {dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS}
        assert instance.event_log_storage.get_concurrency_info("duckdb").claimed_slots == []
