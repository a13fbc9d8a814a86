"""Gathers the rows of landed files and joins them, column by column, into one frame."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from warehouse.landing import layout
from warehouse.landing.column_kinds import LeftOut
from warehouse.landing.contract import TableContract
from warehouse.landing.files import read_file, record_of
from warehouse.landing.formats import contents
from warehouse.landing.inference import left_out_of
from warehouse.landing.instants import epoch_ms
from warehouse.landing.records import Landed, SourceFile
from warehouse.landing.service_time import HOUR_MS, ServiceZone
from warehouse.landing.snapshots import SetAside, refuse_shared_ids, snapshots
from warehouse.landing.walking import UnreadFile

log = logging.getLogger(__name__)


class Gathering:
    """The files of one call of `reading.read`."""

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
        self.extra: dict[str, tuple[Path, str]] = {}
        self.renamed: dict[tuple[str, str], str] = {}
        self.seen: dict[tuple[str, str], str] = {}  #: partition and hash of each file → its path
        self.aside: dict[Path, SetAside] = {}
        self.copies: list[UnreadFile] = []
        self.notes: list[str] = []

    def look_at_undated(self) -> None:
        """Of dimension files that name no date: which are set aside; FileRejected where two share an id."""
        files = snapshots(self.contract, self.zone, self.listed)
        asked = {path for partition in self.partitions for path in self.listed.files.get(partition, ())}
        self.aside = files.aside
        if not asked.intersection(files.undated):
            return
        refuse_shared_ids(self.contract, files.undated)
        if files.dated:
            names = ", ".join(self._relative(path) for path in files.undated[:3])
            self.notes.append(
                f"{self.contract.name}: {names} beside dated files names no date: its rows are taken as "
                "true from the beginning, also for days before it was written"
            )

    def take(self, path: Path, partitions: Sequence[str]) -> None:
        """One file; of one that holds a whole day of hours, the rows of these partitions alone.

        A second file of the same bytes is recorded, so that the partition counts as loaded with it, and not
        read.
        """
        rows = read_file(path, self.contract, self._relative(path))
        table, record = rows.columns, rows.record
        for name in rows.extra:
            self.extra.setdefault(name, (path, record.path))
        for header, name in rows.renamed.items():
            self.renamed.setdefault((header, name), record.path)
        other = self.aside.get(path)
        # With the file that it gives way to: once that one changes, this one is looked at again.
        records = [record, self._record(other.other)] if other else [record]
        for partition in partitions:
            self.files[partition].extend(records)
        if other:
            self._leave(path, table, self._relative(other.other), other.same_bytes)
            return
        fresh = [partition for partition in partitions if self._is_new(partition, record)]
        if not fresh:
            self._leave(path, table, self.seen[partitions[0], record.sha256], same_bytes=True)
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

    def _leave(self, path: Path, table: pa.Table, other: str, same_bytes: bool) -> None:
        """Name a file whose rows are not read, if it has any."""
        why = f"has the same bytes as {other}, which is read once: remove one of them"
        if not same_bytes:
            why = (
                f"calls itself the latest and lies beside files with dates, such as {other}: write the date "
                "from which its rows are true into its name"
            )
        self.copies += [UnreadFile(path, why)] if len(table) else []

    def _is_new(self, partition: str, record: SourceFile) -> bool:
        """Whether a partition has no file of these bytes yet; remembers it."""
        return self.seen.setdefault((partition, record.sha256), record.path) == record.path

    def _record(self, path: Path) -> SourceFile:
        return record_of(contents(path), self._relative(path))

    def landed(self, fields: tuple[str, ...]) -> Landed:
        """Everything taken, as one frame sorted by partition, then by file and row in the file."""
        left_out = self._left_out()
        warnings = self._warnings(left_out)
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
            left_out=left_out,
            unread=tuple(sorted([*self.listed.unread, *self.copies], key=lambda file: file.path)),
        )

    def _column_names(self) -> list[str]:
        names = dict.fromkeys(name for table in self.tables for name in table.column_names)
        return list(names) or [column.name for column in self.contract.columns]

    def _add(self, table: pa.Table, positions: np.ndarray, name: str) -> None:
        self.tables.append(table)
        self.positions.append(positions)
        self.names.append(name)

    def _left_out(self) -> tuple[LeftOut, ...]:
        """Columns that the contract does not know, each with the reason that the first file with it shows."""
        judged: dict[Path, dict[str, LeftOut]] = {}
        result = []
        for name, (path, _) in sorted(self.extra.items()):
            if path not in judged:
                judged[path] = {column.column: column for column in left_out_of(path, self.contract)}
            unknown = LeftOut(self.contract.name, name, "is none of the contract")
            result.append(judged[path].get(name.strip(), unknown))
        return tuple(result)

    def _warnings(self, left_out: tuple[LeftOut, ...]) -> list[str]:
        warnings = list(self.notes)
        if left_out:
            names = ", ".join(f"{column.column} ({column.why})" for column in left_out)
            _, example = next(iter(self.extra.values()))
            warnings.append(
                f"{self.contract.name}: columns are left out: {names}; see {example} and source.json"
            )
        if self.renamed:
            names = ", ".join(f"{header!r} as {name!r}" for header, name in self.renamed)
            example = next(iter(self.renamed.values()))
            warnings.append(f"{self.contract.name}: columns are read under other names: {names} ({example})")
        if self.listed.unread:
            first, count = self.listed.unread[0], len(self.listed.unread)
            what = "one file is not read:" if count == 1 else f"{count:,} files are not read, such as"
            warnings.append(f"{self.contract.name}: {what} {self._relative(first.path)}: {first.why}")
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
        values = np.concatenate([_objects(chunk) for chunk in chunks])
        return pd.Series(values[order], dtype=object)
    kind = types.pop() if types else pa.string()
    arrays = [array for chunk in chunks for array in chunk.cast(kind).chunks]
    column = pa.chunked_array(arrays, type=kind)
    if len(order) and (np.diff(order) != 1).any():
        column = column.take(pa.array(order))
    return pd.Series(column.to_pandas(types_mapper=pd.ArrowDtype))


def _objects(chunk: pa.ChunkedArray) -> np.ndarray:
    """Values as Python objects, None where missing: whole numbers beside a gap never become floats."""
    values = chunk.to_pandas(types_mapper=pd.ArrowDtype).astype(object)
    return values.where(values.notna(), None).to_numpy()
