"""What `assets.logs.check` says of a landing folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from assets.logs.raw_facts import IdFacts, TimeFacts
from warehouse.landing.column_kinds import LeftOut
from warehouse.landing.description import SourceDescription
from warehouse.landing.layout import UnreadFile


@dataclass(frozen=True)
class BrokenRule:
    """A row rule that rows break first: how many, and one of them."""

    rule: str
    column: str
    rows: int
    value: str | None
    file: str
    row: int
    remedy: str


@dataclass(frozen=True)
class TableCheck:
    """What a load of one table would do; `refused`: a sentence for each file and batch that it refuses."""

    table: str
    files: int
    partitions: tuple[str, ...]
    missing: tuple[str, ...]  #: hours or days between the first and the last that have no files
    rows: int
    passed: int
    stopped: int  #: sound rows of partitions that a batch rule stops; the others are quarantined
    chosen: tuple[str, ...]
    left_out: tuple[LeftOut, ...]
    unread: tuple[UnreadFile, ...]  #: of no partition
    copies: tuple[UnreadFile, ...]  #: the same bytes as another file
    passed_over: int
    ids: tuple[IdFacts, ...]
    times: tuple[TimeFacts, ...]
    rules: tuple[BrokenRule, ...]
    refused: tuple[str, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class FolderCheck:
    """What a load of a landing folder would do. `described`: by `source.json`, else by its files."""

    landing: Path
    description: SourceDescription
    described: bool
    tables: tuple[TableCheck, ...]
    strangers: tuple[UnreadFile, ...]  #: at the top of the folder, no tables

    @property
    def refused(self) -> tuple[str, ...]:
        """What would not be loaded, a sentence each: batches, and files that are refused or not read."""
        unread = [*self.strangers, *(file for table in self.tables for file in table.unread)]
        named = [f"{file.path.relative_to(self.landing)} is not read: {file.why}" for file in unread]
        return (*(text for table in self.tables for text in table.refused), *named)
