"""What a load of a landing folder would say, without a warehouse and without writing anything.

The folder is read and judged as `ingest` does it, table by table in the order of a load, some days at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from assets.logs import judging
from assets.logs.checked import BrokenRule, FolderCheck, TableCheck
from assets.logs.folder_memory import FolderMemory
from assets.logs.judging import Question
from assets.logs.portions import portions
from assets.logs.raw_facts import IdFacts, TimeFacts
from warehouse.landing import layout, reading
from warehouse.landing.column_kinds import LeftOut
from warehouse.landing.contract import TABLES, ColumnType, PartitionKind, TableContract
from warehouse.landing.description import FILE_NAME, SourceDescription
from warehouse.landing.files import FileRejected
from warehouse.landing.inference import inferred
from warehouse.landing.layout import TableListing, UnreadFile

if TYPE_CHECKING:
    from expectations.gate import GateResult
    from expectations.settings import GateSettings
    from models.progress import Progress

#: partitions that are read and judged together, which bounds memory: a day of hours, a month of days
AT_ONCE = {PartitionKind.HOUR: 24, PartitionKind.FILE: 24, PartitionKind.DAY: 31}


def check(
    landing: Path,
    *,
    settings: GateSettings | None = None,
    now_ms: int | None = None,
    progress: Progress | None = None,
) -> FolderCheck:
    """Read and judge a landing folder, and write nothing.

    Args:
        landing: the folder.
        settings, now_ms: limits of the gate, and its clock; default: those of the description, and now.
        progress: called with (stage, partitions done, partitions in all).

    Raises:
        FileNotFoundError: it is no folder, or no file has a day.
        FileRejected: there is no `source.json`, and a table's first file cannot be read.
        ValueError: `source.json` does not describe a source.
    """
    if not landing.is_dir():
        raise FileNotFoundError(
            f"{landing} is not a folder: name the one that holds exposures/, purchases/ …"
        )
    described = (landing / FILE_NAME).exists()
    description = SourceDescription.load(landing) if described else inferred(landing).description
    settings = settings or judging.gate_settings(description, landing)
    memory, tables = FolderMemory(), []
    for name in TABLES:
        if (landing / name).is_dir():
            checked = _CheckedTable(landing, description, name, memory, settings, now_ms)
            checked.run(progress)
            tables.append(checked.outcome())
    strangers = tuple(layout.unread_tables(landing))
    return FolderCheck(landing, description, described, tuple(tables), strangers)


@dataclass
class _CheckedTable:
    """Gathers what is seen of one table."""

    landing: Path
    description: SourceDescription
    table: str
    memory: FolderMemory
    settings: GateSettings
    now_ms: int | None
    rows: int = 0
    passed: int = 0
    stopped: int = 0
    rules: dict[tuple[str, str], BrokenRule] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    warnings: dict[str, None] = field(default_factory=dict)
    copies: dict[Path, UnreadFile] = field(default_factory=dict)
    left_out: dict[str, LeftOut] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.contract: TableContract = self.description.contract(self.table)
        self.listed: TableListing = layout.listing(self.landing, self.contract, self.description.service_zone)
        columns = self.contract.columns
        self.ids = {c.name: IdFacts(c.name) for c in columns if c.type is ColumnType.ID}
        self.times = {c.name: TimeFacts(c.name) for c in columns if c.type is ColumnType.TIME}

    def run(self, progress: Progress | None) -> None:
        """Read and judge all partitions, some at a time."""
        keys = list(self.listed.files)
        if self.contract.partition is PartitionKind.FILE:  # a load takes them as they become valid
            zone = self.description.service_zone
            keys.sort(key=lambda key: layout.start_ms(self.contract, zone, key))
        done = 0
        for portion in portions(keys, self.listed.files, AT_ONCE[self.contract.partition]):
            for landed in self._read(portion):
                self._judge(landed)
            done += len(portion)
            if progress:
                progress(f"check {self.table}", done, len(keys))

    def _read(self, keys: list[str]) -> Iterator[reading.Landed]:
        """The rows of these partitions, without those whose files are refused."""
        while keys:
            try:
                yield reading.read(self.landing, self.description, self.table, keys)
                return
            except FileRejected as rejected:
                self.refused.append(str(rejected))
                sound = [key for key in keys if rejected.path not in self.listed.files[key]]
                keys = sound if len(sound) < len(keys) else []

    def _judge(self, landed: reading.Landed) -> None:
        for name, ids in self.ids.items():
            if name in landed.frame:
                ids.add(landed.frame[name])
        for name, times in self.times.items():
            if name in landed.frame:
                times.add(landed.frame[name])
        question = Question(self.description, self.table, tuple(landed.files), self.settings, self.now_ms)
        result = judging.judge(question, landed.frame, self.memory.opened).result
        self._count(result)
        unread = set(self.listed.unread)
        self.copies |= {file.path: file for file in landed.unread if file not in unread}
        self.left_out = {column.column: column for column in landed.left_out} | self.left_out
        # What is named one by one elsewhere.
        listed = (
            "files are not read, such as",
            "one file is not read:",
            "has the same bytes as",
            "columns are left out",
        )
        texts = [text for text in landed.warnings if not any(words in text for words in listed)]
        self.warnings |= dict.fromkeys((*texts, *result.warnings))
        sound = result.statistics[~result.statistics.index.isin(list(result.batch_failures))]
        self.memory.remember(self.table, result.passed, sound)

    def _count(self, result: GateResult) -> None:
        """Add the rows, the rules and the refusals of one call."""
        stopped = result.passed["_partition"].isin(list(result.batch_failures)).to_numpy(bool)
        self.rows += len(result.passed) + len(result.quarantined)
        self.stopped += int(stopped.sum())
        self.passed += int((~stopped).sum())
        self.refused += [failure.message for broken in result.batch_failures.values() for failure in broken]
        for (rule, column), rows in result.quarantined.groupby(["rule", "column"], sort=False):
            one = rows.iloc[0]
            broken = BrokenRule(
                rule=str(rule),
                column=str(column),
                rows=len(rows),
                value=None if pd.isna(one["value"]) else str(one["value"]),
                file=str(one["file"]),
                row=int(one["row"]),
                remedy=str(one["remedy"]),
            )
            former = self.rules.get((broken.rule, broken.column))
            self.rules[broken.rule, broken.column] = (
                replace(former, rows=former.rows + broken.rows) if former else broken
            )

    def outcome(self) -> TableCheck:
        """What was seen."""
        keys = sorted(self.listed.files)
        return TableCheck(
            table=self.table,
            files=len({path for paths in self.listed.files.values() for path in paths}),
            partitions=tuple(keys),
            missing=_missing(self.contract, self.description, keys),
            rows=self.rows,
            passed=self.passed,
            stopped=self.stopped,
            chosen=self.description.chosen(self.table),
            left_out=tuple(self.left_out.values()),
            unread=tuple(self.listed.unread),
            copies=tuple(self.copies.values()),
            passed_over=self.listed.passed_over,
            ids=tuple(self.ids.values()),
            times=tuple(self.times.values()),
            rules=tuple(sorted(self.rules.values(), key=lambda rule: -rule.rows)),
            refused=tuple(self.refused),
            warnings=tuple(self.warnings),
        )


def _missing(contract: TableContract, description: SourceDescription, keys: Sequence[str]) -> tuple[str, ...]:
    """Hours or days between the first and the last of `keys` that are not among them."""
    if contract.partition is PartitionKind.FILE or not keys:
        return ()
    zone = description.service_zone
    if contract.partition is PartitionKind.DAY:
        return tuple(sorted(set(zone.days_between(keys[0], keys[-1])) - set(keys)))
    hours = zone.hours_between(zone.hour_start_ms(keys[0]), zone.hour_start_ms(keys[-1]))
    return tuple(sorted(set(hours) - set(keys)))
