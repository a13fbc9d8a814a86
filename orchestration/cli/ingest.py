"""`hourfold ingest`: a source through the gate into the warehouse."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assets.common import clock
from orchestration.cli.console import err, out, plain_errors, progress_bars
from warehouse.landing.service_time import DAY_MS

if TYPE_CHECKING:
    from assets.logs.sources import OpenedSource
    from orchestration.ingesting import Ingested

MOST_FILES = 10  #: unread ones that are named
OTHERS_WITH_DAYS = ("external_clicks", "points")  #: dated tables that may go on after the last exposure
SILENT_DAYS = 7  #: without a log, after which a source may have ended

Again = Annotated[bool, typer.Option("--again", help="Also what is loaded as it lies there.")]
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

    What is loaded as it lies there is left alone. Bad rows go to quarantine. A batch that breaks a batch rule
    stops its hour or day: nothing of it is written, the others are loaded, and the exit code is 1. Hours
    without files are named, never loaded as empty; hours that have not ended are left for later. At last
    every loaded day of a feed is encoded for training, oldest first; one that is encoded costs nothing more.

    Example:

        hourfold ingest --source kuairand --data path/to/KuaiRand-Pure
    """
    from assets.logs.sources import open_source
    from orchestration.cli.deploying import deploy
    from orchestration.ingesting import encode_days, load_logs
    from orchestration.session import Session
    from warehouse.landing.files import FileRejected

    with plain_errors(ValueError, FileNotFoundError, FileExistsError, FileRejected):
        with progress_bars() as progress:
            deployment = deploy(source, data, progress=progress)
            with Session(deployment, progress=progress) as session:
                opened = open_source(source, session.home, data)
                description = opened.description
                first = first or description.shop_first_day or description.first_day
                last = last or _last_day(opened)
                outcome = load_logs(session, first, last, again=again, force=force)
                encode_days(session, outcome)
        made = "simulated logs" if description.simulated else f"source {source}"
        _report(opened, outcome, f"{made}, {first} to {last}")
    if outcome.refused:
        raise typer.Exit(1)


def _report(opened: OpenedSource, outcome: Ingested, title: str) -> None:
    """What was loaded, what is not there, and at last what was refused."""
    from orchestration.cli.tables import loaded_table
    from orchestration.spans import shortened
    from warehouse.store.warehouse import Warehouse

    if opened.home.warehouse.exists():
        with Warehouse(opened.home.warehouse, read_only=True) as warehouse:
            out.print(loaded_table(warehouse, title))
    out.print("Rows in = kept + quarantined. See the quarantined ones with: hourfold quarantine list")
    for line in [*outcome.lines(), *_unread(opened), *_after_the_end(opened), *_silence(opened)]:
        out.print(f"• {line}")
    if outcome.refused:
        err.print("Not loaded:", style="bold red")
        err.print(shortened(outcome.refused))


def _last_day(opened: OpenedSource) -> str:
    """The newest day on which any table has files, or the end of closed logs."""
    if opened.description.closed:
        return opened.description.last_day
    return max([opened.last_day, *opened.landed_days(OTHERS_WITH_DAYS)])


def _after_the_end(opened: OpenedSource) -> list[str]:
    """A sentence on files of closed logs that lie after their end."""
    from warehouse.landing.inference import DATED

    end = opened.description.last_day
    later = [day for day in opened.landed_days((*DATED, *OTHERS_WITH_DAYS)) if day > end]
    if not opened.description.closed or not later:
        return []
    return [
        f"{len(later)} days with files, {later[0]} to {later[-1]}, lie after their end, {end}, and "
        f'are not read: correct "closed" or "last_day" in {opened.landing / "source.json"} to read them'
    ]


def _unread(opened: OpenedSource) -> list[str]:
    """Files of the landing folder that nobody reads."""
    from warehouse.landing import layout
    from warehouse.landing.contract import TABLES

    unread = layout.unread_tables(opened.landing)
    for table in TABLES:
        if (opened.landing / table).is_dir():
            unread += layout.unread(opened.landing, opened.description.contract(table))
    more = [f"and {len(unread) - MOST_FILES} more files are not read"] if len(unread) > MOST_FILES else []
    return [*(f"{file.path} is not read: {file.why}" for file in unread[:MOST_FILES]), *more]


def _silence(opened: OpenedSource) -> list[str]:
    """A hint where the newest log is so old that the source may have ended."""
    if opened.name != "landing" or opened.description.closed:
        return []
    zone = opened.description.service_zone
    age = (clock.now_ms() - zone.day_start_ms(opened.last_day)) // DAY_MS
    if age <= SILENT_DAYS:
        return []
    return [
        f"the newest logs are of {opened.last_day}, {age} days ago. If no more will come, put "
        f'"closed": true into {opened.landing / "source.json"}: until then every hour since counts as missing'
    ]
