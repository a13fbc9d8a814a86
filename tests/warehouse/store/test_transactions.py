"""A load that fails leaves schema and rows as they were, and the first error is the one that is shown."""

import os
import sqlite3
import subprocess

import duckdb
import pandas as pd
import pytest

from tests.warehouse.database import exported
from tests.warehouse.frames import DESCRIPTION, HOURS, NO_QUARANTINE, exposures, quarantined, record
from warehouse.store import load
from warehouse.store.quarantine import move_to_kept
from warehouse.store.results import Metric
from warehouse.store.staging import InvariantBroken
from warehouse.store.transactions import staged, transaction
from warehouse.store.warehouse import Warehouse

WIDER = DESCRIPTION.model_copy(update={"context_fields": ("ctx_device", "ctx_place")})


@pytest.fixture
def path(tmp_path):
    """A warehouse with one hour, one of its rows in quarantine."""
    with Warehouse(tmp_path / "w.duckdb") as warehouse:
        warehouse.configure(DESCRIPTION)
        frame = exposures(HOURS[0], 8)
        bad = quarantined(HOURS[0], [2])
        warehouse.load("exposures", [record(HOURS[0], 8)], frame[frame["_row"] != 2], bad)
    return tmp_path / "w.duckdb"


class FullDisk:
    """A connection whose commit fails, and which then has no transaction to roll back."""

    def __init__(self):
        self.steps = []

    def begin(self):
        self.steps.append("begin")

    def commit(self):
        raise duckdb.IOException("No space left on device")

    def rollback(self):
        raise duckdb.TransactionException("cannot rollback - no transaction is active")

    def register(self, name, table):
        self.steps.append(name)

    def unregister(self, name):
        raise duckdb.FatalException("database has been invalidated")


def test_the_first_error_is_told():
    connection = FullDisk()
    with (
        pytest.raises(duckdb.IOException, match="No space left") as caught,
        staged(connection, rows=pd.DataFrame()),
        transaction(connection),
    ):
        pass
    assert connection.steps == ["rows", "begin"]
    assert any("cannot rollback" in note for note in caught.value.__notes__)


@pytest.mark.parametrize("step", ["stage_quarantine", "configure", "insert_rows", "check_stored", None])
def test_a_failed_load_leaves_schema_and_rows_as_before(path, monkeypatch, step):
    """Interrupted at this step, or with a row that has no user and cannot be stored."""
    before = exported(path)
    frame = exposures(HOURS[1], 30, seed=3).assign(ctx_place="home")
    if step is None:
        frame.loc[4, "user_id"] = None
    else:

        def interrupt(*_):
            raise KeyboardInterrupt(step)

        monkeypatch.setattr(load, step, interrupt)
    with Warehouse(path) as warehouse, pytest.raises((KeyboardInterrupt, InvariantBroken)):
        warehouse.load("exposures", [record(HOURS[1], 30)], frame, NO_QUARANTINE, description=WIDER)
    assert exported(path) == before


def test_an_error_after_the_rows_were_written_takes_them_back(path, monkeypatch):
    before = exported(path)

    def fail(*_):
        raise OSError("the machine is on fire")

    frame = exposures(HOURS[1], 30, seed=3).assign(ctx_place="home")
    with Warehouse(path) as warehouse:
        monkeypatch.setattr(load, "check_stored", fail)
        with pytest.raises(OSError, match="on fire"):
            warehouse.load("exposures", [record(HOURS[1], 30)], frame, NO_QUARANTINE, description=WIDER)
        assert warehouse.fields("exposures") == ("ctx_device",)
    assert exported(path) == before
    monkeypatch.undo()
    with Warehouse(path) as warehouse:
        warehouse.load("exposures", [record(HOURS[1], 30)], frame, NO_QUARANTINE, description=WIDER)
    changed = exported(path)
    assert {name for name in changed if changed[name] != before[name]} >= {
        *("columns", "views", "fields", "exposures", "user_index", "item_index", "category_index", "batches"),
    }


def test_a_load_without_files_is_refused(path):
    """It would look loaded for ever: nobody would read the files when they come."""
    before = exported(path)
    load = record(HOURS[1], 0)
    with Warehouse(path) as warehouse, pytest.raises(InvariantBroken, match=f"{HOURS[1]}: no files"):
        warehouse.load(
            "exposures",
            [type(load)(load.partition, load.start_ms, (), 0)],
            exposures(HOURS[1], 0),
            NO_QUARANTINE,
        )
    assert exported(path) == before


def test_a_failed_replay_leaves_everything(path):
    before = exported(path)
    rows = exposures(HOURS[0], 8).iloc[[2]].assign(_id=99, user_id="new")
    with Warehouse(path) as warehouse, pytest.raises(InvariantBroken):
        move_to_kept(warehouse, "exposures", rows, WIDER)
    assert exported(path) == before


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 4 MB, where this process may mount one."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    try:
        mounted = os.geteuid() == 0 and subprocess.run(mount, capture_output=True).returncode == 0
    except OSError:
        mounted = False
    if not mounted:
        pytest.skip("this process may not mount a tmpfs")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_told_and_leaves_what_was_loaded(small_disk):
    path = small_disk / "w.duckdb"
    with Warehouse(path) as warehouse:
        warehouse.load("exposures", [record(HOURS[0], 20)], exposures(HOURS[0], 20), NO_QUARANTINE)
    before = exported(path)
    rows = 60_000
    wide = exposures(HOURS[1], rows).assign(exposure_id=[f"{number:060d}" for number in range(rows)])
    full = pytest.raises((duckdb.Error, sqlite3.Error), match=r"No space left|disk is full")
    with full, Warehouse(path) as warehouse:
        for _ in range(20):
            warehouse.load("exposures", [record(HOURS[1], rows)], wide, NO_QUARANTINE)
    remount = ["mount", "-o", "remount,size=300m", str(small_disk)]
    subprocess.run(remount, check=True)
    with Warehouse(path) as warehouse:
        warehouse.check_invariant()
        warehouse.write_metrics([Metric("auc", "fm", HOURS[0], 0.5)])
    after = exported(path)
    assert after["exposures"] == before["exposures"] and after["batches"] == before["batches"]
