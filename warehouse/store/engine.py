"""Opening DuckDB files in one engine a process: an engine takes ten times as long to start as a file to open.

A file is closed, and the lock on it let go, when the last of its connections in this process is closed.
"""

from __future__ import annotations

import itertools
import os
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import duckdb

from warehouse.store.statements import quoted, text_literal

OPEN_HERE = "is open in this process otherwise"  #: ends the refusal of a second opening that differs

_lock = threading.RLock()
_numbers = itertools.count()


@dataclass
class _Attached:
    """A file that is open in this process, under the name that the engine knows it by."""

    name: str
    read_only: bool
    opened: int = 0  #: how many times


@dataclass
class _Engine:
    """DuckDB without a file of its own, and the files that are attached to it by their full paths."""

    root: duckdb.DuckDBPyConnection
    files: dict[str, _Attached] = field(default_factory=dict)


@cache
def _engine(process: int) -> _Engine:
    """The engine of this process; a forked one has its own."""
    del process
    return _Engine(duckdb.connect(":memory:"))


class OpenFile:
    """One opening of a file, with a connection on which it is the default database."""

    def __init__(self, path: Path, *, read_only: bool) -> None:
        """Raises duckdb.Error where the file is held elsewhere, or open here in another way."""
        self._file = str(path.resolve())
        self._engine = _engine(os.getpid())
        with _lock:
            attached = self._engine.files.get(self._file) or self._attach(read_only)
            if attached.read_only != read_only:
                raise duckdb.ConnectionException(f"{path} {OPEN_HERE}")
            attached.opened += 1
            self._attached: _Attached | None = attached
        self.connection = self._engine.root.cursor()
        self.connection.execute(f"USE {quoted(attached.name)}")

    def __enter__(self) -> OpenFile:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; the file too, where nobody else in this process has it open. Twice is
        once."""
        with _lock:
            attached, self._attached = self._attached, None
            if attached is None:
                return
            self.connection.close()
            attached.opened -= 1
            if not attached.opened:
                del self._engine.files[self._file]
                self._engine.root.execute(f"DETACH {quoted(attached.name)}")

    def _attach(self, read_only: bool) -> _Attached:
        root, name = self._engine.root, f"file{next(_numbers)}"
        with suppress(duckdb.Error):  # what does not fit in memory goes beside the first file that needs room
            root.execute(f"SET temp_directory = {text_literal(f'{self._file}.tmp')}")
        mode = "READ_ONLY" if read_only else "READ_WRITE"
        root.execute(f"ATTACH {text_literal(self._file)} AS {quoted(name)} ({mode})")
        attached = self._engine.files[self._file] = _Attached(name, read_only)
        return attached


def cursor_of(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """Another connection to the same file: DuckDB's own `cursor` forgets which file is the default one.

    The file stays open until it is closed, too.
    """
    with _lock:  # threads that share a connection may ask at once, which DuckDB refuses
        name = connection.execute("SELECT current_database()").fetchall()[0][0]
        own = connection.cursor()
    own.execute(f"USE {quoted(name)}")
    return own
