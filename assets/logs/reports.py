"""What a load says afterwards: rows, rules, files without a partition, partitions without files, refusals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from assets.logs.judging import Judgement
    from expectations.admission import RuleVerdict
    from expectations.gate import BatchFailure, GateResult
    from warehouse.home import SourceHome
    from warehouse.landing.files import FileRejected
    from warehouse.landing.layout import UnreadFile
    from warehouse.landing.records import Landed


@dataclass(frozen=True)
class IngestReport:
    """What became of the partitions of one call."""

    table: str
    rows: pd.DataFrame  #: index partition (those with files): rows_in, kept, quarantined
    rules: dict[str, int]  #: quarantined rows by the first rule that they broke
    statistics: pd.DataFrame  #: the gate's, index partition
    failures: dict[str, tuple[BatchFailure, ...]]  #: batch rules broken; empty unless rejected or forced
    warnings: tuple[str, ...]
    seconds: Mapping[str, float] = field(default_factory=dict)  #: read, gate, load
    missing: tuple[str, ...] = ()  #: partitions asked for that have no files: neither loaded nor recorded
    unread: tuple[UnreadFile, ...] = ()  #: files of the table that are not read: of no partition, or a copy
    verdicts: Mapping[str, tuple[RuleVerdict, ...]] = field(default_factory=dict)  #: partition → batch rules
    data_docs: Path | None = None  #: Great Expectations' page of this call, where it was asked for

    @property
    def kept(self) -> int:
        """Rows kept, all partitions."""
        return int(self.rows["kept"].sum())

    @property
    def quarantined(self) -> int:
        """Rows quarantined, all partitions."""
        return int(self.rows["quarantined"].sum())


class BatchRejected(RuntimeError):
    """A batch rule stopped partitions, or files could not be taken: nothing of these was written.

    `reports` has one a table and call, `report` is the first; `files` are those that could not be taken.
    """

    def __init__(self, *reports: IngestReport, files: Sequence[FileRejected] = ()) -> None:
        self.reports, self.files = reports, tuple(files)
        self.failures = [f for report in reports for broken in report.failures.values() for f in broken]
        super().__init__("\n".join([*(_refusal(report) for report in reports), *map(str, files)]))

    @property
    def report(self) -> IngestReport:
        """What became of the partitions of the first call."""
        return self.reports[0]


def _refusal(report: IngestReport) -> str:
    failures = [failure for broken in report.failures.values() for failure in broken]
    messages = "; ".join(failure.message.rstrip(". ") for failure in failures[:3])
    more = f" (and {len(failures) - 3} more)" if len(failures) > 3 else ""
    return (
        f"{report.table}: {len(report.failures)} of {len(report.rows)} partitions break a batch rule, "
        f"nothing was written: {messages}{more}. Mend the logs and ingest again, or overrule with force"
    )


def report_of(
    landed: Landed, result: GateResult | None, missing: Sequence[str], warnings: Sequence[str]
) -> IngestReport:
    """The report of rows that were read and judged; `result` is None where no partition has files."""
    rows = pd.DataFrame({"rows_in": pd.Series(landed.rows(), dtype="int64")})
    for name in ("kept", "quarantined"):
        rows[name] = 0
    rows.index.name = "partition"
    if result is None:
        return IngestReport(
            landed.table,
            rows,
            {},
            rows[[]],
            {},
            tuple(warnings),
            missing=tuple(missing),
            unread=landed.unread,
        )
    columns = {"kept": result.passed["_partition"], "quarantined": result.quarantined["partition"]}
    for name, column in columns.items():
        rows[name] = column.value_counts().reindex(rows.index, fill_value=0).astype("int64")
    return IngestReport(
        table=landed.table,
        rows=rows,
        rules={str(rule): int(rows) for rule, rows in result.quarantined["rule"].value_counts().items()},
        statistics=result.statistics,
        failures=dict(result.batch_failures),
        warnings=(*warnings, *result.warnings),
        missing=tuple(missing),
        unread=landed.unread,
        verdicts=result.verdicts,
    )


def docs_folder(home: SourceHome) -> Path:
    """Where the Data Docs of a source's loads lie: `<table>/index.html`, of the last load of each table."""
    return home.reports / "data_docs"


def with_data_docs(report: IngestReport, judgement: Judgement, folder: Path | None) -> IngestReport:
    """The report with the page of Data Docs that it was judged by; one that cannot be made is a warning."""
    from expectations.data_docs import render

    if folder is None:
        return report
    try:
        return replace(report, data_docs=render(folder, report.table, judgement.result))
    except Exception as error:  # a page for people must never cost a load
        text = f"{report.table}: no Data Docs in {folder}: {type(error).__name__}: {error}"
        return replace(report, warnings=(*report.warnings, text))
