"""Who may open the file, and what readers see while somebody writes."""

import subprocess
import sys
import threading

import duckdb
import pandas as pd
import pytest

from tests.warehouse.frames import DESCRIPTION, HOURS, NO_QUARANTINE, exposures, record
from warehouse.store import waiting
from warehouse.store.connection import WarehouseMissing
from warehouse.store.engine import cursor_of
from warehouse.store.waiting import WarehouseBusy
from warehouse.store.warehouse import Warehouse

HOLD = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.readline()
"""


def test_reading_what_is_not_there_says_what_to_do(tmp_path):
    with pytest.raises(WarehouseMissing, match="ingest"):
        Warehouse(tmp_path / "none.duckdb", read_only=True)
    duckdb.connect(str(tmp_path / "empty.duckdb")).close()
    with pytest.raises(WarehouseMissing, match="ingest"):
        Warehouse(tmp_path / "empty.duckdb", read_only=True)


def test_a_file_held_elsewhere_is_waited_for(tmp_path):
    path = tmp_path / "w.duckdb"
    Warehouse(path).close()
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(WarehouseBusy, match="another process"):
            Warehouse(path, read_only=True, wait_seconds=0.1)
        threading.Timer(0.3, lambda: (holder.stdin.write("\n"), holder.stdin.flush())).start()
        with Warehouse(path, read_only=True, wait_seconds=30) as warehouse:
            assert warehouse.loaded("exposures").empty


def test_whoever_waits_says_for_whom(tmp_path, caplog, monkeypatch):
    path = tmp_path / "w.duckdb"
    Warehouse(path).close()
    monkeypatch.setattr(waiting, "SECONDS_BEFORE_A_WORD", 0.1)
    script = tmp_path / "hourfold"
    script.write_text(HOLD)
    command = [sys.executable, str(script), str(path), "ingest"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        for read_only, does in ((True, f"which writes to {path}"), (False, f"which has {path} open")):
            caplog.clear()
            with pytest.raises(WarehouseBusy) as caught:
                Warehouse(path, read_only=read_only, wait_seconds=0.7)
            (record,) = caplog.records
            for text in (str(caught.value), record.getMessage()):
                assert f"process {holder.pid} (hourfold {path} ingest), {does}" in text
        holder.stdin.write("\n")
    caplog.clear()
    Warehouse(path, read_only=True).close()
    assert not caplog.records


def test_a_holder_that_cannot_be_looked_up_is_still_told(tmp_path):
    told = "Could not set lock on file: Conflicting lock is held in python (PID 999999999)"
    assert waiting.holder(told, tmp_path, read_only=True) == f"process 999999999, which writes to {tmp_path}"
    assert "no number" in waiting.holder("Could not set lock, no number", tmp_path, read_only=True)
    with Warehouse(tmp_path / "w.duckdb"), pytest.raises(WarehouseBusy, match="this process itself"):
        Warehouse(tmp_path / "w.duckdb", read_only=True, wait_seconds=0.05)


def test_another_schema_is_refused(tmp_path):
    with Warehouse(tmp_path / "w.duckdb") as warehouse:
        warehouse.connection.execute("UPDATE meta SET value = '0'")
    with pytest.raises(RuntimeError, match="schema version 0"):
        Warehouse(tmp_path / "w.duckdb")


def test_readers_never_see_half_a_load(tmp_path):
    """While hours are replaced again and again, a reader sees each of them as one load or as the other."""
    hours, sizes = HOURS[:3], (400, 900)
    seen, stop, ready = set(), threading.Event(), threading.Event()
    with Warehouse(tmp_path / "w.duckdb") as warehouse:
        warehouse.configure(DESCRIPTION)
        loads = [
            ([record(hour, size) for hour in hours], pd.concat([exposures(hour, size) for hour in hours]))
            for size in sizes
        ]
        warehouse.load("exposures", *loads[0], NO_QUARANTINE)
        cursor = cursor_of(warehouse.connection)

        def read():
            query = "SELECT partition, count(*) FROM exposures GROUP BY 1"
            batches = "SELECT sum(kept) FROM batches"
            while not stop.is_set():
                cursor.begin()
                rows = frozenset(cursor.execute(query).fetchall())
                seen.add((rows, cursor.execute(batches).fetchall()[0][0]))
                cursor.rollback()
                ready.set()

        reader = threading.Thread(target=read)
        reader.start()
        for turn in range(8):
            ready.clear()
            ready.wait(5)
            warehouse.load("exposures", *loads[turn % 2], NO_QUARANTINE)
        stop.set()
        reader.join()
    assert seen == {(frozenset((hour, size) for hour in hours), 3 * size) for size in sizes}
