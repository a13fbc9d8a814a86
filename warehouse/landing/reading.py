"""Reading a landing folder: raw rows of many partitions in one frame, with partition, row and file."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from warehouse.landing import layout
from warehouse.landing.contract import PartitionKind, TableContract
from warehouse.landing.description import FILE_NAME, SourceDescription
from warehouse.landing.gathering import Gathering
from warehouse.landing.inference import infer
from warehouse.landing.records import Landed, PartitionLoad, SourceFile
from warehouse.landing.remembered import RememberedFiles
from warehouse.landing.snapshots import SetAside, snapshots

__all__ = ["Landed"]


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
    days = None
    if partitions is not None and contract.partition is PartitionKind.HOUR:
        days = layout.dates(partitions)
    listed = layout.listing(landing, contract, description.service_zone, days)
    keys = list(listed.files) if partitions is None else list(dict.fromkeys(partitions))
    gathering = Gathering(landing, contract, description.service_zone, keys, listed)
    partitions_of: dict[Path, list[str]] = {}
    for partition in keys:
        for path in listed.files.get(partition) or _absent(landing, contract, partition):
            partitions_of.setdefault(path, []).append(partition)
    if contract.partition is PartitionKind.FILE:
        gathering.look_at_undated()
    for path, holders in partitions_of.items():
        gathering.take(path, holders)
    return gathering.landed(description.chosen(table))


def _absent(landing: Path, contract: TableContract, partition: str) -> list[Path]:
    """No files, for a partition of time; a dimension file that was asked for by name must be there."""
    if contract.partition is not PartitionKind.FILE:
        return []
    path = landing / contract.name / partition
    raise FileNotFoundError(f"{path} is not there: {contract.name} has no such file that can be read")


def fingerprints(
    landing: Path,
    description: SourceDescription,
    table: str,
    only: Collection[str] | None = None,
    remembered: RememberedFiles | None = None,
) -> dict[str, str]:
    """Every landed partition (of `only`) → `PartitionLoad.files_hash` of its files; nothing is parsed.

    Files that are `remembered` as they are now are not read.
    """
    contract = description.contract(table)
    remembered = remembered or RememberedFiles()
    hashes = {}
    days = None
    if only is not None and contract.partition is PartitionKind.HOUR:
        days = layout.dates(list(only))
    listed = layout.listing(landing, contract, description.service_zone, days)
    aside: dict[Path, SetAside] = {}
    if contract.partition is PartitionKind.FILE:
        aside = snapshots(contract, description.service_zone, listed).aside
    records: dict[Path, SourceFile] = {}
    for partition, own in listed.files.items():
        if only is not None and partition not in only:
            continue
        paths = [*own, *(aside[path].other for path in own if path in aside)]
        for path in paths:
            if path not in records:
                records[path] = remembered.record(path, path.relative_to(landing).as_posix())
        files = tuple(records[path] for path in paths)
        hashes[partition] = PartitionLoad(partition, 0, files, 0, description.chosen(table)).files_hash
    return hashes
