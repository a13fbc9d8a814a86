"""Which ids the warehouse knows: asked for an hour's own ids, at a cost that does not grow with the history.

DuckDB's tables are read by ranges; an id may lie anywhere in them, and DuckDB's own indexes are read whole
for a thousand scattered ids. So beside the warehouse lies `<warehouse>.ids`, a B-tree in an SQLite file:
users and items with their dense numbers, and 64-bit hashes of exposure ids with the hour that holds them.

It is made of what the warehouse holds and belongs to one state of it, which a token in the warehouse names:
`after` is the token of the load that was written last, `before` that of the load before it. It is written
before the warehouse commits. Where that never happened (a kill, a full disk), the token is still `before`:
hashes too many do no harm, because the warehouse itself is asked where a hash is met, and users and items too
many are taken out. With any other token it is made anew, in one pass and whole or not at all.
"""

from __future__ import annotations

import hashlib
import logging
import sqlite3
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa

from warehouse.store.statements import statement

NUMBERED = {"user_id": "user_index", "item_id": "item_index"}  #: id column → its table of dense numbers
TOKEN = "ids"  #: key of the token in the warehouse's table `meta`
FORM = "1"  #: of the file; another one is made anew
MOST_VALUES = 30_000  #: of one statement; SQLite takes 32,766
ROWS_AT_ONCE = 1 << 20
BUSY_SECONDS = 60.0

log = logging.getLogger(__name__)


def hashes_of(ids: Sequence[str] | np.ndarray) -> np.ndarray:
    """A 64-bit hash of each id, as SQLite's signed integers."""
    return pd.util.hash_array(np.asarray(ids, dtype=object), categorize=False).view(np.int64)


def path_of(warehouse: Path) -> Path:
    """Where the index of a warehouse lies."""
    return warehouse.with_name(f"{warehouse.name}.ids")


@dataclass(frozen=True)
class NewIds:
    """What a load adds to the index."""

    numbers: Mapping[str, Sequence[tuple[str, int]]]  #: table of dense numbers → new ids with theirs
    exposure_ids: np.ndarray = field(default_factory=lambda: np.empty(0, object))
    hours: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))  #: of each, since the epoch

    def __bool__(self) -> bool:
        return bool(len(self.exposure_ids) or any(self.numbers.values()))


class IdIndex:
    """The index that belongs to an open warehouse; made or made anew where it does not."""

    def __init__(self, warehouse: Path, connection: duckdb.DuckDBPyConnection) -> None:
        self.path, self._warehouse = path_of(warehouse), connection
        token = _token(connection)
        if not self._opened(token):
            make(self.path, connection, token)
            if not self._opened(token):
                raise sqlite3.OperationalError(f"{self.path} was written and cannot be read")

    def close(self) -> None:
        """Close the file."""
        self._store.close()

    def numbers(self, table: str, ids: Sequence[str]) -> dict[str, int]:
        """The dense numbers of those of `ids` that have one."""
        return dict(self._ask(f"SELECT id, number FROM {table} WHERE id IN", ids))

    def hours(self, exposure_ids: Sequence[str]) -> list[int]:
        """Hours since the epoch that may hold one of these exposure ids."""
        hashed = hashes_of(exposure_ids).tolist()
        return sorted({hour for (hour,) in self._ask("SELECT hour FROM exposures WHERE hash IN", hashed)})

    def write(self, new: NewIds) -> str:
        """Take in what a load adds, before the warehouse commits.

        Returns the token that the warehouse must then hold: the one of before, where all was known.
        """
        before = _token(self._warehouse)
        hashed = hashes_of(new.exposure_ids)
        with self._store as store:
            former = store.total_changes
            for table, rows in new.numbers.items():
                store.executemany(f"INSERT OR REPLACE INTO {table} VALUES (?, ?)", sorted(rows))
            _insert_hashes(store, hashed, new.hours)
            if store.total_changes == former:
                return before
            content = hashlib.blake2b(f"{before} {new.numbers}".encode(), digest_size=16)
            for values in (hashed, new.hours):
                content.update(np.ascontiguousarray(values).tobytes())
            _remember(store, before, content.hexdigest())
        return content.hexdigest()

    def _ask(self, query: str, values: Sequence[object]) -> Iterator[tuple[Any, ...]]:
        for first in range(0, len(values), MOST_VALUES):
            some = values[first : first + MOST_VALUES]
            yield from self._store.execute(f"{query} ({','.join('?' * len(some))})", some)

    def _opened(self, token: str) -> bool:
        """Open the file, if it is there and belongs to the warehouse's state."""
        if not self.path.exists():
            return False
        self._store = sqlite3.connect(self.path, timeout=BUSY_SECONDS)
        try:
            about = dict(self._store.execute("SELECT key, value FROM about").fetchall())
            if about.get("form") == _form() and about.get("after") == token:
                return True
            if about.get("form") == _form() and about.get("before") == token:
                self._undo(token)
                return True
        except sqlite3.DatabaseError as error:
            log.warning("%s cannot be read (%s): it is made anew", self.path, error)
        self._store.close()
        return False

    def _undo(self, token: str) -> None:
        """Take out the users and items of a load that the warehouse never committed."""
        with self._store as store:
            for table in NUMBERED.values():
                store.execute(f"DELETE FROM {table} WHERE number >= ?", [count(self._warehouse, table)])
            _remember(store, token, token)


