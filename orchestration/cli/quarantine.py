"""`hourfold quarantine`: what the gate kept out, and how it comes back after a fix."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from orchestration.cli.console import out, plain_errors
from orchestration.cli.options import SourceOfHome
from orchestration.cli.stored import folders_of, reading_errors, warehouse_of

if TYPE_CHECKING:
    from warehouse.store.warehouse import Warehouse

app = typer.Typer(
    no_args_is_help=True, help="What the gate kept out: count it, look at it, replay it after a fix."
)

TABLE = typer.Option(help="A table of the landing folder, such as exposures or purchases.")
TableName = Annotated[str | None, TABLE]
Rule = Annotated[str | None, typer.Option(help="Only rows that broke this rule.")]
Partition = Annotated[
    str | None, typer.Option(help="Only this hour (2022-05-08-09:00), day (2022-05-08) or file.")
]


@app.command("list")
def list_(table: TableName = None, source: SourceOfHome = None) -> None:
    """Count quarantined rows by table, rule and column.

    Example:

        hourfold quarantine list --table exposures
    """
    from assets.logs.reports import docs_folder
    from warehouse.store.quarantine import list_quarantine

    with plain_errors(*reading_errors()), _opened(source) as warehouse:
        counts = list_quarantine(warehouse, table)
        docs = docs_folder(folders_of(source)[0])
    if counts.empty:
        out.print("Quarantine is empty.")
    else:
        shown = Table("table", "rule", "column", "rows", "partitions", "first", "last")
        for row in counts.itertuples(index=False):
            shown.add_row(*(str(value) for value in row))
        out.print(shown)
        out.print(f"{int(counts['rows'].sum()):,} rows. See them with: hourfold quarantine show --rule RULE")
    out.print("A batch that was refused leaves nothing here: its message names rules, counts and values.")
    if docs.is_dir():
        out.print(f"Data Docs of the last loads, refused ones too: {docs}", soft_wrap=True)


@app.command()
def show(
    table: TableName = None,
    rule: Rule = None,
    partition: Partition = None,
    limit: Annotated[int, typer.Option(min=1, help="Rows to show.")] = 20,
    csv: Annotated[
        Path | None, typer.Option(help="Write all matching rows to this CSV file instead.")
    ] = None,
    source: SourceOfHome = None,
) -> None:
    """Show quarantined rows: where each came from, the value that broke the rule, and the remedy.

    Example:

        hourfold quarantine show --rule user_known --limit 5
    """
    from warehouse.store.quarantine import show_quarantine

    with plain_errors(*reading_errors()), _opened(source) as warehouse:
        most = None if csv else limit
        rows = show_quarantine(warehouse, table, rule=rule, partition=partition, limit=most)
    if csv is not None:
        rows.to_csv(csv, index=False)
        out.print(f"{len(rows):,} rows written to {csv}")
        return
    names = ("id", "table", "partition", "row", "rule", "column", "value", "remedy")
    shown = Table(*names)
    for row in rows[list(names)].itertuples(index=False):
        shown.add_row(*(_short(str(value)) for value in row))
    out.print(shown)


@app.command()
def replay(
    table: Annotated[str, TABLE],
    rule: Rule = None,
    partition: Partition = None,
    fixed: Annotated[
        Path | None, typer.Option(help="CSV of mended values: `id` (of show) and the columns to replace.")
    ] = None,
    source: SourceOfHome = None,
) -> None:
    """Put quarantined rows through the gate again, after a late file, a mended value or a changed limit.

    Rows that pass move to the kept ones in one transaction; the others stay. Load the hour again instead
    where its landed file was mended.

    Example:

        hourfold quarantine replay --table exposures --rule user_known
    """
    from assets.logs.replay import mended_values
    from assets.logs.replay import replay as run

    with plain_errors(*reading_errors(), KeyError):
        home, landing = folders_of(source)
        values = None if fixed is None else mended_values(fixed)
        report = run(home, table, rule=rule, partition=partition, fixed=values, landing=landing)
    out.print(f"{table}: {report.replayed:,} rows replayed, {report.moved:,} moved to the warehouse")
    for name, rows in report.still.items():
        out.print(f"  {rows:,} stay: {name}")
    if report.partitions:
        out.print(
            f"{len(report.partitions)} partitions gained rows ({report.partitions[0]} …): "
            "states trained on them are out of date; run their day again with hourfold day."
        )


def _opened(source: str | None) -> Warehouse:
    from warehouse.store.warehouse import Warehouse

    return Warehouse(warehouse_of(source), read_only=True)


def _short(text: str, length: int = 60) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
