"""`hourfold sql`: the warehouse for people, read beside those who write to it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from orchestration.cli.console import out, plain_errors
from orchestration.cli.options import SourceOfHome
from orchestration.cli.stored import reading_errors, warehouse_of

if TYPE_CHECKING:
    import pyarrow as pa

Query = Annotated[str | None, typer.Argument(help="SQL of DuckDB; default: list tables, views and columns.")]
Limit = Annotated[int, typer.Option(min=1, help="Rows to print.")]


def sql(
    query: Query = None,
    csv: Annotated[Path | None, typer.Option(help="Write all rows to this CSV file instead.")] = None,
    copy: Annotated[
        Path | None,
        typer.Option(help="Write a copy of the whole warehouse to this file, for a long analysis."),
    ] = None,
    limit: Limit = 100,
    source: SourceOfHome = None,
) -> None:
    """Ask the warehouse with SQL, read-only, while hours are being loaded.

    It waits where somebody writes, and is open for as long as the query runs. The views `named_…` have names
    and times instead of numbers.

    Example:

        hourfold sql "SELECT * FROM named_exposures LIMIT 5"
        hourfold sql "SELECT partition, value FROM metrics WHERE name = 'auc'" --csv auc.csv
        hourfold sql --copy analysis.duckdb
    """
    from warehouse.store.asking import ask, copy_to, overview

    with plain_errors(*reading_errors(), OSError):
        path = warehouse_of(source)
        if copy is not None:
            copy_to(path, copy)
            out.print(f"{copy} is a copy of {path}", soft_wrap=True)
            if query is None:
                return
        rows = overview(path) if query is None else ask(path, query)
        if csv is not None:
            _write(rows, csv)
            out.print(f"{rows.num_rows:,} rows written to {csv}", soft_wrap=True)
            return
    _show(rows, limit)


def _write(rows: pa.Table, path: Path) -> None:
    """A CSV file; integers with gaps stay integers."""
    import pandas as pd

    rows.to_pandas(types_mapper=pd.ArrowDtype).to_csv(path, index=False)


def _show(rows: pa.Table, limit: int) -> None:
    """A table of the first rows, and how many there are."""
    table = Table(*rows.column_names)
    for row in zip(*(column.to_pylist() for column in rows.slice(0, limit).columns), strict=True):
        table.add_row(*("" if value is None else str(value) for value in row))
    out.print(table)
    more = f", the first {limit:,} are shown: --limit or --csv give more" if rows.num_rows > limit else ""
    out.print(f"{rows.num_rows:,} rows{more}")
