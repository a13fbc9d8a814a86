"""Everything that a warehouse file holds, to be compared before and after."""

from __future__ import annotations

from pathlib import Path

import duckdb


def exported(path: Path) -> dict[str, list[tuple]]:
    """Columns, constraints, views and every table's rows; nothing for a file that is not there."""
    if not path.exists():
        return {}
    with duckdb.connect(str(path), read_only=True) as connection:
        query = (
            "SELECT table_name, column_name, data_type, is_nullable, column_default FROM duckdb_columns() "
        )
        catalog = {
            "columns": query + "WHERE NOT internal ORDER BY ALL",
            "constraints": "SELECT table_name, constraint_text FROM duckdb_constraints() ORDER BY ALL",
            "views": "SELECT view_name, sql FROM duckdb_views() WHERE NOT internal ORDER BY ALL",
        }
        contents = {name: connection.execute(text).fetchall() for name, text in catalog.items()}
        tables = connection.execute("SELECT table_name FROM duckdb_tables() ORDER BY ALL").fetchall()
        for (table,) in tables:
            contents[table] = connection.execute(f"FROM {table} ORDER BY ALL").fetchall()
    return contents
