"""`hourfold ingest`: a source through the gate into the warehouse."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestration.cli.console import err, out, plain_errors, progress_bars, tell

if TYPE_CHECKING:
    from warehouse.home import SourceHome

Again = Annotated[bool, typer.Option("--again", help="Also days that are loaded already.")]
Force = Annotated[
    bool, typer.Option("--force", help="Load batches that break a batch rule; recorded with them.")
]


def ingest(
    source: Annotated[
        str, typer.Option(help="simulator, kuairand, complete-journey or landing (your own folder).")
    ],
    data: Annotated[
        Path | None, typer.Option(help="Where the files of kuairand or landing are; the others need none.")
    ] = None,
    first: Annotated[str | None, typer.Option("--from", help="First day; default: the source's.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last day; default: the source's.")] = None,
    again: Again = False,
    force: Force = False,
) -> None:
    """Pass a source through the quality gate into the warehouse of this home, as Dagster runs.

    Bad rows go to quarantine. A batch that breaks a batch rule stops its hour or day; nothing of it is
    written. Tables that the source does not have are left out.

    Example:

        hourfold ingest --source kuairand --data path/to/KuaiRand-Pure
    """
    from assets.logs.ingest import BatchRejected
    from assets.logs.sources import open_source
    from orchestration.cli.deploying import deploy
    from orchestration.cli.tables import loaded_table
    from orchestration.run import run_ingest
    from orchestration.session import RunFailed, Session
    from warehouse.landing.files import FileRejected
    from warehouse.store.warehouse import Warehouse

    expected = (ValueError, FileNotFoundError, FileExistsError, FileRejected, BatchRejected, RunFailed)
    with plain_errors(*expected):
        with progress_bars() as progress:
            deployment = deploy(source, data, progress=progress)
            with Session(deployment, progress=progress) as session:
                opened = open_source(source, session.home, data)
                description = opened.description
                first = first or description.shop_first_day or description.first_day
                last = last or opened.last_day
                try:
                    tell(run_ingest(session, first, last, again=again))
                except RunFailed as failed:
                    if not force:
                        raise
                    err.print(str(failed), markup=False)
                    _load_anyway(opened.home, opened.landing)
        with Warehouse(opened.home.warehouse, read_only=True) as warehouse:
            made = "simulated logs" if description.simulated else f"source {source}"
            out.print(loaded_table(warehouse, f"{made}, {first} to {last}"))
    out.print("Rows in = kept + quarantined. See the quarantined ones with: hourfold quarantine list")


def _load_anyway(home: SourceHome, landing: Path) -> None:
    """Load what the batch rules stopped; the batches record that they were forced."""
    from assets.logs.ingest import ingest as load
    from warehouse.landing.contract import TABLES

    for table in TABLES:
        load(home, table, landing=landing, force=True)
