"""The check `landed`: whether a partition's files have come and could be read, and what lies unread there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from assets.logs.loading import Loading
from assets.logs.verdicts import LANDED
from warehouse.landing.contract import PartitionKind, TableContract

MOST_FILES = 10  #: named on the page


@dataclass(frozen=True)
class Arrivals:
    """What one run saw of a table's files."""

    loading: Loading
    landing: Path
    contract: TableContract

    def check(self, partition: str | None = None) -> dg.AssetCheckResult:
        """The verdict on the files of a partition, or on all files of a table without partitions.

        A warning where files are missing or lie unread, an error where one cannot be read. A day on which the
        shop was closed lacks nothing.
        """
        table, unread = self.loading.table, self._unread(partition)
        keys = self.loading.asked if partition is None else (partition,)
        errors = [self.loading.unreadable[key] for key in keys if key in self.loading.unreadable]
        warnings = []
        if partition is None and not (self.landing / table).is_dir():
            warnings.append(f"the folder {self.landing / table} does not exist")
        elif partition in self.loading.missing and partition not in self.loading.closed:
            warnings.append(f"no files yet in {folder_of(self.landing, self.contract, str(partition))}")
        warnings += [f"{path} is not read: {why}" for path, why in unread.items()]
        texts = [*dict.fromkeys(errors), *warnings]
        return dg.AssetCheckResult(
            asset_key=table,
            check_name=LANDED,
            passed=not texts,
            severity=dg.AssetCheckSeverity.ERROR if errors else dg.AssetCheckSeverity.WARN,
            description="\n".join(texts[:MOST_FILES])
            or self.loading.closed.get(str(partition), "files have come and were read"),
            metadata={"files unread": len(unread), "files unread nearby": len(self.loading.unread)},
        )

    def _unread(self, partition: str | None) -> dict[Path, str]:
        """Unread files beside the partition's, or anywhere in the table where it has no partitions."""
        files = {file.path: file.why for file in self.loading.unread.values()}
        if partition is None:
            return files
        own = folder_of(self.landing, self.contract, partition)
        return {path: why for path, why in files.items() if path.parent == own.parent or own in path.parents}


def folder_of(landing: Path, contract: TableContract, partition: str) -> Path:
    """The folder in which the files of an hour or a day are expected."""
    folder = landing / contract.name / f"date={partition[:10]}"
    return folder / f"hour={partition[11:13]}" if contract.partition is PartitionKind.HOUR else folder
