"""Content vectors: lists of floats, all of a column equally long, from the first load that has any on."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa

from warehouse.landing.contract import TableContract
from warehouse.store.columns import vector_column
from warehouse.store.staging import InvariantBroken
from warehouse.store.statements import quoted


@dataclass(frozen=True)
class VectorColumn:
    """The chosen column of content vectors of a table."""

    name: str
    width: int  #: floats a vector; 0 before the first one is loaded


def chosen_vector(connection: duckdb.DuckDBPyConnection, table: str) -> VectorColumn | None:
    """The column of vectors that models see; None where the source chose none."""
    query = "SELECT column_name, coalesce(width, 0) FROM vector_fields WHERE table_name = ? AND chosen"
    rows = connection.execute(query, [table]).fetchall()
    return VectorColumn(*rows[0]) if rows else None


def width_of(connection: duckdb.DuckDBPyConnection, table: str, column: str) -> int | None:
    """How long the vectors of a column are, chosen or not; None before the first one is loaded."""
    query = "SELECT width FROM vector_fields WHERE table_name = ? AND column_name = ?"
    rows = connection.execute(query, [table, column]).fetchall()
    return rows[0][0] if rows else None


def choose_vectors(connection: duckdb.DuckDBPyConnection, chosen: dict[str, str | None]) -> None:
    """Add these columns (table → name) to the schema; the widths of former ones stay known."""
    connection.execute("UPDATE vector_fields SET chosen = false")
    for table, name in chosen.items():
        if name is None:
            continue
        query = "INSERT INTO vector_fields VALUES (?, ?, NULL, true) ON CONFLICT DO UPDATE SET chosen = true"
        connection.execute(query, [table, name])
        stored = quoted(vector_column(name))
        connection.execute(f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {stored} FLOAT[]")


def remember_width(connection: duckdb.DuckDBPyConnection, contract: TableContract) -> None:
    """Record how long the vectors of `staged` are, where none were known; runs inside a load's transaction.

    Raises InvariantBroken where they differ, from each other or from those of before: the gate lets none by.
    """
    if contract.vector is None:
        return
    stored = quoted(vector_column(contract.vector))
    least, most = connection.execute(f"SELECT min(len({stored})), max(len({stored})) FROM staged").fetchall()[
        0
    ]
    if least is None:
        return
    column = chosen_vector(connection, contract.name)
    if column is None or least != most or column.width not in (0, least):
        known = "none" if column is None else column.width
        raise InvariantBroken(
            f"{contract.name}: vectors of {contract.vector!r} have {least} to {most} floats, {known} were "
            "known; nothing was written"
        )
    connection.execute(
        "UPDATE vector_fields SET width = ? WHERE table_name = ? AND chosen", [least, contract.name]
    )


def vector_rows(column: pa.ChunkedArray, width: int) -> np.ndarray:
    """Lists of `width` floats as float32 [N, width], NaN where there is none; without a copy where all are.

    Args:
        column: list<float>, null where unknown.
        width: of every list.
    """
    if column.num_chunks == 1:
        lists = column.chunk(0)
    else:
        lists = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    values = lists.flatten().to_numpy(zero_copy_only=False).astype(np.float32, copy=False)
    if not lists.null_count:
        return values.reshape(len(lists), width)
    rows = np.full((len(lists), width), np.nan, np.float32)
    rows[lists.is_valid().to_numpy(zero_copy_only=False)] = values.reshape(-1, width)
    return rows
