"""The chosen columns of a source in the schema: which, in which order, and the views that name them."""

from __future__ import annotations

import duckdb

from warehouse.landing.contract import TableContract, table_contract
from warehouse.landing.description import SourceDescription
from warehouse.store.columns import FIELD_TABLES, check_names, field_column, number_column
from warehouse.store.statements import quoted, statement, text_literal
from warehouse.store.vectors import choose_vectors, chosen_vector

#: The columns of each view for people that are not chosen ones.
_NAMED = {
    "users": ("partition", "user_id", "valid_from_utc"),
    "items": ("partition", "item_id", "valid_from_utc", "published_at_utc"),
    "demographics": ("partition", "user_id", "valid_from_utc"),
    "exposures": (
        *(
            "partition",
            "exposure_id",
            "user_id",
            "item_id",
            "shown_at_utc",
            "clicked",
            "dwell_seconds",
            "request",
        ),
    ),
}


def chosen_fields(connection: duckdb.DuckDBPyConnection, table: str) -> tuple[str, ...]:
    """The categorical columns of a table that are stored: those of the contract, then the chosen ones."""
    return table_contract(table).coded + _chosen(connection, "fields", table)


def chosen_numbers(connection: duckdb.DuckDBPyConnection, table: str) -> tuple[str, ...]:
    """The chosen numeric columns of a table, in order."""
    return _chosen(connection, "number_fields", table)


def chosen_contract(connection: duckdb.DuckDBPyConnection, table: str) -> TableContract:
    """The landing contract of a table with the chosen columns."""
    return table_contract(table).with_fields(
        chosen_fields(connection, table), chosen_numbers(connection, table), _vector_name(connection, table)
    )


def configure(connection: duckdb.DuckDBPyConnection, description: SourceDescription) -> None:
    """Add the source's chosen columns to the schema and remember their order; runs inside a transaction.

    Raises ValueError, before anything is changed, for a name that the schema owns.
    """
    chosen = {table: (description.fields(table), description.numbers(table)) for table in FIELD_TABLES}
    vectors = {table: description.vector(table) for table in FIELD_TABLES}
    known = {t: (chosen_fields(connection, t), chosen_numbers(connection, t)) for t in FIELD_TABLES}
    if chosen == known and vectors == {t: _vector_name(connection, t) for t in FIELD_TABLES}:
        return
    check_names(description)
    for store, kind, name_of, sql_type in (
        ("fields", 0, field_column, "INTEGER"),
        ("number_fields", 1, number_column, "DOUBLE"),
    ):
        connection.execute(f"DELETE FROM {store}")
        for table, columns in chosen.items():
            for position, name in enumerate(columns[kind]):
                connection.execute(f"INSERT INTO {store} VALUES (?, ?, ?)", [table, name, position])
                stored = quoted(name_of(name))
                connection.execute(f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {stored} {sql_type}")
    choose_vectors(connection, vectors)
    create_views(connection)


def create_views(connection: duckdb.DuckDBPyConnection) -> None:
    """The views for people, with the chosen columns under their own names; runs inside a transaction.

    A name that the view has already (in any spelling of upper and lower case) is given as it is stored.
    """
    for table in FIELD_TABLES:
        taken = set(_NAMED[table])
        columns, joins = [], []
        for position, name in enumerate(_chosen(connection, "fields", table)):
            alias = f"category_{position}"
            columns.append(f", {alias}.value AS {_shown(name, field_column(name), taken)}")
            joins.append(
                statement(
                    "views",
                    "join_category",
                    alias=alias,
                    table=table,
                    table_text=text_literal(table),
                    column_text=text_literal(name),
                    column=quoted(field_column(name)),
                )
            )
        for name in chosen_numbers(connection, table):
            stored = number_column(name)
            columns.append(f", {table}.{quoted(stored)} AS {_shown(name, stored, taken)}")
        connection.execute(statement("views", table, columns=" ".join(columns), joins="\n".join(joins)))


def _shown(name: str, stored: str, taken: set[str]) -> str:
    alias = stored if name.lower() in taken else name
    taken.add(alias.lower())
    return quoted(alias)


def _chosen(connection: duckdb.DuckDBPyConnection, store: str, table: str) -> tuple[str, ...]:
    query = f"SELECT column_name FROM {store} WHERE table_name = ? ORDER BY position"
    return tuple(name for (name,) in connection.execute(query, [table]).fetchall())


def _vector_name(connection: duckdb.DuckDBPyConnection, table: str) -> str | None:
    column = chosen_vector(connection, table)
    return None if column is None else column.name
