"""The check `landed`: whether a partition's files have come, could be read, and what lies unread beside them."""

from __future__ import annotations

from pathlib import Path

import dagster as dg

from assets.logs.loading import Loading
from assets.logs.verdicts import LANDED
from warehouse.landing import layout
from warehouse.landing.contract import PartitionKind, TableContract
from warehouse.landing.description import SourceDescription

MOST_FILES = 10  #: named on the page


def landed_check(
    loading: Loading, landing: Path, description: SourceDescription, partition: str | None = None
) -> dg.AssetCheckResult:
    """The verdict on the files of a partition, or of all files of a table without partitions.

    A warning where files are missing, lie unread, or where an hour's external clicks have not come beside its
    exposures; an error where a file cannot be read.
    """
    contract = description.contract(loading.table)
    unread = _unread(loading, landing, contract, partition)
    warnings = [f"{path} is not read: {why}" for path, why in unread.items()]
    keys = loading.asked if partition is None else (partition,)
    errors = [loading.unreadable[key] for key in keys if key in loading.unreadable]
    if partition is not None and partition in loading.missing:
        warnings.insert(0, f"no files yet in {folder_of(landing, contract, partition)}")
    elif partition is None and not (landing / loading.table).is_dir():
        warnings.insert(0, f"the folder {landing / loading.table} does not exist")
    elif loading.table == "exposures" and partition is not None and (landing / "external_clicks").is_dir():
        clicks = description.contract("external_clicks")
        if not layout.files_of(landing, clicks, partition):
            warnings.append(f"external clicks have no files yet in {folder_of(landing, clicks, partition)}")
    texts = [*dict.fromkeys(errors), *warnings]
    return dg.AssetCheckResult(
        asset_key=loading.table,
        check_name=LANDED,
        passed=not texts,
        severity=dg.AssetCheckSeverity.ERROR if errors else dg.AssetCheckSeverity.WARN,
        description="\n".join(texts[:MOST_FILES]) or "files have come and were read",
        metadata={"files unread": len(unread)},
    )


def folder_of(landing: Path, contract: TableContract, partition: str) -> Path:
    """The folder in which the files of an hour or a day are expected."""
    folder = landing / contract.name / f"date={partition[:10]}"
    return folder / f"hour={partition[11:13]}" if contract.partition is PartitionKind.HOUR else folder


def _unread(
    loading: Loading, landing: Path, contract: TableContract, partition: str | None
) -> dict[Path, str]:
    """Unread files that lie beside the partition's, or anywhere in the table where it has no partitions."""
    files = {file.path: file.why for file in loading.unread.values()}
    if partition is None:
        return files
    day = landing / contract.name / f"date={partition[:10]}"
    own = folder_of(landing, contract, partition)
    return {path: why for path, why in files.items() if path.parent in (day, own) or own in path.parents}
