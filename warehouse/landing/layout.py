"""Which files of a landing folder make up which partition; whoever lists, reads or watches it asks here."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from warehouse.landing.contract import TABLES, PartitionKind, TableContract
from warehouse.landing.description import zone_of
from warehouse.landing.path_dates import NameUnreadable, PathStamp, doubtful_digits, folder_stamp, stamps_in
from warehouse.landing.service_time import HOUR_MS, ServiceZone
from warehouse.landing.walking import EXTENSIONS, StampedFile, UnreadFile, hidden, walk

__all__ = ["EXTENSIONS", "UnreadFile"]

_BESIDE_TABLES = re.compile(r"^(?:source\.json|readme.*|licen[cs]e.*|.*\.md)$", re.IGNORECASE)


@dataclass(frozen=True)
class TableListing:
    """The files of one table's folder, from one walk through it."""

    files: dict[str, list[Path]]  #: partition, in order → its files: those that hold its day, then its own
    unread: list[UnreadFile]  #: files that belong to no partition
    whole_days: dict[Path, str]  #: files of an hourly table that hold a whole day → that day
    passed_over: int  #: markers, and files that are still being written


def listing(
    landing: Path,
    contract: TableContract,
    zone: ServiceZone | None = None,
    days: Collection[str] | None = None,
) -> TableListing:
    """The partitions of a table that have files, with their files, and the files that belong to none.

    A dimension file is its own partition. A day has all files whose folders, or else names, say that day. An
    hour has the files of its hour and those of its day that name no hour; on the newest day, only up to the
    hour of the last row: hours after it are not there yet.

    Args:
        landing, contract: the folder and the table.
        zone: default: what `source.json` says.
        days: of dated tables, without what lies in the folders of other days than these: the rest of the
            history is not looked at.
    """
    root = landing / contract.name
    walked = walk(root, None if contract.partition is PartitionKind.FILE else days)
    unread = list(walked.unread)
    stamped: list[tuple[Path, PathStamp]] = []
    for file in walked.files:
        try:
            if contract.partition is PartitionKind.FILE:
                _dimension_stamps(file.path.relative_to(root))
                stamped.append((file.path, file.stamp))
            else:
                stamped.append((file.path, _partition_stamp(file)))
        except NameUnreadable as error:
            unread.append(UnreadFile(file.path, str(error)))
    unread.sort(key=lambda file: file.path)
    whole_days: dict[Path, str] = {}
    if contract.partition is PartitionKind.FILE:
        files = {path.relative_to(root).as_posix(): [path] for path, _ in stamped}
    elif contract.partition is PartitionKind.DAY:
        files = _by_key([(path, str(stamp.date)) for path, stamp in stamped])
    else:
        whole_days = {path: str(stamp.date) for path, stamp in stamped if stamp.hour is None}
        files = _by_key(
            [(path, f"{s.date}-{s.hour:02d}:00") for path, s in stamped if path not in whole_days]
        )
        if whole_days:
            newest = max([*whole_days.values(), *dates(list(files)), *walked.other_days])
            files = _with_whole_days(files, whole_days, contract, zone or zone_of(landing), newest)
    return TableListing(files, unread, whole_days, walked.passed_over)


def _with_whole_days(
    own: dict[str, list[Path]],
    whole_days: dict[Path, str],
    contract: TableContract,
    zone: ServiceZone,
    newest: str,
) -> dict[str, list[Path]]:
    """Hours with the files of their day before their own; `newest` is the newest day of the table."""
    from warehouse.landing.last_rows import last_hour  # imports pandas, which whoever lists can do without

    of_newest = [path for path, day in whole_days.items() if day == newest]
    ends = [int(key[11:13]) for key in own if key[:10] == newest]
    ends += [last_hour(path, contract, zone, newest) for path in of_newest]
    files: dict[str, list[Path]] = {}
    for path, day in whole_days.items():
        for key in hours_of(day)[: max(ends) + 1 if day == newest else 24]:
            files.setdefault(key, []).append(path)
    for key, paths in own.items():
        files.setdefault(key, []).extend(paths)
    return dict(sorted(files.items()))


def _by_key(paths: list[tuple[Path, str]]) -> dict[str, list[Path]]:
    files: dict[str, list[Path]] = {}
    for path, key in paths:
        files.setdefault(key, []).append(path)
    return dict(sorted(files.items()))


