"""Opening the warehouse: its tables are made, or brought to this version, by the first who may write."""

from __future__ import annotations

from pathlib import Path

import duckdb

from warehouse.store.configuring import create_views
from warehouse.store.engine import OpenFile
from warehouse.store.migration import FORMER_VERSIONS, migrate
from warehouse.store.statements import schema
from warehouse.store.transactions import transaction
from warehouse.store.waiting import check_path, open_when_free

SCHEMA_VERSION = "4"


class WarehouseMissing(FileNotFoundError):
    """There is no warehouse file to read."""


class OtherSchema(RuntimeError):
    """The file was written by another version of this program."""


def connect(path: Path, *, read_only: bool, wait_seconds: float) -> OpenFile:
    """Open `path`, waiting for whoever holds it; a writer creates the file and its tables, or migrates them.

    Raises:
        WarehouseMissing: `read_only` and no file.
        WarehouseBusy: still held after `wait_seconds`.
        OtherSchema: the file was written by a version that this one cannot migrate, or not as a reader.
    """
    if read_only and not path.exists():
        raise WarehouseMissing(f"{path} does not exist: ingest some logs first")
    check_path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    file = open_when_free(path, read_only=read_only, wait_seconds=wait_seconds)
    connection = file.connection
    try:
        version = _version(connection)
        if version is None and read_only:
            raise WarehouseMissing(f"{path} holds no warehouse yet: ingest some logs first")
        if version is None:
            _create(connection)
        elif version in FORMER_VERSIONS and not read_only:
            migrate(connection, path, version, SCHEMA_VERSION)
        elif version != SCHEMA_VERSION:
            raise OtherSchema(_remedy(path, version))
    except BaseException:
        file.close()
        raise
    return file


def upgrade(path: Path, *, wait_seconds: float = 60.0) -> None:
    """Migrate the file to this version of the schema if a former one wrote it; else nothing is done."""
    if not path.exists():
        return
    with open_when_free(path, read_only=True, wait_seconds=wait_seconds) as reader:
        former = _version(reader.connection) in FORMER_VERSIONS
    if former:
        connect(path, read_only=False, wait_seconds=wait_seconds).close()


def _version(connection: duckdb.DuckDBPyConnection) -> str | None:
    """The schema's version, `none` where the file does not say it; None for a file without any table."""
    try:
        rows = connection.execute("SELECT value FROM meta WHERE key = 'schema_version'").fetchall()
    except duckdb.CatalogException:
        return None
    return rows[0][0] if rows else "none"


def _create(connection: duckdb.DuckDBPyConnection) -> None:
    with transaction(connection):
        connection.execute(schema())
        connection.execute("INSERT INTO meta VALUES ('schema_version', ?)", [SCHEMA_VERSION])
        create_views(connection)


def _remedy(path: Path, version: str) -> str:
    says = f"{path} has schema version {version}, this program needs {SCHEMA_VERSION}"
    if version in FORMER_VERSIONS:
        return f"{says}: `hourfold ingest` brings it up to date in one transaction"
    return f"{says}: move the file away and ingest the landing folder again"
