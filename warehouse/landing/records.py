"""The record of what was loaded: a partition, the files that it was read from, and how many rows they had."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


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
