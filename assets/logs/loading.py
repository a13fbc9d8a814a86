"""Gate and load the partitions of one run: each is loaded, refused, unreadable or missing, by itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from assets.common import clock
from assets.common.resources import HomeResource
from assets.logs.closed import closed_on
from assets.logs.portions import portions
from warehouse.landing import layout
from warehouse.landing.contract import PartitionKind

if TYPE_CHECKING:
    from assets.logs.ingest import IngestReport
    from expectations.admission import BatchFailure, RuleVerdict
    from warehouse.landing.layout import TableListing, UnreadFile


@dataclass
class Loading:
    """What became of each partition that a run was asked for."""

    table: str
    asked: tuple[str, ...]
    reports: dict[str, IngestReport] = field(default_factory=dict)  #: loaded partition → report of its load
    refused: dict[str, tuple[BatchFailure, ...]] = field(default_factory=dict)  #: by a batch rule
    unreadable: dict[str, str] = field(default_factory=dict)  #: what is wrong with a file of theirs
    missing: tuple[str, ...] = ()  #: without files: neither loaded nor recorded
    closed: dict[str, str] = field(default_factory=dict)  #: those of them taken as closed → in which words
    verdicts: dict[str, tuple[RuleVerdict, ...]] = field(default_factory=dict)  #: of loaded and refused ones
    unread: dict[str, UnreadFile] = field(default_factory=dict)  #: files that nobody reads, by path
    data_docs: Path | None = None  #: Great Expectations' page of the last call

    @property
    def stopped(self) -> list[str]:
        """Partitions that have files and were not loaded, in the order of asking."""
        return [key for key in self.asked if key in self.refused or key in self.unreadable]

    def seconds(self) -> Mapping[str, float]:
        """Wall time by phase, all loads of the run."""
        total: dict[str, float] = {}
        for report in {id(report): report for report in self.reports.values()}.values():
            for phase, value in report.seconds.items():
                total[phase] = total.get(phase, 0.0) + value
        return total

    def add(self, report: IngestReport, partitions: Iterable[str]) -> None:
        """Take over what a report says of these partitions."""
        self.verdicts |= {key: report.verdicts[key] for key in partitions if key in report.verdicts}
        self.unread |= {str(file.path): file for file in report.unread}
        self.data_docs = report.data_docs or self.data_docs


def load_partitions(
    home: HomeResource, table: str, partitions: Sequence[str], *, force: bool = False
) -> Loading:
    """Gate and load partitions; those that are refused or cannot be read are left as they were.

    Args:
        home: names the deployment, whose landing folder is read.
        table: name in the landing contract.
        partitions: keys; those of hours and days without files are named as missing.
        force: load even what breaks a batch rule; recorded with the batch.
    """
    landing, description = home.deployment.landing_folder(home.home), home.description
    contract = description.contract(table)
    # Of hours only the days asked for are looked at; which days the shop was closed, all of them tell.
    days = layout.dates(partitions) if contract.partition is PartitionKind.HOUR else None
    listed = layout.listing(landing, contract, description.service_zone, days)
    present = [key for key in partitions if key in listed.files]
    missing = tuple(key for key in partitions if key not in listed.files)
    unread = {str(file.path): file for file in listed.unread}
    closed: dict[str, str] = {}
    if contract.partition is PartitionKind.DAY:
        closed = closed_on(missing, sorted(listed.files), description.closed_days)
    loading = Loading(table, tuple(partitions), missing=missing, closed=closed, unread=unread)
    for portion in portions(present, listed.files, len(present)):
        _load(home, loading, portion, listed, force)
    return loading


def _load(
    home: HomeResource, loading: Loading, partitions: Sequence[str], listed: TableListing, force: bool
) -> None:
    """Load a portion at once; what one partition spoils is tried again without it."""
    from assets.logs.ingest import BatchRejected, ingest
    from assets.logs.reports import docs_folder
    from warehouse.landing.files import FileRejected

    if not partitions:
        return
    landing = home.deployment.landing_folder(home.home)
    try:
        report = ingest(
            home.paths,
            loading.table,
            partitions,
            landing=landing,
            now_ms=clock.now_ms(),
            force=force,
            data_docs=docs_folder(home.paths),
        )
    except BatchRejected as rejected:
        refused = dict(rejected.report.failures)
        loading.refused |= refused
        loading.add(rejected.report, refused)
        # Without the refused ones the history of the others is another, so they are judged anew.
        _load(home, loading, [key for key in partitions if key not in refused], listed, force)
    except FileRejected as rejected:
        spoilt = [key for key in partitions if rejected.path in listed.files[key]]
        if not spoilt:
            raise
        loading.unreadable |= dict.fromkeys(spoilt, str(rejected))
        _load(home, loading, [key for key in partitions if key not in spoilt], listed, force)
    else:
        loading.reports |= dict.fromkeys((str(key) for key in report.rows.index), report)
        loading.add(report, partitions)
        loading.refused |= {} if force else report.failures
