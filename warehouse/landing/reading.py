"""Reading a landing folder: raw rows of many partitions in one frame, with partition, row and file."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from warehouse.landing import layout
from warehouse.landing.contract import PartitionKind, TableContract
from warehouse.landing.description import FILE_NAME, SourceDescription
from warehouse.landing.files import read_file, record_of
from warehouse.landing.inference import infer
from warehouse.landing.instants import epoch_ms
from warehouse.landing.records import PartitionLoad, SourceFile
from warehouse.landing.service_time import HOUR_MS, ServiceZone
from warehouse.landing.walking import UnreadFile

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Landed:
    """Raw rows of some partitions of a table.

    `frame` has the contract's columns that the files have, values as they lie there, and `_partition`, `_row`
    (position in the partition, files by name) and `_file` (path relative to the landing folder). `files` has
    an entry for every partition asked for, empty where nothing landed. `unread` names every file under the
    table's folder that is not read: those of no partition, and second copies within a partition.
    """

    table: str
    frame: pd.DataFrame
    files: dict[str, tuple[SourceFile, ...]]
    starts: dict[str, int]
    columns: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    unread: tuple[UnreadFile, ...] = ()

    def rows(self) -> dict[str, int]:
        """Rows of each partition."""
        counts = self.frame["_partition"].value_counts()
        return {partition: int(counts.get(partition, 0)) for partition in self.files}

    def records(self) -> list[PartitionLoad]:
        """A load record a partition, without statistics."""
        rows = self.rows()
        return [
            PartitionLoad(partition, self.starts[partition], files, rows[partition], self.columns)
            for partition, files in self.files.items()
        ]


def describe(landing: Path) -> SourceDescription:
    """What `source.json` says; without one, what the files show (see `warehouse.landing.inference`)."""
    return SourceDescription.load(landing) if (landing / FILE_NAME).exists() else infer(landing)


def read(
    landing: Path, description: SourceDescription, table: str, partitions: Sequence[str] | None = None
) -> Landed:
    """Raw rows of `partitions` (default: all that have files).

    A folder `date=…/` with files of its own holds a whole day: its rows go to the hour of their time, those
    without a readable time of that day to the first hour, where the gate finds them. Raises FileRejected (see
    `warehouse.landing.files`) and FileNotFoundError for a dimension file that is not there.
    """
    contract = description.contract(table)
    listed = layout.listing(landing, contract, description.service_zone)
    keys = list(listed.files) if partitions is None else list(dict.fromkeys(partitions))
    reader = _Reader(landing, contract, description.service_zone, keys, listed)
    partitions_of: dict[Path, list[str]] = {}
    for partition in keys:
        for path in listed.files.get(partition) or _absent(landing, contract, partition):
            partitions_of.setdefault(path, []).append(partition)
    for path, holders in partitions_of.items():
        reader.take(path, holders)
    return reader.landed(description.chosen(table))


def _absent(landing: Path, contract: TableContract, partition: str) -> list[Path]:
    """No files, for a partition of time; a dimension file that was asked for by name must be there."""
    if contract.partition is not PartitionKind.FILE:
        return []
    path = landing / contract.name / partition
    raise FileNotFoundError(f"{path} is not there: {contract.name} has no such file that can be read")


class _Reader:
    """Collects the files of one call, then joins them column by column."""

    def __init__(
        self,
        landing: Path,
        contract: TableContract,
        zone: ServiceZone,
        partitions: Sequence[str],
        listed: layout.TableListing,
    ) -> None:
        self.landing, self.contract, self.zone, self.listed = landing, contract, zone, listed
        self.partitions = list(partitions)
        self.number = {partition: index for index, partition in enumerate(partitions)}
        self.files: dict[str, list[SourceFile]] = {partition: [] for partition in partitions}
        self.tables: list[pa.Table] = []
        self.positions: list[np.ndarray] = []  #: of each table's rows: position of the partition
        self.names: list[str] = []  #: path of each table
        self.extra: dict[str, str] = {}
        self.seen: dict[tuple[str, str], str] = {}  #: partition and hash of each file → its path
        self.copies: list[UnreadFile] = []

    def take(self, path: Path, partitions: Sequence[str]) -> None:
        """One file; of one that holds a whole day of hours, the rows of these partitions alone.

        A second file of the same bytes is recorded, so that the partition counts as loaded with it, and not
        read.
        """
        table, record = self._read(path)
        for partition in partitions:
            self.files[partition].append(record)
        fresh = [partition for partition in partitions if self._is_new(partition, record)]
        if not fresh:
            first = self.seen[partitions[0], record.sha256]
            why = f"has the same bytes as {first}, which is read once: remove one of them"
            self.copies += [UnreadFile(path, why)] if len(table) else []
            return
        day = self.listed.whole_days.get(path)
        if day is None:
            self._add(table, np.full(len(table), self.number[fresh[0]]), record.path)
            return
        numbers = np.array([self.number[key] if key in fresh else -1 for key in layout.hours_of(day)])
        hour = (epoch_ms(table[self.contract.partition_time]) - self.zone.day_start_ms(day)) // HOUR_MS
        positions = numbers[np.where((hour >= 0) & (hour < 24), hour, 0)]
        inside = positions >= 0
        self._add(table.filter(pa.array(inside)), positions[inside], record.path)

    def _is_new(self, partition: str, record: SourceFile) -> bool:
        """Whether a partition has no file of these bytes yet; remembers it."""
        return self.seen.setdefault((partition, record.sha256), record.path) == record.path

    def landed(self, fields: tuple[str, ...]) -> Landed:
        """Everything taken, as one frame sorted by partition, then by file and row in the file."""
        warnings = self._warnings()
        for text in warnings:
            log.warning(text)
        position = np.concatenate([np.empty(0, np.int64), *self.positions])
        order = np.argsort(position, kind="stable")
        position = position[order]
        columns = {name: _joined([(t, name) for t in self.tables], order) for name in self._column_names()}
        sizes = [len(table) for table in self.tables]
        file = np.repeat(np.arange(len(sizes)), sizes)[order]
        columns["_partition"] = pd.Series(pd.Categorical.from_codes(position, self.partitions)).astype("str")
        columns["_row"] = pd.Series(np.arange(len(position)) - np.searchsorted(position, position))
        columns["_file"] = pd.Series(np.array([*self.names, ""], dtype=object)[file], dtype="str")
        return Landed(
            table=self.contract.name,
            frame=pd.DataFrame(columns),
            files={partition: tuple(files) for partition, files in self.files.items()},
            starts={p: layout.start_ms(self.contract, self.zone, p) for p in self.partitions},
            columns=fields,
            warnings=tuple(warnings),
            unread=tuple(sorted([*self.listed.unread, *self.copies], key=lambda file: file.path)),
        )

    def _column_names(self) -> list[str]:
        names = dict.fromkeys(name for table in self.tables for name in table.column_names)
        return list(names) or [column.name for column in self.contract.columns]

    def _read(self, path: Path) -> tuple[pa.Table, SourceFile]:
        table, record, extra = read_file(path, self.contract, self._relative(path))
        for name in extra:
            self.extra.setdefault(name, record.path)
        return table, record

    def _add(self, table: pa.Table, positions: np.ndarray, name: str) -> None:
        self.tables.append(table)
        self.positions.append(positions)
        self.names.append(name)

    def _warnings(self) -> list[str]:
        warnings = []
        if self.extra:
            names = ", ".join(sorted(self.extra))
            example = next(iter(self.extra.values()))
            warnings.append(
                f"{self.contract.name}: columns not in the contract were kept out: {names} ({example})"
            )
        if self.listed.unread:
            first = self.listed.unread[0]
            warnings.append(
                f"{self.contract.name}: {len(self.listed.unread)} files are not read, such as "
                f"{self._relative(first.path)}: {first.why}"
            )
        warnings += [f"{self.contract.name}: {self._relative(copy.path)} {copy.why}" for copy in self.copies]
        return warnings

    def _relative(self, path: Path) -> str:
        return path.relative_to(self.landing).as_posix()


def _joined(parts: Sequence[tuple[pa.Table, str]], order: np.ndarray) -> pd.Series:
    """A column over all tables in `order`: Arrow-backed where its files agree on the type, else objects."""
    chunks = [
        table[name] if name in table.column_names else pa.chunked_array([pa.nulls(len(table))])
        for table, name in parts
    ]
    types = {chunk.type for chunk in chunks if not pa.types.is_null(chunk.type)}
    if len(types) > 1:
        values = np.concatenate([chunk.to_pandas().astype(object).to_numpy() for chunk in chunks])
        return pd.Series(values[order], dtype=object)
    kind = types.pop() if types else pa.string()
    arrays = [array for chunk in chunks for array in chunk.cast(kind).chunks]
    column = pa.chunked_array(arrays, type=kind)
    if len(order) and (np.diff(order) != 1).any():
        column = column.take(pa.array(order))
    return pd.Series(column.to_pandas(types_mapper=pd.ArrowDtype))


def fingerprints(
    landing: Path, description: SourceDescription, table: str, only: Collection[str] | None = None
) -> dict[str, str]:
    """Every landed partition (of `only`) → `PartitionLoad.files_hash` of its files; nothing is parsed."""
    contract = description.contract(table)
    hashes = {}
    records: dict[Path, SourceFile] = {}
    for partition, paths in layout.listing(landing, contract, description.service_zone).files.items():
        if only is not None and partition not in only:
            continue
        for path in paths:
            if path not in records:
                records[path] = record_of(path.read_bytes(), path.relative_to(landing).as_posix())
        files = tuple(records[path] for path in paths)
        hashes[partition] = PartitionLoad(partition, 0, files, 0, description.chosen(table)).files_hash
    return hashes
