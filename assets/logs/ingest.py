"""From landing folder to warehouse: read, gate, load. Assets, the command line and tests all come here."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from warehouse.home import SourceHome
from warehouse.landing import layout, reading
from warehouse.landing.contract import PROFILING_TABLES, TableContract, table_contract
from warehouse.landing.description import SourceDescription
from warehouse.landing.records import PartitionLoad
from warehouse.store.warehouse import Warehouse

if TYPE_CHECKING:
    from expectations.admission import RuleVerdict
    from expectations.gate import BatchFailure, GateContext, GateResult, Lookup
    from expectations.settings import GateSettings
    from warehouse.landing.layout import UnreadFile


class BatchRejected(RuntimeError):
    """A batch rule stopped partitions; nothing of this call was written and the state before is intact."""

    def __init__(self, report: IngestReport) -> None:
        self.report = report
        self.failures = [failure for broken in report.failures.values() for failure in broken]
        messages = "; ".join(failure.message for failure in self.failures[:3])
        more = f" (and {len(self.failures) - 3} more)" if len(self.failures) > 3 else ""
        super().__init__(
            f"{report.table}: {len(report.failures)} of {len(report.rows)} partitions break a batch rule, "
            f"nothing was written: {messages}{more}. Mend the logs and ingest again, or overrule with force"
        )


@dataclass(frozen=True)
class IngestReport:
    """What became of the partitions of one call."""

    table: str
    rows: pd.DataFrame  #: index partition: rows_in, kept, quarantined
    rules: dict[str, int]  #: quarantined rows by the first rule that they broke
    statistics: pd.DataFrame  #: the gate's, index partition
    failures: dict[str, tuple[BatchFailure, ...]]  #: batch rules broken; empty unless rejected or forced
    warnings: tuple[str, ...]
    seconds: dict[str, float] = field(default_factory=dict)  #: read, gate, load
    verdicts: Mapping[str, tuple[RuleVerdict, ...]] = field(default_factory=dict)  #: partition → by rule
    unread: tuple[UnreadFile, ...] = ()
    data_docs: Path | None = None

    @property
    def kept(self) -> int:
        """Rows kept, all partitions."""
        return int(self.rows["kept"].sum())

    @property
    def quarantined(self) -> int:
        """Rows quarantined, all partitions."""
        return int(self.rows["quarantined"].sum())


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

    Args:
        home, table: the source's folders, and the table's name in the landing contract.
        partitions: default: those that are not loaded as they are now. One without files is loaded as empty.
        landing, description: default: the folder inside home, and what it says.
        settings, now_ms: limits of the gate, and its clock; default: now.
        force: load even though batch rules are broken; recorded with the batch.
        data_docs: folder for Great Expectations' Data Docs.

    Raises:
        BatchRejected: a batch rule is broken; nothing was written.
        FileRejected: a file cannot be taken; nothing was written.
    """
    from expectations.gate import gate

    landing = landing or home.landing
    description = description or reading.describe(landing)
    if partitions is None:
        partitions = pending(home, table, landing=landing, description=description)
    clock = [time.perf_counter()]
    landed = reading.read(landing, description, table, partitions)
    clock.append(time.perf_counter())
    with Warehouse(home.warehouse) as warehouse:
        warehouse.configure(description)
        context = gate_context(
            warehouse, description, table, list(landed.files), settings, now_ms, data_docs=data_docs
        )
        result = gate(table, landed.frame.drop(columns="_file"), context)
        clock.append(time.perf_counter())
        report = _report(landed, result)
        if result.batch_failures and not force:
            raise BatchRejected(report)
        quarantined = _with_files(result.quarantined, landed.frame)
        warehouse.load(table, _records(landed, result), result.passed, quarantined)
    clock.append(time.perf_counter())
    seconds = (end - start for start, end in pairwise(clock))
    return replace(report, seconds=dict(zip(("read", "gate", "load"), seconds, strict=True)))


