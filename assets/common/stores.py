"""What keeps a home's stores from working, named with the file and with what to do.

The stores are the warehouse (DuckDB) with its index of ids, MLflow's database and Dagster's (all SQLite).
Their libraries say that an image is malformed, or a disk full, and not which file, nor how to go on.
"""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from enum import Enum
from pathlib import Path

from assets.common.mlflow_store import DATABASE, team_uri
from warehouse.home import Home

MEBIBYTE = 2**20


class StoreFault(Enum):
    """What is wrong with a store, told by what its library says."""

    FULL = (
        "database or disk is full",
        "No space left on device",
        "Disk quota exceeded",
        "PytorchStreamWriter failed writing",
    )
    DAMAGED = (
        "file is not a database",
        "database disk image is malformed",
        "not a valid DuckDB database file",
        "Corrupt database file",
        "Could not read enough bytes from file",
    )
    READ_ONLY = (
        "attempt to write a readonly database",
        "unable to open database file",
        "Read-only file system",
    )
    LOCKED = ("database is locked",)


_NUMBERS = {
    errno.ENOSPC: StoreFault.FULL,
    errno.EDQUOT: StoreFault.FULL,
    errno.EROFS: StoreFault.READ_ONLY,
    errno.EACCES: StoreFault.READ_ONLY,
}


def store_fault(error: BaseException) -> StoreFault | None:
    """What an error, or one that it came from, says of a store; None for all others."""
    for cause in causes(error):
        number = cause.errno if isinstance(cause, OSError) else None
        if number in _NUMBERS:
            return _NUMBERS[number]
        text = str(cause)
        for fault in StoreFault:
            if any(phrase in text for phrase in fault.value):
                return fault
    return None


def store_trouble(error: BaseException, home: Home) -> str | None:
    """Which file of a home is damaged, locked or cannot be written, and what to do; None for other errors.

    Of the files that an error does not name, those are named that a look at each finds damaged or not to be
    written.
    """
    fault = store_fault(error)
    if fault is StoreFault.FULL:
        return _full(_place(error, home))
    if fault is StoreFault.DAMAGED:
        return "\n".join(_damaged(error, home)) or None
    if fault is StoreFault.READ_ONLY:
        files = _named(error, home) or [file for file in _stores(home) if not os.access(file, os.W_OK)]
        names = ", ".join(map(str, files))
        advice = "make it writable for this user, folder included, and run this again; nothing was lost"
        return f"{names}: may not be opened for writing: {advice}" if files else None
    if fault is StoreFault.LOCKED:
        files = [file for file in _databases(home) if not _is_free(file)]
        names = ", ".join(map(str, files)) or f"a database of {home.root}"
        return f"{names}: another process writes for longer than a minute; run this again when it has ended"
    return None


def causes(error: BaseException) -> Iterator[BaseException]:
    """An error, what it was raised from, and so on."""
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__


def _place(error: BaseException, home: Home) -> Path:
    """The folder that had no room: of the file that the error names, or else the home."""
    for cause in causes(error):
        if isinstance(cause, OSError) and cause.filename is not None:
            return next(folder for folder in Path(str(cause.filename)).absolute().parents if folder.exists())
    return home.root


def _full(folder: Path) -> str:
    free = shutil.disk_usage(folder).free / MEBIBYTE
    return (
        f"{folder}: the disk is full, or a quota is spent ({free:,.0f} MiB are free there). Make room "
        "(`hourfold keep` removes what is older than the home keeps it) and run this again: what was not "
        "finished is done then, and everything before is whole"
    )


def _damaged(error: BaseException, home: Home) -> Iterator[str]:
    """A sentence on each file that is damaged."""
    files = [file for file in _named(error, home) if file.is_file()]
    if not files and any(type(cause).__module__.startswith("_duckdb") for cause in causes(error)):
        files = _warehouses(home)  # DuckDB does not say which: as a rule there is one
    for file in files or [file for file in _databases(home) if not _is_sound(file)]:
        yield f"{file} is damaged. {_remedy(file, home)}"


def _remedy(file: Path, home: Home) -> str:
    aside = f"mv '{file}' '{file}.damaged'"
    if file.suffix == ".ids":
        return f"It is made anew from the warehouse: remove it and run this again: rm '{file}'"
    if file in _warehouses(home):
        return (
            "Restore it from a backup; or move it and its index away and load all again from the landing "
            f"folder: {aside} && rm -f '{file}.ids' '{file}.wal'; hourfold ingest … Scores and figures "
            "of hours come back when these are run again"
        )
    if file == home.mlflow / DATABASE:
        return (
            f"Restore it from a backup; or move it away: {aside}. Figures of earlier runs are then gone from "
            "MLflow's pages; models are in `sources`, and the next training registers its own"
        )
    return (
        f"Restore it from a backup; or end all that runs and move Dagster's history away: "
        f"mv '{home.dagster / 'history'}' '{home.dagster / 'history.damaged'}'. What is loaded and "
        "trained is kept elsewhere; Dagster's pages begin anew"
    )


def _named(error: BaseException, home: Home) -> list[Path]:
    """The files of the home that the error, or what it came from, names."""
    files = [
        Path(str(cause.filename))
        for cause in causes(error)
        if isinstance(cause, OSError) and cause.filename is not None
    ]
    inside = [file for file in files if file.absolute().is_relative_to(home.root)]
    text = "\n".join(map(str, causes(error)))
    return list(dict.fromkeys([*inside, *(file for file in _stores(home) if f'"{file}"' in text)]))


def _stores(home: Home) -> list[Path]:
    return [*_warehouses(home), *_databases(home)]


def _warehouses(home: Home) -> list[Path]:
    return sorted((home.root / "sources").glob("*/warehouse.duckdb"))


def _databases(home: Home) -> list[Path]:
    """SQLite's files, those of single runs excepted, which nothing else needs."""
    history = home.dagster / "history"
    files = [
        *(Path(f"{file}.ids") for file in _warehouses(home)),
        *((home.mlflow / DATABASE,) if team_uri() is None else ()),
        *(history / "runs.db", history / "runs" / "index.db", home.dagster / "schedules" / "schedules.db"),
    ]
    return [file for file in files if file.is_file()]


def _is_sound(file: Path) -> bool:
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as store:
            return bool(store.execute("PRAGMA quick_check(1)").fetchone() == ("ok",))
    except sqlite3.OperationalError:  # locked, or not to be read, which is no damage
        return True
    except sqlite3.DatabaseError:
        return False


def _is_free(file: Path) -> bool:
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=rw", uri=True, timeout=0.0)) as store:
            store.execute("BEGIN IMMEDIATE")
            store.rollback()
    except sqlite3.OperationalError:
        return False
    return True
