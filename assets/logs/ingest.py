"""From landing folder to warehouse: read, gate, load. Assets, the command line and tests all come here."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from assets.logs import judging
from assets.logs.judging import Judgement, Question
from assets.logs.reports import BatchRejected, IngestReport, report_of, with_data_docs
from warehouse.home import SourceHome
from warehouse.landing import reading
from warehouse.landing.contract import PartitionKind
from warehouse.landing.description import FILE_NAME, SourceDescription
from warehouse.landing.records import Landed, PartitionLoad
from warehouse.landing.remembered import RememberedFiles

if TYPE_CHECKING:
    from expectations.gate import GateResult
    from expectations.settings import GateSettings
    from warehouse.store.warehouse import Warehouse


REMEMBERED = "dimension_files.json"  #: in the source's home: files of users, items, … as they were read last


@dataclass(frozen=True)
class Standing:
    """A table's landed partitions beside the loaded ones."""

    pending: tuple[str, ...]  #: landed, and not loaded from these files and columns
    gone: tuple[str, ...]  #: loaded, and without files by now: they stay loaded


def ingest(
    home: SourceHome,
    table: str,
    partitions: Sequence[str] | None = None,
    *,
    landing: Path | None = None,
    description: SourceDescription | None = None,
    settings: GateSettings | None = None,
    now_ms: int | None = None,
    force: bool = False,
    data_docs: Path | None = None,
) -> IngestReport:
    """Bring partitions of a table through the gate into the warehouse, in one transaction.

    An hour or day without files is neither loaded nor recorded: the report names it as missing. The warehouse
    is held only while rows are written. Where the landing folder has no `source.json`, the description that
    was used is written there once a load has succeeded.

    Args:
        home, table: the source's folders, and the table's name in the landing contract.
        partitions: default: those that are not loaded as they are now.
        landing, description: default: the folder inside home, and what it says.
        settings, now_ms: limits of the gate, and its clock; default: those of the description, and now.
        force: load even though batch rules are broken; recorded with the batch.
        data_docs: folder for Great Expectations' Data Docs, also of a refusal; default: none are made.

    Raises:
        BatchRejected: a batch rule is broken; nothing was written.
        FileRejected: a file cannot be taken; nothing was written.
        ValueError: a limit in `source.json` is none of the gate's.
    """
    landing = landing or home.landing
    description = description or reading.describe(landing)
    settings = settings or judging.gate_settings(description, landing)
    began = time.perf_counter()
    rows = _read(home, landing, description, table, partitions)
    read = time.perf_counter() - began
    if not rows.landed.files:
        report = report_of(rows.landed, None, rows.missing, rows.warnings)
        return replace(report, seconds={"read": read, "gate": 0.0, "load": 0.0})
    question = Question(description, table, tuple(rows.landed.files), settings, now_ms)
    report = _judge_and_load(home, question, rows, force, data_docs)
    return replace(
        report,
        seconds={"read": read, **report.seconds},
        warnings=(*report.warnings, *remember(landing, description)),
    )


@dataclass(frozen=True)
class _Rows:
    """The rows of those partitions that have files, the names of the others, and what is to be said."""

    landed: Landed
    missing: tuple[str, ...]
    warnings: tuple[str, ...]


def _read(
    home: SourceHome,
    landing: Path,
    description: SourceDescription,
    table: str,
    partitions: Sequence[str] | None,
) -> _Rows:
    """Read these partitions (default: the pending ones)."""
    gone: set[str] = set()
    if partitions is None:
        standing = standing_of(home, table, landing=landing, description=description)
        partitions, gone = standing.pending, set(standing.gone)
    landed = reading.read(landing, description, table, partitions)
    missing = tuple(partition for partition, files in landed.files.items() if not files)
    if missing:
        gone |= set(_loaded(home, table, missing))
    with_files = {partition: files for partition, files in landed.files.items() if files}
    warnings = (*landed.warnings, *_stay_loaded(table, sorted(gone)))
    return _Rows(replace(landed, files=with_files), missing, warnings)


