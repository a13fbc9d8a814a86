"""Opening the DuckDB file: one writer at a time, and readers that wait for it."""

from __future__ import annotations

import time
from pathlib import Path

import duckdb

from warehouse.store.statements import schema

SCHEMA_VERSION = "1"
_BUSY = ("Could not set lock on file", "different configuration")


class WarehouseBusy(RuntimeError):
    """Another process holds the warehouse file and did not let go in time."""


class WarehouseMissing(FileNotFoundError):
    """There is no warehouse file to read."""


def connect(path: Path, *, read_only: bool, wait_seconds: float) -> duckdb.DuckDBPyConnection:
    """Open `path`, waiting for whoever holds it; a writer creates the file and its tables.

    Raises:
        WarehouseMissing: `read_only` and no file.
        WarehouseBusy: still held after `wait_seconds`.
        RuntimeError: the file was written by another version of the schema.
    """
    if read_only and not path.exists():
        raise WarehouseMissing(f"{path} does not exist: ingest some logs first")
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = _wait_for(path, read_only, time.monotonic() + wait_seconds)
    try:
        if not read_only:
            _create_tables(connection)
        _check_version(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _wait_for(path: Path, read_only: bool, deadline: float) -> duckdb.DuckDBPyConnection:
    pause = 0.02
    while True:
        try:
            return duckdb.connect(str(path), read_only=read_only)
        except (duckdb.IOException, duckdb.ConnectionException) as error:
            if not any(sign in str(error) for sign in _BUSY):
                raise
            if time.monotonic() > deadline:
                raise WarehouseBusy(
                    f"{path} is held by another process: wait for it to finish, or close the program that "
                    f"has the file open ({error})"
                ) from error
        time.sleep(pause)
        pause = min(2 * pause, 0.5)


def _create_tables(connection: duckdb.DuckDBPyConnection) -> None:
    connection.begin()
    connection.execute(schema())
    connection.execute(
        "INSERT INTO meta VALUES ('schema_version', ?) ON CONFLICT DO NOTHING", [SCHEMA_VERSION]
    )
    connection.commit()


def _check_version(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    try:
        rows = connection.execute("SELECT value FROM meta WHERE key = 'schema_version'").fetchall()
    except duckdb.CatalogException:
        raise WarehouseMissing(f"{path} holds no warehouse yet: ingest some logs first") from None
    if rows != [(SCHEMA_VERSION,)]:
        version = rows[0][0] if rows else "none"
        raise RuntimeError(
            f"{path} has schema version {version}, this program needs {SCHEMA_VERSION}: "
            "move the file away and ingest the landing folder again"
        )