def pending(
    home: SourceHome,
    table: str,
    *,
    landing: Path | None = None,
    description: SourceDescription | None = None,
    only: Collection[str] | None = None,
) -> list[str]:
    """Landed partitions (of `only`) that are not loaded, or were loaded from other files or columns."""
    landing = landing or home.landing
    description = description or reading.describe(landing)
    present = reading.fingerprints(landing, description, table, only)
    if not home.warehouse.exists():
        return list(present)
    with Warehouse(home.warehouse, read_only=True) as warehouse:
        loaded = warehouse.loaded(table)
    stored = dict(zip(loaded["partition"], loaded["files_hash"], strict=True))
    return [partition for partition, digest in present.items() if stored.get(partition) != digest]


def gate_context(
    warehouse: Warehouse,
    description: SourceDescription,
    table: str,
    partitions: Sequence[str],
    settings: GateSettings | None = None,
    now_ms: int | None = None,
    *,
    data_docs: Path | None = None,
    replay: bool = False,
) -> GateContext:
    """What the gate must know to judge these partitions.

    In a `replay` the rows are judged beside those that their own partitions hold already.
    """
    from expectations.gate import ColumnSpec, GateContext
    from expectations.settings import GateSettings

    contract = description.contract(table)
    zone = description.service_zone
    columns = {
        column.name: ColumnSpec(kind=column.type.value, required=column.required)
        for column in contract.columns
    }
    replaced = [] if replay else partitions
    return GateContext(
        columns=columns,
        partitions={partition: layout.bounds(contract, zone, partition) for partition in partitions},
        now_ms=int(time.time() * 1000) if now_ms is None else now_ms,
        known=_known(warehouse, contract),
        existing_ids=lambda ids: warehouse.existing_exposure_ids(ids, replaced) if len(ids) else set(),
        purchased=lambda purchases: warehouse.first_purchases(purchases, replaced),
        domains=description.domains,
        history=warehouse.history(table, except_partitions=partitions),
        settings=settings or GateSettings(),
        data_docs=data_docs,
    )


def _known(warehouse: Warehouse, contract: TableContract) -> dict[str, Lookup]:
    """Ids with a dimension row, for the tables that refer to users and items.

    The profiler's tables admit any account: purchases come from shops that send no users.
    """
    if contract.name in ("users", "items", *PROFILING_TABLES):
        return {}
    refers = {"users": "user_id", "items": "item_id"}
    return {table: warehouse.known_ids(table) for table, key in refers.items() if contract.column(key)}  # type: ignore[arg-type]


def _records(landed: reading.Landed, result: GateResult) -> list[PartitionLoad]:
    """The record of each partition with what the gate says of it."""
    return [
        replace(
            record,
            statistics=result.statistics.loc[record.partition].to_dict(),
            forced=record.partition in result.batch_failures,
        )
        for record in landed.records()
    ]


def _report(landed: reading.Landed, result: GateResult) -> IngestReport:
    counts = pd.DataFrame({"rows_in": landed.rows()})
    columns = {"kept": result.passed["_partition"], "quarantined": result.quarantined["partition"]}
    for name, column in columns.items():
        counts[name] = column.value_counts().reindex(counts.index, fill_value=0).astype("int64")
    counts.index.name = "partition"
    return IngestReport(
        table=table_contract(landed.table).name,
        rows=counts,
        rules={str(rule): int(rows) for rule, rows in result.quarantined["rule"].value_counts().items()},
        statistics=result.statistics,
        failures=dict(result.batch_failures),
        warnings=(*landed.warnings, *result.warnings),
        verdicts=getattr(result, "verdicts", {}),
    )


def _with_files(quarantined: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
    """Quarantined rows with the file that each came from."""
    files = frame[["_partition", "_row", "_file"]].set_axis(["partition", "row", "file"], axis=1)
    return quarantined.assign(row=quarantined["row"].astype("int64")).merge(
        files, on=["partition", "row"], how="left"
    )