def _judge_and_load(
    home: SourceHome, question: Question, rows: _Rows, force: bool, data_docs: Path | None
) -> IngestReport:
    """The gate, then the warehouse; `seconds` has both."""
    began, landed = time.perf_counter(), rows.landed
    report = report_of(landed, None, rows.missing, rows.warnings)

    def accept(judgement: Judgement) -> None:
        nonlocal report
        judged = report_of(landed, judgement.result, rows.missing, rows.warnings)
        report = with_data_docs(judged, judgement, data_docs)
        if report.failures and not force:
            raise BatchRejected(report)

    def write(warehouse: Warehouse, judgement: Judgement) -> None:
        result, description = judgement.result, question.description
        records = _records(landed, result)
        warehouse.load(landed.table, records, result.passed, result.quarantined, description=description)

    judgement = judging.judge_and_write(home.warehouse, question, landed.frame, accept, write)
    load = time.perf_counter() - began - judgement.seconds
    return replace(report, seconds={"gate": judgement.seconds, "load": load})


def pending(
    home: SourceHome,
    table: str,
    *,
    landing: Path | None = None,
    description: SourceDescription | None = None,
    only: Collection[str] | None = None,
) -> list[str]:
    """Landed partitions (of `only`) that are not loaded, or were loaded from other files or columns than now.

    An hour or day without files is never among them.
    """
    landing = landing or home.landing
    description = description or reading.describe(landing)
    return list(standing_of(home, table, landing=landing, description=description, only=only).pending)


def standing_of(
    home: SourceHome,
    table: str,
    *,
    landing: Path,
    description: SourceDescription,
    only: Collection[str] | None = None,
) -> Standing:
    """What of a table (of the partitions `only`) is to be loaded, and what is loaded and has no files now."""
    remembered = RememberedFiles()
    if description.contract(table).partition is PartitionKind.FILE:
        remembered = RememberedFiles.load(home.root / REMEMBERED)
    present = reading.fingerprints(landing, description, table, only, remembered)
    remembered.save()
    stored = _loaded(home, table, only)
    chosen = set(stored) if only is None else set(only)
    return Standing(
        pending=tuple(partition for partition, digest in present.items() if stored.get(partition) != digest),
        gone=tuple(partition for partition in stored if partition in chosen and partition not in present),
    )


def remember(landing: Path, description: SourceDescription) -> list[str]:
    """Write the description that was taken from the files into the landing folder, where it has none.

    Written once, so that columns do not change their place when the next file has others first. Returns a
    warning where it cannot be written.
    """
    path = landing / FILE_NAME
    if path.exists():
        return []
    try:
        description.save(landing)
    except OSError as error:
        text = description.model_dump_json(indent=2, exclude_defaults=True)
        return [
            f"{path} cannot be written ({error}): write it there yourself, else columns may change:\n{text}"
        ]
    return []


def _loaded(home: SourceHome, table: str, only: Collection[str] | None = None) -> dict[str, str]:
    """Loaded partition (of `only`) → hash of the files that it was loaded from, in order of time."""
    with judging.reading(home.warehouse) as warehouse:
        if warehouse is None:
            return {}
        loaded = warehouse.loaded(table, only)
    return dict(zip(loaded["partition"], loaded["files_hash"], strict=True))


def _stay_loaded(table: str, gone: Collection[str]) -> list[str]:
    """One sentence about partitions whose files are no longer in the landing folder."""
    if not gone:
        return []
    names = ", ".join(list(gone)[:3]) + (", …" if len(gone) > 3 else "")
    return [
        f"{table}: the files of {len(gone)} loaded partitions are no longer in the landing folder ({names}): "
        "what was loaded stays"
    ]


def _records(landed: Landed, result: GateResult) -> list[PartitionLoad]:
    """The record of each partition with what the gate says of it."""
    return [
        replace(
            record,
            statistics=result.statistics.loc[record.partition].to_dict(),
            forced=record.partition in result.batch_failures,
        )
        for record in landed.records()
    ]
