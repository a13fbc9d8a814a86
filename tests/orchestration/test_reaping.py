"""A run whose process is gone holds nobody up; one that lives is waited for, by name, and left alone."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.launcher import WorkerStatus

import orchestration
from orchestration.failures import interrupted
from orchestration.launcher import HomeRunLauncher
from orchestration.reaping import living_of, reap
from orchestration.settings import prepare_home
from orchestration.turns import unfinished
from tests.orchestration.pool_holder import hourly_logs, run
from warehouse.home import Home

POSTGRES = Path(orchestration.__file__).parent / "deploy" / "dagster.postgres.yaml"
FAILED, STARTED = dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.STARTED


@pytest.fixture(params=["sqlite", "postgres"])
def instance(request, tmp_path, monkeypatch):
    if request.param == "postgres":
        database = request.getfixturevalue("postgres").new_database()
        monkeypatch.setenv("DAGSTER_POSTGRES_URL", database)
        (tmp_path / "dagster").mkdir()
        shutil.copy(POSTGRES, tmp_path / "dagster" / "dagster.yaml")
    home = prepare_home(Home(tmp_path))
    with dg.DagsterInstance.from_config(str(home.dagster)) as opened:
        opened.event_log_storage.set_concurrency_slots("duckdb", 1)
        yield opened


def _process(deadly):
    return subprocess.Popen([sys.executable, "-m", "tests.orchestration.pool_holder", deadly])


def _killed(instance):
    child = _process("SIGKILL")
    assert child.wait(60) == -signal.SIGKILL
    (left,) = instance.get_run_records()
    assert left.dagster_run.status == STARTED
    assert len(_slots(instance)) == 1, "it was killed before it had the slot"
    return child.pid, left.dagster_run


@contextmanager
def _stopped():
    """A process that lives, holds the slot and does nothing."""
    child = _process("SIGSTOP")
    try:
        os.waitid(os.P_PID, child.pid, os.WSTOPPED)
        yield child
    finally:
        child.kill()
        child.wait()


def _slots(instance):
    return instance.event_log_storage.get_concurrency_info("duckdb").claimed_slots


def _reason(instance, run_id):
    (event,) = instance.all_logs(run_id, of_type=dg.DagsterEventType.RUN_FAILURE)
    return event.dagster_event.message


def test_a_dead_run_ends_with_a_reason_and_its_slot_is_free(instance):
    process, dead = _killed(instance)
    launcher = HomeRunLauncher()
    launcher.register_instance(instance)
    assert launcher.supports_check_run_worker_health
    assert launcher.check_run_worker_health(dead).status == WorkerStatus.FAILED
    (text,) = reap(instance).lines()
    assert f"run {dead.run_id[:8]} of hourly_logs [2026-03-02-00:00]" in text
    assert f"process {process}" in text
    assert instance.get_run_by_id(dead.run_id).status == FAILED
    assert f"process {process} is gone" in _reason(instance, dead.run_id)
    assert _slots(instance) == []
    assert living_of(instance).left() == []
    assert run(instance).success
    assert reap(instance).lines() == []


def test_a_step_ends_the_dead_run_that_it_would_wait_for(instance, caplog):
    _, dead = _killed(instance)
    began = time.monotonic()
    assert run(instance).success
    assert time.monotonic() - began < 10.0
    assert instance.get_run_by_id(dead.run_id).status == FAILED
    assert "was left unfinished" in caplog.text


def test_a_schedule_does_not_take_a_dead_run_for_one_that_is_under_way(instance):
    _, dead = _killed(instance)
    assert unfinished(instance) is None
    assert instance.get_run_by_id(dead.run_id).status == FAILED


def test_a_living_run_is_waited_for_by_name_and_ctrl_c_ends_the_wait(instance, caplog):
    with _stopped() as child:
        (other,) = instance.get_run_records()
        assert reap(instance).lines() == []
        assert unfinished(instance)
        threading.Timer(1.5, os.kill, (os.getpid(), signal.SIGINT)).start()
        spent = time.process_time()
        result = run(instance)
        assert time.process_time() - spent < 1.0, "a wait must not keep the processor busy"
        assert not result.success
        assert interrupted(result.all_events)
        assert f"waits for run {other.dagster_run.run_id[:8]} of hourly_logs" in caplog.text
        assert f"(process {child.pid})" in caplog.text
        assert instance.get_run_by_id(other.dagster_run.run_id).status == STARTED
        assert len(_slots(instance)) == 1
    assert run(instance).success


def test_a_run_that_ended_gives_its_slot_back(instance):
    ended = run(instance)
    log = instance.event_log_storage
    assert log.claim_concurrency_slot("duckdb", ended.run_id, "hold").is_claimed
    assert reap(instance).slots == 1
    assert _slots(instance) == []


def test_a_run_that_nobody_takes_up_ends_after_its_time(instance, monkeypatch):
    made = instance.create_run_for_job(hourly_logs)
    assert reap(instance).lines() == []
    monkeypatch.setattr("orchestration.reaping.START_SECONDS", -1)
    assert "no process took it up" in reap(instance).lines()[0]
    assert instance.get_run_by_id(made.run_id).status == FAILED


@pytest.mark.parametrize("instance", ["postgres"], indirect=True)
def test_a_connection_that_the_server_closed_is_made_anew(instance, postgres):
    assert run(instance).success
    others = "datname LIKE 'test_%'"
    ended = postgres.ask("postgres", f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")
    assert len(ended) >= 2, "one of runs, one of events"
    assert run(instance).success


def test_settings_of_an_earlier_version_are_replaced_unless_edited(tmp_path, monkeypatch):
    home = prepare_home(Home(tmp_path))
    settings = home.dagster / "dagster.yaml"
    shipped = settings.read_text()
    assert "free_slots_after_run_end_seconds" in shipped
    settings.write_text("telemetry:\n  enabled: false\n")
    prepare_home(home)
    assert settings.read_text() != shipped, "an edited file must be kept"
    monkeypatch.setattr("orchestration.settings.FORMER", {_digest(settings)})
    prepare_home(home)
    assert settings.read_text() == shipped


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]
