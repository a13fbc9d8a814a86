"""From former schemas to this: chosen columns into their name space, results by time, room for requests.

Schema 1 stored a chosen column under its own name, where it could take the place of one of the schema's, and
recorded hours without files as loaded. Schema 2 found scores and metrics of an hour by reading all of them.
Schema 3 knew neither the lists that exposures were shown in nor content vectors.
"""

from __future__ import annotations

import logging
from pathlib import Path

import duckdb

from warehouse.landing import layout
from warehouse.landing.contract import table_contract
from warehouse.landing.path_dates import NameUnreadable
from warehouse.landing.service_time import ServiceZone
from warehouse.store.columns import FIELD_TABLES, field_column, number_column
from warehouse.store.configuring import create_views
from warehouse.store.statements import quoted, schema, statement
from warehouse.store.transactions import transaction

FORMER_VERSIONS = ("1", "2", "3")
ADDED = {"exposures": ("request",)}  #: columns of the schema that schema 3 did not have
DESCRIBING = ("users", "items", "demographics")  #: tables whose files are valid from a date on

log = logging.getLogger(__name__)


def migrate(connection: duckdb.DuckDBPyConnection, path: Path, former: str, version: str) -> None:
    """Bring a warehouse from one of FORMER_VERSIONS to `version`, in one transaction."""
    if former == FORMER_VERSIONS[0]:
        _migrate_first(connection, path, former, version)
        return
    with transaction(connection):
        connection.execute(schema())
        _add_columns(connection, version)
        create_views(connection)
    log.warning("%s was brought from schema %s to %s", path, former, version)
    log.warning("lists shown together (request_id) are known of exposures that are loaded from now on")


def _add_columns(connection: duckdb.DuckDBPyConnection, version: str) -> None:
    """Give scores and metrics the number of their partition, exposures a request, the file its version.

    The requests of what was loaded before are unknown until it is loaded again.
    """
    connection.execute("ALTER TABLE exposures ADD COLUMN IF NOT EXISTS request BIGINT")
    for table in ("predictions", "metrics"):
        connection.execute(f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS key_number BIGINT")
        connection.execute(statement("migration", "place_in_time", table=table))
    connection.execute("UPDATE meta SET value = ? WHERE key = 'schema_version'", [version])


def _migrate_first(connection: duckdb.DuckDBPyConnection, path: Path, former: str, version: str) -> None:
    """From schema 1.

    A table that a chosen column spoilt (its own column is gone or of another type) is emptied, so that its
    partitions are loaded again. Partitions that were recorded without a file are no longer counted as loaded.
    Snapshots whose date was not read, and which therefore counted from the beginning, are taken out.
    """
    own = _columns_of_schema()
    with transaction(connection):
        stored = {table: _columns(connection, table) for table in FIELD_TABLES}
        spoilt = [table for table in FIELD_TABLES if not own[table].items() <= stored[table].items()]
        for table in FIELD_TABLES:
            if table in spoilt:
                _empty(connection, table)
            else:
                _rename(connection, table, own[table])
        connection.execute(schema())
        missing = connection.execute(statement("migration", "forget_missing")).fetchall()
        early = [one for table in DESCRIBING for one in _forget_early(connection, table)]
        _add_columns(connection, version)
        create_views(connection)
    log.warning("%s was brought from schema %s to %s", path, former, version)
    if spoilt:
        log.warning(
            "%s: chosen columns had taken the place of the schema's own in %s: emptied, ingest will load %s "
            "again",
            *(path, ", ".join(spoilt), "them" if len(spoilt) > 1 else "it"),
        )
    if early:
        log.warning(
            "%s: %d files of users, items or demographics counted from the beginning although their names "
            "have a date, such as %s: their rows were taken out, ingest will load them from their date on",
            *(path, len(early), early[0]),
        )
    if missing:
        log.warning(
            "%s: %d partitions had been recorded as loaded without a file, such as %s %s: they are missing "
            "until their files land",
            *(path, len(missing), *missing[0]),
        )


def _forget_early(connection: duckdb.DuckDBPyConnection, table: str) -> list[str]:
    """Take out what was valid from the beginning and has, or may have, a date in its name; returns it."""
    loaded = "SELECT partition FROM batches WHERE table_name = ? AND start_ms = 0 ORDER BY partition"
    names = [name for (name,) in connection.execute(loaded, [table]).fetchall()]
    early = [name for name in names if _has_date(table, name)]
    for name in early:
        connection.execute(f"DELETE FROM {table} WHERE partition = ?", [name])
        for store in ("batches", "quarantine"):
            connection.execute(f"DELETE FROM {store} WHERE table_name = ? AND partition = ?", [table, name])
    return [f"{table}/{name}" for name in early]


def _has_date(table: str, name: str) -> bool:
    try:
        return layout.start_ms(table_contract(table), ServiceZone("UTC"), name) != 0
    except NameUnreadable:
        return True


def _columns_of_schema() -> dict[str, dict[str, str]]:
    """Table → the columns that were the schema's own in each former one, and their types."""
    with duckdb.connect() as memory:
        memory.execute(schema())
        columns = {table: _columns(memory, table) for table in FIELD_TABLES}
    for table, added in ADDED.items():
        for name in added:
            del columns[table][name]
    return columns


def _columns(connection: duckdb.DuckDBPyConnection, table: str) -> dict[str, str]:
    query = (
        "SELECT column_name, data_type FROM duckdb_columns() "
        "WHERE database_name = current_database() AND table_name = ?"
    )
    return dict(connection.execute(query, [table]).fetchall())


def _empty(connection: duckdb.DuckDBPyConnection, table: str) -> None:
    connection.execute(f"DROP TABLE {table}")
    for store in ("batches", "quarantine", "fields", "number_fields"):
        connection.execute(f"DELETE FROM {store} WHERE table_name = ?", [table])


def _rename(connection: duckdb.DuckDBPyConnection, table: str, own: dict[str, str]) -> None:
    for name, kind in _columns(connection, table).items():
        if name not in own:
            stored = number_column(name) if kind == "DOUBLE" else field_column(name)
            connection.execute(f"ALTER TABLE {table} RENAME COLUMN {quoted(name)} TO {quoted(stored)}")
