"""A store that is damaged, full, locked or read-only is named with what to do: tried on real files."""

import errno
import os
import shutil
import sqlite3
from contextlib import closing

import duckdb
import pytest
from sqlalchemy import create_engine, text

from assets.common.stores import StoreFault, store_fault, store_trouble
from warehouse.home import Home

SQLITE = (
    "dagster/history/runs.db",
    "dagster/history/runs/index.db",
    "dagster/schedules/schedules.db",
    "mlflow/mlflow.db",
    "sources/shop/warehouse.duckdb.ids",
)
WAREHOUSE = "sources/shop/warehouse.duckdb"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    root = tmp_path_factory.mktemp("stores") / "home"
    for name in SQLITE:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(root / name)) as store, store:
            store.execute("CREATE TABLE t AS SELECT hex(randomblob(500)) AS x FROM (VALUES (1), (2), (3))")
            store.execute("CREATE INDEX i ON t (x)")
    with duckdb.connect(str(root / WAREHOUSE)) as connection:
        connection.execute("CREATE TABLE t AS SELECT hash(range) AS x FROM range(300000)")
    return root


@pytest.fixture
def home(made, tmp_path):
    shutil.copytree(made, tmp_path / "home")
    return Home(tmp_path / "home")


def _error(act, *kinds):
    with pytest.raises(kinds) as caught:
        act()
    return caught.value


def _insert(path, **options):
    """As Dagster and MLflow do it, whose errors do not name the file."""
    engine = create_engine(f"sqlite:///{path}", connect_args=options)
    try:
        with engine.begin() as connection:
            connection.execute(text("INSERT INTO t VALUES (hex(randomblob(5000)))"))
    finally:
        engine.dispose()


def _spoil(path, at, count):
    with path.open("r+b") as file:
        file.seek(at)
        file.write(os.urandom(count))


@pytest.mark.parametrize("name", SQLITE)
@pytest.mark.parametrize("at", [0, 4096])
def test_a_damaged_sqlite_file_is_found_among_all(home, name, at):
    path = home.root / name
    _spoil(path, at, path.stat().st_size - at)
    told = store_trouble(_error(lambda: _insert(path), Exception), home)
    assert told.startswith(f"{path} is damaged.")
    assert ("rm '" if name.endswith(".ids") else "Restore it from a backup") in told
    assert told.count("is damaged") == 1, "the sound ones are not accused"


@pytest.mark.parametrize("damage", ["head", "middle", "cut", "emptied"])
def test_a_damaged_warehouse_says_that_it_is_made_again_from_the_landing_folder(home, damage):
    path = home.root / WAREHOUSE
    size = path.stat().st_size
    if damage in ("head", "middle"):
        _spoil(path, {"head": 0, "middle": 12288}[damage], size - 12288)
    else:
        os.truncate(path, {"cut": 20_000, "emptied": 0}[damage])

    def read():
        with duckdb.connect() as connection:
            connection.execute(f"ATTACH '{path}' AS w (READ_ONLY)")
            connection.execute("SELECT sum(x) FROM w.t").fetchall()

    told = store_trouble(_error(read, duckdb.Error), home)
    assert told.startswith(f"{path} is damaged.")
    assert "load all again from the landing folder" in told and f"rm -f '{path}.ids'" in told
    assert "intact" not in told


def test_a_full_disk_is_called_so_and_where(home):
    def fill():
        with closing(sqlite3.connect(home.mlflow / "mlflow.db")) as store:
            store.execute("PRAGMA max_page_count = 4")
            store.execute("INSERT INTO t VALUES (hex(randomblob(50000)))")

    assert f"{home.root}: the disk is full" in store_trouble(_error(fill, sqlite3.Error), home)

    def write():
        with open("/dev/full", "w") as file:
            file.write("x")

    assert "the disk is full" in store_trouble(_error(write, OSError), home)
    torch_says = RuntimeError(
        "[enforce fail at inline_container.cc:664] . PytorchStreamWriter failed writing"
    )
    assert "the disk is full" in store_trouble(torch_says, home)


def test_a_read_only_store_is_named(home):
    path = home.root / SQLITE[0]
    _insert(path)

    def write():
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as store:
            store.execute("INSERT INTO t VALUES (1)")

    assert store_fault(_error(write, sqlite3.Error)) is StoreFault.READ_ONLY
    refused = PermissionError(errno.EACCES, "Permission denied", str(home.root / WAREHOUSE))
    told = store_trouble(refused, home)
    assert told.startswith(f"{home.root / WAREHOUSE}: may not be opened for writing: make it writable")


def test_a_locked_store_is_named(home):
    path = home.mlflow / "mlflow.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        told = store_trouble(_error(lambda: _insert(path, timeout=0.0), Exception), home)
    assert told.startswith(f"{path}: another process writes")


def test_other_errors_are_nobodys_store(home):
    outside = PermissionError(errno.EACCES, "Permission denied", "/elsewhere/logs.csv")
    for error in (ValueError("a value"), FileNotFoundError("landing"), outside):
        assert store_trouble(error, home) is None
