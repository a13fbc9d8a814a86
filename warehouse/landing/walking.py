"""One walk through a table's folder: the files that can be read, with what their path says of time."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from warehouse.landing.path_dates import NameUnreadable, PathStamp, folder_stamp

EXTENSIONS = (
    *(".parquet", ".csv", ".csv.gz", ".tsv", ".tsv.gz"),
    *(".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz"),
)
_OTHER_KINDS = {
    (".xlsx", ".xls", ".xlsm", ".ods"): "is a spreadsheet: export it as CSV or Parquet",
    (".zip", ".tar", ".tgz", ".tar.gz", ".7z", ".rar"): "is an archive: unpack it",
    (
        ".bz2",
        ".xz",
        ".zst",
        ".lz4",
        ".snappy",
    ): "is compressed by other means than gzip: unpack it",
    (".avro", ".orc", ".feather", ".arrow"): "is a format that is not read: write it as Parquet",
    (
        ".json",
        ".json.gz",
    ): "is not called .jsonl: call it so if each line is an object",
    (".txt", ".txt.gz", ".log", ".dat"): "is a text of no known format: call it .csv or .jsonl",
}
_VERSIONED = {"_delta_log": "Delta", ".hoodie": "Hudi"}
LINKS = "HOURFOLD_LINKS"  #: variable with the folders outside to which links may lead, `:` between them
_UNFINISHED = (".tmp", ".new", ".part", ".partial", ".inprogress", ".crc", ".swp", "~")


@dataclass(frozen=True)
class UnreadFile:
    """A file or folder of a landing folder that is not read, and a sentence that says why and what to do."""

    path: Path
    why: str


@dataclass(frozen=True)
class StampedFile:
    """A file that can be read, and what the folders above it say of time."""

    path: Path
    stamp: PathStamp


@dataclass
class FolderWalk:
    """What a walk through a folder meets, each list sorted by path."""

    landing: Path
    files: list[StampedFile]
    unread: list[UnreadFile]
    passed_over: int = 0  #: markers, hidden files, and files that are still being written
    other_days: set[str] = field(default_factory=set)  #: whose folders were not entered


def walk(root: Path, days: Collection[str] | None = None) -> FolderWalk:
    """All files below `root`, a table's folder; nothing is opened. `days`: without folders of other days.

    Links are followed inside of the landing folder, and to what HOURFOLD_LINKS names: what lies elsewhere was
    not handed in, whoever could make a link there.
    """
    result = FolderWalk(root.parent, [], [])
    if root.is_dir():
        if why := _leads_out(root, result.landing):
            result.unread.append(UnreadFile(root, why))
        else:
            _enter(root, PathStamp(), None, (), result, days)
    result.files.sort(key=lambda file: file.path)
    result.unread.sort(key=lambda file: file.path)
    return result


def hidden(name: str) -> bool:
    """Whether a name is a marker's or an unfinished file's, as Spark, Hadoop and our own writers have it."""
    return name.startswith((".", "_")) or name.lower().endswith(_UNFINISHED)


def unknown_kind(name: str) -> str | None:
    """Why a file of this name cannot be read, None where its extension is a known one."""
    lower = name.lower()
    if lower.endswith(EXTENSIONS):
        return None
    for endings, why in _OTHER_KINDS.items():
        if lower.endswith(endings):
            return f"{name} {why}"
    return f"{name} is none of {', '.join(EXTENSIONS)}: give it its format as extension, or move it away"


def _leads_out(path: Path, landing: Path) -> str | None:
    """Why a link is not followed; None where it leads into the landing folder, or where links may lead."""
    named = os.environ.get(LINKS, "").split(os.pathsep)
    real = Path(os.path.realpath(path))
    allowed = [str(landing), *(folder for folder in named if folder)]
    if any(real.is_relative_to(os.path.realpath(folder)) for folder in allowed):
        return None
    return (
        f"is a link to {real}, outside of the landing folder: put the files here, or name the folder that "
        f"they may lie in by {LINKS}"
    )


def _enter(
    folder: Path,
    stamp: PathStamp,
    wrong: str | None,
    above: tuple[tuple[int, int], ...],
    result: FolderWalk,
    days: Collection[str] | None,
) -> None:
    """FolderWalk a folder whose path says `stamp`, or cannot be read for the reason `wrong`."""
    try:
        inode = folder.stat().st_dev, folder.stat().st_ino
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        result.unread.append(UnreadFile(folder, f"the folder cannot be opened ({error.strerror})"))
        return
    if inode in above:
        result.unread.append(UnreadFile(folder, "the folder is a link to one above it: remove it"))
        return
    for name, kind in _VERSIONED.items():
        if any(entry.name == name for entry in entries):
            wrong = (
                f"{name} says that the folder is a {kind} table, whose files hold replaced and deleted rows "
                "too: write its present state out as plain Parquet files"
            )
    for entry in entries:
        path = folder / entry.name
        if hidden(entry.name):
            result.passed_over += 1
        elif entry.is_symlink() and (why := _leads_out(path, result.landing)):
            result.unread.append(UnreadFile(path, why))
        elif entry.is_dir():
            try:
                inner, why = folder_stamp(entry.name, stamp), wrong
            except NameUnreadable as error:
                inner, why = stamp, wrong or f"folder {error}"
            if days is not None and inner.date is not None and inner.date not in days:
                result.other_days.add(inner.date)
            else:
                _enter(path, inner, why, (*above, inode), result, days)
        elif not entry.is_file():
            result.unread.append(UnreadFile(path, "is no file, or a link that leads nowhere"))
        elif why := unknown_kind(entry.name) or wrong:
            result.unread.append(UnreadFile(path, why))
        else:
            result.files.append(StampedFile(path, stamp))
