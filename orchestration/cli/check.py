"""`hourfold check`: what a load of a landing folder would say, before anything is loaded."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from orchestration.cli.console import out, plain_errors, progress_bars
from orchestration.cli.tables import new_table
from orchestration.spans import sentence

if TYPE_CHECKING:
    from assets.logs.checked import FolderCheck, TableCheck

MOST = 20  #: sentences of one kind that are printed; more are counted


def check(
    data: Annotated[
        Path, typer.Option(help="The landing folder: the one that holds exposures/, purchases/ …")
    ],
) -> None:
    """Read a landing folder as `ingest` would, judge it, and write nothing: no home, no `source.json`.

    Says what lies there and what is not read and why, which columns models would see, how ids and times are
    written, which rows would be quarantined by which rule, and what would be refused. The exit code is 1 if
    a file is not read or refused, or a batch would be stopped.

    Example:

        hourfold check --data path/to/folder
    """
    from assets.logs.check import check as look
    from warehouse.landing.files import FileRejected

    folder = data.expanduser().resolve()
    expected = (ValueError, FileNotFoundError, FileRejected)
    with plain_errors(*expected), _quiet_reader(), progress_bars() as progress:
        outcome = look(folder, progress=progress)
    _print(outcome)
    if outcome.refused:
        raise typer.Exit(1)


@contextmanager
def _quiet_reader() -> Iterator[None]:
    """Keep the reader from logging what is printed in the end."""
    logger = logging.getLogger("warehouse.landing")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _print(outcome: FolderCheck) -> None:
    source = outcome.description
    how = "source.json" if outcome.described else "its files; `ingest` would write this into source.json"
    out.print(f"{outcome.landing}, described by {how}")
    domains = ", ".join(source.domains) or "any"
    days = f"{source.first_day} to {source.last_day}"
    out.print(f"zone {source.zone}, days {days}, domains of external clicks: {domains}")
    out.print(_overview(outcome.tables))
    for table in (_ids(outcome.tables), _times(outcome.tables), _rules(outcome.tables)):
        if table.row_count:
            out.print(table)
    _sentences("Columns", _columns(outcome.tables))
    _sentences("Good to know", _remarks(outcome))
    _sentences("Would not be loaded", outcome.refused, style="bold red")
    _sentences("Next", _next(outcome))


def _overview(tables: Sequence[TableCheck]) -> Table:
    heads = ("table", "first", "last", "partitions", "files", "rows", "kept", "quarantined", "stopped")
    table = new_table(None, *heads, words=3)
    for one in tables:
        first, last = (one.partitions[0], one.partitions[-1]) if one.partitions else ("–", "–")
        quarantined = one.rows - one.passed - one.stopped
        figures = (len(one.partitions), one.files, one.rows, one.passed, quarantined, one.stopped)
        table.add_row(one.table, first, last, *(f"{figure:,}" for figure in figures))
    return table


def _ids(tables: Sequence[TableCheck]) -> Table:
    table = new_table("Ids, by rows", "column", "written as", "longest", "example", words=2)
    for one in tables:
        for ids in one.ids:
            if ids.kinds.total():
                kinds = _counts(ids.kinds) + (", mixed" if ids.mixed else "")
                table.add_row(f"{one.table}.{ids.column}", kinds, str(ids.longest), ids.example[:36])
    return table


def _times(tables: Sequence[TableCheck]) -> Table:
    table = new_table("Times, UTC", "column", "written as", "first", "last", words=4)
    for one in tables:
        for times in one.times:
            if times.forms.total():
                name = f"{one.table}.{times.column}"
                table.add_row(name, _counts(times.forms), _instant(times.first_ms), _instant(times.last_ms))
    return table


def _rules(tables: Sequence[TableCheck]) -> Table:
    table = new_table("Rows that would be quarantined", "rule", "column", "rows", "for example", words=2)
    table.columns[3].justify, table.columns[3].no_wrap = "left", False
    for one in tables:
        for rule in one.rules:
            value = "no value" if rule.value is None else repr(rule.value[:60])
            example = f"{value}, row {rule.row} of {rule.file}. {rule.remedy}"
            table.add_row(rule.rule, f"{one.table}.{rule.column}", f"{rule.rows:,}", example)
    return table


def _counts(kinds: Mapping[str, int]) -> str:
    return ", ".join(f"{kind} {count:,}" for kind, count in kinds.items() if count)


def _instant(ms: int | None) -> str:
    if ms is None:
        return "–"
    try:
        return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return f"{ms} ms"


def _columns(tables: Sequence[TableCheck]) -> Iterator[str]:
    for one in tables:
        if one.chosen:
            yield f"{one.table}: models see {', '.join(one.chosen)}"
        yield from (f"{one.table}: {column.column} is left out: it {column.why}" for column in one.left_out)


def _remarks(outcome: FolderCheck) -> Iterator[str]:
    names = {one.table for one in outcome.tables if one.files}
    for one in outcome.tables:
        if one.missing:
            hourly = len(one.missing[0]) > 10
            rest = "no files: missing, which is not the same as empty"
            what = sentence(one.missing, "have", rest) if hourly else f"{_listed(one.missing)} have {rest}"
            yield f"{one.table}: {what}"
        yield from (f"{copy.path.relative_to(outcome.landing)} {copy.why}" for copy in one.copies)
        if one.passed_over:
            yield f"{one.table}: {one.passed_over} markers or unfinished files (_…, .tmp) are passed over"
        yield from one.warnings
    if "exposures" in names and not {"users", "items"} <= names:
        absent = " and ".join(f"{name}/" for name in ("users", "items") if name not in names)
        yield f"exposures need {absent}: a row whose user or item is not described there is quarantined"


def _next(outcome: FolderCheck) -> Iterator[str]:
    if outcome.refused:
        yield "mend what would not be loaded (each sentence says how), and check again"
    elif not outcome.described:
        yield "if days and columns are as you wish, load; else write source.json first"
    yield f"hourfold ingest --source landing --data {outcome.landing}"


def _listed(keys: Sequence[str]) -> str:
    more = f" and {len(keys) - 6} more" if len(keys) > 6 else ""
    return ", ".join(keys[:6]) + more


def _sentences(title: str, texts: Iterator[str] | Sequence[str], style: str = "bold") -> None:
    lines = list(dict.fromkeys(texts))
    if not lines:
        return
    out.print(f"\n{title}", style=style)
    for line in lines[:MOST]:
        out.print(f"• {line}")
    if len(lines) > MOST:
        out.print(f"• and {len(lines) - MOST:,} more")
