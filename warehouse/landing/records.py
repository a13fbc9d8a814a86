"""What was read, and the record of what was loaded: partitions, their files, and how many rows they had."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from warehouse.landing.column_kinds import LeftOut
from warehouse.landing.walking import UnreadFile


@dataclass(frozen=True)
class SourceFile:
    """One file that a partition was read from: path relative to the landing folder, bytes, SHA-256."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True)
class PartitionLoad:
    """The record of one partition: where it begins (0 for undated dimension files), its files and row count.

    `statistics` is the gate's row for the partition, handed back to it as history; `columns` are the chosen
    columns with which the files were read; `forced` says that a batch rule was overruled by a person.
    """

    partition: str
    start_ms: int
    files: tuple[SourceFile, ...]
    rows_in: int
    columns: tuple[str, ...] = ()
    statistics: Mapping[str, Any] = field(default_factory=dict)
    forced: bool = False

    @property
    def files_hash(self) -> str:
        """Hash of what was read: the files' names and contents, and the chosen columns."""
        parts = sorted((file.path, file.sha256) for file in self.files)
        return hashlib.sha256(json.dumps([parts, list(self.columns)]).encode()).hexdigest()


@dataclass(frozen=True)
class Landed:
    """Raw rows of some partitions of a table.

    `frame` has the contract's columns that the files have, values as they lie there, and `_partition`, `_row`
    (position in the partition, files by name) and `_file` (path relative to the landing folder). `files` has
    an entry for every partition asked for, empty where nothing landed. `unread` names every file under the
    table's folder that is not read: those of no partition, and second copies in a partition. `left_out` has
    the columns of the files that the contract does not know.
    """

    table: str
    frame: pd.DataFrame
    files: dict[str, tuple[SourceFile, ...]]
    starts: dict[str, int]
    columns: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    unread: tuple[UnreadFile, ...] = ()
    left_out: tuple[LeftOut, ...] = ()

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
