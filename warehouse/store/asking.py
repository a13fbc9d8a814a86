"""Reading the warehouse beside those who write: a query, what tables are in it, and a copy of the whole.

Each opens the file, reads and closes it; while somebody writes it waits. A long analysis works on a copy,
since whoever reads keeps writers out.
"""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa

from warehouse.landing.writing import replace_file
from warehouse.store.statements import quoted, statement, text_literal
from warehouse.store.waiting import check_path
from warehouse.store.warehouse import Warehouse

WAIT_SECONDS = 600.0  #: for a load to end; the file is free again between loads


def ask(path: Path, query: str, wait_seconds: float = WAIT_SECONDS) -> pa.Table:
    """The rows of a query, in one line of a notebook: `ask(path, "FROM named_items").to_pandas()`.

    Raises:
        WarehouseMissing: there is no such file.
        WarehouseBusy: somebody wrote all the time; names the process.
        ValueError: the query is wrong, or would write; has DuckDB's own words.
    """
    with Warehouse(path, read_only=True, wait_seconds=wait_seconds) as warehouse:
        try:
            relation = warehouse.connection.sql(query)
            rows = pa.table({}) if relation is None else relation.to_arrow_table()
        except duckdb.Error as error:
            raise ValueError(str(error)) from error
    return rows


def overview(path: Path, wait_seconds: float = WAIT_SECONDS) -> pa.Table:
    """Every table and view: `name`, `kind`, `rows` (null for views) and `columns`, those for people first."""
    return ask(path, statement("asking", "overview"), wait_seconds)


def copy_to(path: Path, target: Path, wait_seconds: float = WAIT_SECONDS) -> None:
    """Write a copy of the whole warehouse to `target`, as one reader sees it; a former copy is replaced.

    Raises ValueError where `target` is the warehouse itself, and as `ask`.
    """
    check_path(target)
    if target.resolve() == path.resolve():
        raise ValueError(f"{target} is the warehouse itself: name another file for the copy")
    with (
        Warehouse(path, read_only=True, wait_seconds=wait_seconds) as warehouse,
        replace_file(target) as part,
    ):
        part.unlink(missing_ok=True)
        own = warehouse.connection.execute("SELECT current_database()").fetchall()[0][0]
        warehouse.connection.execute(f"ATTACH {text_literal(str(part))} AS warehouse_copy (READ_WRITE)")
        warehouse.connection.execute(f"COPY FROM DATABASE {quoted(own)} TO warehouse_copy")
        warehouse.connection.execute("DETACH warehouse_copy")