def count(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    """How many ids a table of dense numbers holds, which is the next number."""
    return int(connection.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0])


def make(path: Path, connection: duckdb.DuckDBPyConnection, token: str) -> None:
    """Write the index of everything that the warehouse holds, whole or not at all; one pass over its ids."""
    part = path.with_name(f"{path.name}.{uuid.uuid4().hex}.part")
    try:
        with closing(sqlite3.connect(part)) as store:
            store.execute("PRAGMA synchronous=OFF")  # nobody reads it before it takes its place
            store.execute("PRAGMA journal_mode=MEMORY")
            store.executescript(_SCHEMA)
            with store:
                for key, table in NUMBERED.items():
                    for rows in _batches(connection, f"SELECT {key}, {table} FROM {table} ORDER BY {key}"):
                        pairs = zip(rows[key].to_pylist(), rows[table].to_pylist(), strict=True)
                        store.executemany(f"INSERT INTO {table} VALUES (?, ?)", pairs)
                for rows in _batches(connection, statement("batches", "exposure_hours")):
                    hashed = hashes_of(rows["exposure_id"].to_numpy(zero_copy_only=False))
                    _insert_hashes(store, hashed, rows["hour"].to_numpy())
                _remember(store, token, token)
        # What a kill left of a former file must never be rolled back into this one.
        path.with_name(f"{path.name}-journal").unlink(missing_ok=True)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _batches(connection: duckdb.DuckDBPyConnection, query: str) -> Iterator[pa.RecordBatch]:
    """The rows of a query, some at a time, on a connection of their own."""
    from warehouse.store.engine import cursor_of

    with cursor_of(connection) as own:
        reader = own.sql(query).to_arrow_reader(ROWS_AT_ONCE)
        yield from reader


def _insert_hashes(store: sqlite3.Connection, hashed: np.ndarray, hours: np.ndarray) -> None:
    order = np.argsort(hashed)  # a B-tree is filled fastest in order
    rows = zip(hashed[order].tolist(), hours[order].tolist(), strict=True)
    store.executemany("INSERT OR IGNORE INTO exposures VALUES (?, ?)", rows)


def _remember(store: sqlite3.Connection, before: str, after: str) -> None:
    about = {"form": _form(), "before": before, "after": after}
    store.executemany("INSERT OR REPLACE INTO about VALUES (?, ?)", about.items())


def _form() -> str:
    """Of the tables and of the hash: another version of pandas may hash otherwise."""
    return f"{FORM} {hashes_of(['hourfold'])[0]}"


def _token(connection: duckdb.DuckDBPyConnection) -> str:
    """Names the state of the warehouse's ids; empty before the first load that wrote one."""
    rows = connection.execute("SELECT value FROM meta WHERE key = ?", [TOKEN]).fetchall()
    return str(rows[0][0]) if rows else ""


_SCHEMA = """
CREATE TABLE about (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE user_index (id TEXT PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE item_index (id TEXT PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE exposures (hash INTEGER NOT NULL, hour INTEGER NOT NULL, PRIMARY KEY (hash, hour)) WITHOUT ROWID;
"""
