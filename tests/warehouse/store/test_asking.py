"""Reading beside a writer: queries, the list of tables, and a copy that is the whole."""

import os
import subprocess
import sys
import threading

import pytest

from tests.warehouse.database import exported
from tests.warehouse.frames import DESCRIPTION, HOURS, NO_QUARANTINE, exposures, record
from warehouse.store.asking import ask, copy_to, overview
from warehouse.store.connection import WarehouseMissing
from warehouse.store.waiting import WarehouseBusy
from warehouse.store.warehouse import Warehouse

WRITER = """
import sys, time
from pathlib import Path
from tests.warehouse.frames import HOURS, NO_QUARANTINE, exposures, record
from warehouse.store.warehouse import Warehouse
print("ready", flush=True)
ends = time.monotonic() + 4
while time.monotonic() < ends:
    with Warehouse(Path(sys.argv[1])) as warehouse:
        for size in (40, 60):
            warehouse.load("exposures", [record(HOURS[0], size)], exposures(HOURS[0], size), NO_QUARANTINE)
    time.sleep(0.05)
"""


@pytest.fixture
def path(tmp_path):
    with Warehouse(tmp_path / "w.duckdb") as warehouse:
        warehouse.configure(DESCRIPTION)
        warehouse.load("exposures", [record(HOURS[0], 60)], exposures(HOURS[0], 60), NO_QUARANTINE)
    return tmp_path / "w.duckdb"


def test_a_query_and_what_is_wrong_with_it(path):
    rows = ask(
        path, "SELECT count(*) AS n, sum(clicked::INTEGER) AS clicks, NULL::BIGINT AS none FROM exposures"
    )
    assert rows.column("n").to_pylist() == [60] and str(rows.schema.field("none").type) == "int64"
    for wrong, message in (
        ("SELECT nothing", "nothing"),
        ("DROP TABLE users", "read-only"),
        ("SELEC", "syntax"),
    ):
        with pytest.raises(ValueError, match=message):
            ask(path, wrong)
    with pytest.raises(WarehouseMissing, match="ingest"):
        ask(path.with_name("none.duckdb"), "SELECT 1")


def test_the_overview_names_tables_views_and_columns(path):
    rows = {row["name"]: row for row in overview(path).to_pylist()}
    assert rows["exposures"]["rows"] == 60 and rows["exposures"]["kind"] == "table"
    assert "field_ctx_device" in rows["exposures"]["columns"]
    assert rows["named_exposures"]["kind"] == "view" and "ctx_device" in rows["named_exposures"]["columns"]


def test_a_copy_is_the_whole_warehouse(path, tmp_path):
    target = tmp_path / "analysis.duckdb"
    for _ in range(2):
        copy_to(path, target)
    assert exported(target) == exported(path)
    assert sorted(os.listdir(tmp_path)) == ["analysis.duckdb", "w.duckdb", "w.duckdb.ids"]
    with Warehouse(target) as warehouse:
        warehouse.check_invariant()
        warehouse.load("exposures", [record(HOURS[1], 5)], exposures(HOURS[1], 5), NO_QUARANTINE)
    with pytest.raises(ValueError, match="itself"):
        copy_to(path, path)


def test_readers_get_their_turn_while_hours_are_loaded(path, tmp_path):
    """A process loads hour after hour; queries and copies come through, and see whole loads."""
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True)
    assert writer.stdout.readline() == "ready\n"
    counts = [ask(path, "SELECT count(*) AS n FROM exposures").column("n")[0].as_py() for _ in range(5)]
    copy_to(path, tmp_path / "copy.duckdb")
    assert writer.wait(60) == 0, "a reader kept the writer out"
    counts.append(len(exported(tmp_path / "copy.duckdb")["exposures"]))
    assert set(counts) <= {40, 60}


def test_a_writer_that_never_ends_is_named(path):
    with Warehouse(path):
        threads = []

        def late():
            with pytest.raises(WarehouseBusy):
                ask(path, "SELECT 1", wait_seconds=0.05)
            threads.append(1)

        thread = threading.Thread(target=late)
        thread.start()
        thread.join()
    assert threads == [1]
