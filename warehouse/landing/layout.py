"""Which files of a landing folder make up which partition."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from warehouse.landing.contract import PartitionKind, TableContract
from warehouse.landing.service_time import HOUR_MS, ServiceZone

EXTENSIONS = (".parquet", ".csv", ".csv.gz", ".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz")

_DATE = re.compile(r"^date=(\d{4}-\d{2}-\d{2})$")
_HOUR = re.compile(r"^hour=(\d{2})$")
_DATED = re.compile(r"(?:^|/|date=)(\d{4}-\d{2}-\d{2})(?:(?:/hour=|T)(\d{2}))?(?=[/.]|$)")


def landed_files(folder: Path) -> tuple[list[Path], list[Path]]:
    """Files directly in `folder` that can be read, by name, and those of an unknown kind."""
    if not folder.is_dir():
        return [], []
    files = sorted(path for path in folder.iterdir() if path.is_file() and not _hidden(path))
    known = [path for path in files if path.name.lower().endswith(EXTENSIONS)]
    return known, [path for path in files if path not in known]


def files_of(landing: Path, contract: TableContract, partition: str) -> list[Path]:
    """The files that a partition is read from; whoever reads, loads or watches a partition asks here.

    A dimension file is its own partition. An hour has the files of its folder, and those that lie in the
    folder of its day, which hold a whole day. A day has the files of its folder and of `hour=` folders in it.
    """
    if contract.partition is PartitionKind.FILE:
        return [landing / contract.name / partition]
    folders = _folders_of(landing / contract.name, contract, partition)
    return [path for folder in folders for path in landed_files(folder)[0]]


def unknown_files(landing: Path, contract: TableContract, partitions: Sequence[str]) -> list[Path]:
    """Files in the folders of hours or days that nobody reads, being of an unknown kind."""
    if contract.partition is PartitionKind.FILE:
        return []
    root = landing / contract.name
    folders = dict.fromkeys(f for key in partitions for f in _folders_of(root, contract, key))
    return [path for folder in folders for path in landed_files(folder)[1]]


def holds_whole_day(contract: TableContract, path: Path) -> bool:
    """Whether a file of an hourly table lies in the folder of a day: its rows are cut into hours."""
    return contract.partition is PartitionKind.HOUR and bool(_DATE.match(path.parent.name))


def _folders_of(root: Path, contract: TableContract, partition: str) -> list[Path]:
    if contract.partition is PartitionKind.DAY:
        return _day_folders(root / f"date={partition}")
    day, hour = split_hour(partition)
    folder = root / f"date={day}"
    return [folder, folder / f"hour={hour}"]


def partitions(landing: Path, contract: TableContract) -> list[str]:
    """Keys of all partitions that have files, in order: hours, days or relative file paths."""
    root = landing / contract.name
    if contract.partition is PartitionKind.FILE:
        files = (path for path in root.rglob("*") if path.is_file() and not _hidden(path))
        return sorted(
            path.relative_to(root).as_posix() for path in files if path.name.lower().endswith(EXTENSIONS)
        )
    keys: set[str] = set()
    for day in root.glob("date=*"):
        date = _DATE.match(day.name)
        if not date or not day.is_dir():
            continue
        if contract.partition is PartitionKind.DAY:
            keys.update([date[1]] if any(landed_files(folder)[0] for folder in _day_folders(day)) else [])
        elif landed_files(day)[0]:
            keys.update(hours_of(date[1]))
        for hour in day.glob("hour=*") if contract.partition is PartitionKind.HOUR else ():
            clock = _HOUR.match(hour.name)
            if clock and landed_files(hour)[0]:
                keys.add(f"{date[1]}-{clock[1]}:00")
    return sorted(keys)


def _day_folders(folder: Path) -> list[Path]:
    """Where the files of a day lie that is one partition: its folder, and `hour=` folders inside it."""
    return [folder, *sorted(hour for hour in folder.glob("hour=*") if _HOUR.match(hour.name))]


def hours_of(day: str) -> list[str]:
    """The hour keys of a day key."""
    return [f"{day}-{hour:02d}:00" for hour in range(24)]


def split_hour(key: str) -> tuple[str, str]:
    """Day and two-digit hour of an hour key."""
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}-\d{2}:00", key):
        raise ValueError(f"partition key {key!r} is not an hour 'YYYY-MM-DD-HH:00'")
    return key[:10], key[11:13]


def bounds(contract: TableContract, zone: ServiceZone, partition: str) -> tuple[int, int] | None:
    """`[start, end)` of a partition in epoch milliseconds; None for dimension files, which have no end."""
    if contract.partition is PartitionKind.HOUR:
        start = zone.hour_start_ms(partition)
        return start, start + HOUR_MS
    if contract.partition is PartitionKind.DAY:
        start = zone.day_start_ms(partition)
        return start, start + 24 * HOUR_MS
    return None


def start_ms(contract: TableContract, zone: ServiceZone, partition: str) -> int:
    """When a partition begins. A dimension file begins at the date (and hour) its path names, else at 0.

    `users/2026-05-08.parquet`, `items/2026-05-08T09.parquet` and `items/date=2026-05-08/hour=09/a.csv` are
    dated.
    """
    limits = bounds(contract, zone, partition)
    if limits:
        return limits[0]
    dated = _DATED.search(partition)
    if not dated:
        return 0
    return zone.day_start_ms(dated[1]) + int(dated[2] or 0) * HOUR_MS


def dates(keys: Sequence[str]) -> list[str]:
    """The distinct days of hour or day keys, in order."""
    return sorted({key[:10] for key in keys})


def _hidden(path: Path) -> bool:
    """Markers and files still being written, as Spark, Hadoop and our own writers name them."""
    return path.name.startswith((".", "_")) or path.name.endswith((".tmp", ".new", ".part", ".crc"))
