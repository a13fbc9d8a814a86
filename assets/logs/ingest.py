"""From landing folder to warehouse: read, gate, load. Assets, the command line and tests all come here."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from assets.logs import judging
from assets.logs.judging import Judgement, Question
from warehouse.home import SourceHome
from warehouse.landing import layout, reading
from warehouse.landing.contract import PartitionKind, table_contract
from warehouse.landing.description import FILE_NAME, SourceDescription
from warehouse.landing.records import PartitionLoad

if TYPE_CHECKING:
    from expectations.gate import BatchFailure, GateResult
    from expectations.settings import GateSettings
    from warehouse.landing.files import FileRejected
    from warehouse.landing.layout import UnreadFile
    from warehouse.store.warehouse import Warehouse


class BatchRejected(RuntimeError):
    """A batch rule stopped partitions; nothing of these calls was written and the state before is intact.

    `report` is the first of `reports`, one a table or call; `files` are those that could not be taken.
    """

    def __init__(self, *reports: IngestReport, files: Sequence[FileRejected] = ()) -> None:
        self.reports, self.files = reports, tuple(files)
        self.failures = [f for report in reports for broken in report.failures.values() for f in broken]
        messages = [_refusal(report) for report in reports] + [str(error) for error in files]
        super().__init__("\n".join(messages))

    @property
    def report(self) -> IngestReport:
        """What became of the partitions of the first call."""
        return self.reports[0]


def _refusal(report: IngestReport) -> str:
    failures = [failure for broken in report.failures.values() for failure in broken]
    messages = "; ".join(failure.message for failure in failures[:3])
    more = f" (and {len(failures) - 3} more)" if len(failures) > 3 else ""
    return (
        f"{report.table}: {len(report.failures)} of {len(report.rows)} partitions break a batch rule, "
        f"nothing was written: {messages}{more}. Mend the logs and ingest again, or overrule with force"
    )


@dataclass(frozen=True)
class IngestReport:
    """What became of the partitions of one call."""

    table: str
    rows: pd.DataFrame  #: index partition (those with files): rows_in, kept, quarantined
    rules: dict[str, int]  #: quarantined rows by the first rule that they broke
    statistics: pd.DataFrame  #: the gate's, index partition
    failures: dict[str, tuple[BatchFailure, ...]]  #: batch rules broken; empty unless rejected or forced
    warnings: tuple[str, ...]
    seconds: dict[str, float] = field(default_factory=dict)  #: read, gate, load
    missing: tuple[str, ...] = ()  #: partitions asked for that have no files: neither loaded nor recorded
    unread: tuple[UnreadFile, ...] = ()  #: files of the table that belong to no partition, or were read once

    @property
    def kept(self) -> int:
        """Rows kept, all partitions."""
        return int(self.rows["kept"].sum())

    @property
    def quarantined(self) -> int:
        """Rows quarantined, all partitions."""
        return int(self.rows["quarantined"].sum())


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
        data_docs: folder for Great Expectations' Data Docs.

    Raises:
        BatchRejected: a batch rule is broken; nothing was written.
        FileRejected: a file cannot be taken; nothing was written.
        ValueError: a limit in `source.json` is none of the gate's.
    """
    landing = landing or home.landing
    description = description or reading.describe(landing)
    settings = settings or judging.gate_settings(description, landing)
    warnings = []
    if partitions is None:
        standing = standing_of(home, table, landing=landing, description=description)
        partitions = standing.pending
        warnings += _gone(table, standing.gone)
    clock = [time.perf_counter()]
    landed = reading.read(landing, description, table, partitions)
    missing = tuple(partition for partition, files in landed.files.items() if not files)
    landed = replace(landed, files={key: files for key, files in landed.files.items() if files})
    if missing:
        warnings += _gone(table, _loaded_before(home, table, missing))
    clock.append(time.perf_counter())
    report = IngestReport(
        table, _counts(landed, None), {}, pd.DataFrame(), {}, (), missing=missing, unread=landed.unread
    )
    if landed.files:
        question = Question(description, table, tuple(landed.files), settings, now_ms)
        judged: list[float] = []

        def accept(judgement: Judgement) -> None:
            nonlocal report
            judged.append(time.perf_counter())
            report = _reported(report, landed, judgement.result)
            if judgement.result.batch_failures and not force:
                raise BatchRejected(report)

        def write(warehouse: Warehouse, judgement: Judgement) -> None:
            result = judgement.result
            quarantined = _with_files(result.quarantined, landed.frame)
            warehouse.load(table, _records(landed, result), result.passed, quarantined, description=description)

        judging.judge_and_write(
            home.warehouse, question, landed.frame.drop(columns="_file"), accept, write
        )
        clock.append(judged[-1])
    clock.append(time.perf_counter())
