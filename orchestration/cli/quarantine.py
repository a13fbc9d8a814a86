"""`hourfold quarantine`: what the gate kept out, and how it comes back after a fix."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from orchestration.cli.console import out, plain_errors
from orchestration.cli.options import SourceOfHome

if TYPE_CHECKING:
    from warehouse.home import SourceHome
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
    from warehouse.store.quarantine import list_quarantine

    with plain_errors(FileNotFoundError, ValueError), _opened(source) as warehouse:
        counts = list_quarantine(warehouse, table)
    if counts.empty:
        out.print("Quarantine is empty.")
        return
    shown = Table("table", "rule", "column", "rows", "partitions", "first", "last")
    for row in counts.itertuples(index=False):
        shown.add_row(*(str(value) for value in row))
    out.print(shown)
    out.print(f"{int(counts['rows'].sum()):,} rows. See them with: hourfold quarantine show --rule RULE")


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

    with plain_errors(FileNotFoundError, ValueError), _opened(source) as warehouse:
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
    import pandas as pd

    from assets.logs.replay import replay as run

    with plain_errors(FileNotFoundError, ValueError, KeyError):
        home, landing = _home(source)
        values = None if fixed is None else pd.read_csv(fixed, dtype={"id": "int64"}, keep_default_na=True)
        report = run(home, table, rule=rule, partition=partition, fixed=values, landing=landing)
    out.print(f"{table}: {report.replayed:,} rows replayed, {report.moved:,} moved to the warehouse")
    for name, rows in report.still.items():
        out.print(f"  {rows:,} stay: {name}")
    if report.partitions:
        out.print(
            f"{len(report.partitions)} partitions gained rows ({report.partitions[0]} …): "
            "states trained on them are out of date; run their day again with hourfold day."
        )


def _home(source: str | None) -> tuple[SourceHome, Path]:
    """The folders of the source, and its landing folder."""
    from warehouse.home import Deployment, Home

    home = Home.current()
    deployment = Deployment.load(home)
    if source is not None and source != deployment.source:
        deployment = Deployment(source=source)
    paths = deployment.paths(home)
    if not paths.warehouse.exists():
        raise FileNotFoundError(
            f"{paths.warehouse} is not there: ingest the source {deployment.source} first, or name another "
            "with --source"
        )
    return paths, deployment.landing_folder(home)


def _opened(source: str | None) -> Warehouse:
    from warehouse.store.warehouse import Warehouse

    return Warehouse(_home(source)[0].warehouse, read_only=True)


def _short(text: str, length: int = 60) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