def _partition_stamp(file: StampedFile) -> PathStamp:
    """Day and perhaps hour of a file of a dated table; its name counts where no folder says the date.

    A name with an hour is that hour's file. One with minutes holds rows of its day; one with seconds says
    when it was written, which may be a day later.
    """
    if file.stamp.date:
        return file.stamp
    moments = stamps_in(file.path.name)
    if not moments:
        raise NameUnreadable(
            "names no day: put it into date=YYYY-MM-DD/ (hours: date=YYYY-MM-DD/hour=HH/), or write the date "
            "into its name as YYYY-MM-DD"
        )
    moment, name = moments[0], file.path.name
    if any(other != moment for other in moments):
        raise NameUnreadable(f"{name} names more than one date: put it into the folder date=… of its rows")
    if moment.second or (moment.utc and moment.hour is not None):
        raise NameUnreadable(
            f"{name} names an instant, which may be when it was written: put it into the folders "
            "date=…/hour=… of its rows"
        )
    hour = None if moment.minute else moment.hour
    return file.stamp.with_parts(name, year=moment.year, month=moment.month, day=moment.day, hour=hour)


def _dimension_stamps(path: Path) -> list[PathStamp]:
    """The dates on a dimension file's path below its table's folder, none where it is undated.

    NameUnreadable where a name has digits that may be a date and cannot be read as one: the file may hold
    values of a later day, which no model of an earlier one may see.
    """
    above, silent = PathStamp(), [path.name]
    for folder in path.parts[:-1]:
        inner = folder_stamp(folder, above)
        silent += [folder] if inner == above else []
        above = inner
    stamps = [*([above] if above.date else []), *(stamp for name in silent for stamp in stamps_in(name))]
    doubtful = [digits for name in silent if (digits := doubtful_digits(name, bool(stamps)))]
    if doubtful or (not stamps and above != PathStamp()):
        what = f"its path has {doubtful[0]!r}" if doubtful else "its folders name a date that is not complete"
        raise NameUnreadable(
            f"{what}, which may say when it was made and cannot be read: write the date as YYYY-MM-DD "
            f"(…_2026-05-01{path.suffix}), or take it out if its rows are valid from the beginning"
        )
    return stamps


def partitions(landing: Path, contract: TableContract) -> list[str]:
    """Keys of all partitions that have files, in order: hours, days or relative file paths."""
    return list(listing(landing, contract).files)


def files_of(landing: Path, contract: TableContract, partition: str) -> list[Path]:
    """The files that a partition is read from; for many partitions ask `listing` once.

    A dimension file that is not there is named all the same, for the reader to say so.
    """
    if contract.partition is PartitionKind.FILE:
        return [landing / contract.name / partition]
    return listing(landing, contract).files.get(partition, [])


def unread(landing: Path, contract: TableContract) -> list[UnreadFile]:
    """Every file under the table's folder that belongs to no partition, and why."""
    return listing(landing, contract).unread


def unread_tables(landing: Path) -> list[UnreadFile]:
    """Files and folders at the top of a landing folder that are no table, with the nearest table's name."""
    if not landing.is_dir():
        return []
    result = []
    for path in sorted(landing.iterdir()):
        if hidden(path.name) or _BESIDE_TABLES.match(path.name) or (path.name in TABLES and path.is_dir()):
            continue
        word = re.split(r"[^a-z_]", path.name.lower())[0].strip("_")
        near = difflib.get_close_matches(word, TABLES, n=1, cutoff=0.7)
        if path.is_dir():
            what = f"call the folder {near[0]}/ if it is that table" if near else "move it away"
            why = f"{path.name}/ is no table of the contract ({', '.join(TABLES)}): {what}"
        else:
            folder = f"{near[0] if near else 'its table'}/"
            why = f"{path.name} lies beside the tables, not in one: move it into {folder}"
        result.append(UnreadFile(path, why))
    return result


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
    """When a partition begins. A dimension file begins at the latest date its path names, 0 without one.

    Raises NameUnreadable for a dimension file whose path has a date that cannot be read.
    """
    limits = bounds(contract, zone, partition)
    if limits:
        return limits[0]
    return max((stamp.start_ms(zone) for stamp in _dimension_stamps(Path(partition))), default=0)


def dates(keys: Sequence[str]) -> list[str]:
    """The distinct days of hour or day keys, in order."""
    return sorted({key[:10] for key in keys})
