"""Dagster's SQLite event log with connections that are kept open.

Its own opens a connection, with a fresh SQLAlchemy engine that compiles every statement anew, for each event:
15 ms of processor time an event, where a year of daily partitions has thousands; and it waits for the disk
after each of the three or four transactions of an event. For each run it makes the tables of a new file and
reads all of Dagster's migrations twice to stamp it; here a new file is a copy of an empty one, made once a
process. Same files, same rows.
"""

from __future__ import annotations

import os
import tempfile
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from dagster._core.storage.event_log.sqlite.sqlite_event_log import (
    INDEX_SHARD_NAME,
    SqliteEventLogStorage,
)
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.pool import NullPool

from orchestration import event_log_expiry
from orchestration.waiting import WaitingClaims
from warehouse.home import sqlite_uri

OPEN_SHARDS = 8  #: runs whose files stay open; each run has one, and there is an index of all
BUSY_SECONDS = 60  #: how long to wait for another process that writes, as Dagster does
FOLD_SECONDS = 2  #: how long for others who read, when a write-ahead log is folded in


class OpenSqliteEventLog(WaitingClaims, SqliteEventLogStorage):
    """`SqliteEventLogStorage` under DAGSTER_HOME, where the default instance keeps it."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._connections: OrderedDict[str, Connection] = OrderedDict()
        self._told = {}
        self._present: set[str] = set()  #: tables and columns that are known to be in the index
        self._empty: bytes | None = None  #: the file of a run without events
        super().__init__(base_dir, inst_data)

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """Nothing to configure."""
        return {}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Any
    ) -> OpenSqliteEventLog:
        """The event log of the home that DAGSTER_HOME names."""
        return cls(os.path.join(os.environ["DAGSTER_HOME"], "history", "runs"), inst_data, **config_value)

    def conn_string_for_shard(self, shard_name: str) -> str:
        """The SQLAlchemy address of a run's file, with the home's path escaped."""
        return sqlite_uri(Path(self.path_for_shard(shard_name)))

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            connection = self._connection(shard)
            if shard not in self._initialized_dbs:
                self._initdb(connection.engine)
                self._initialized_dbs.add(shard)
            with connection.begin():
                yield connection

    def _connection(self, shard: str) -> Connection:
        if shard not in self._connections:
            if len(self._connections) >= OPEN_SHARDS:
                _close(self._connections.popitem(last=False)[1])
            path = Path(self.path_for_shard(shard))
            if shard != INDEX_SHARD_NAME and not path.exists():
                self._make_file(path)
            # The lock is held while a connection is used, so threads may share it.
            engine = create_engine(
                self.conn_string_for_shard(shard),
                poolclass=NullPool,
                connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
            )
            event.listen(engine, "connect", _without_waiting_for_the_disk)
            self._connections[shard] = engine.connect()
        self._connections.move_to_end(shard)
        return self._connections[shard]

    def _make_file(self, path: Path) -> None:
        """Make the file of a new run."""
        with tempfile.NamedTemporaryFile(dir=self._base_dir, suffix=".part") as copy:
            copy.write(self._file_without_events())
            copy.flush()
            with suppress(FileExistsError):  # another process has made it meanwhile
                os.link(copy.name, path)
        self._initialized_dbs.add(path.stem)

    def _file_without_events(self) -> bytes:
        """What Dagster makes for a run that has no events yet."""
        if self._empty is None:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "empty.db"
                engine = create_engine(sqlite_uri(path), poolclass=NullPool)
                self._initdb(engine)
                engine.dispose()
                self._empty = path.read_bytes()
        return self._empty

    def has_table(self, table_name: str) -> bool:
        """Whether the index has a table: asked for every event of a check, and none goes away."""
        if table_name not in self._present and super().has_table(table_name):
            self._present.add(table_name)
        return table_name in self._present

    def _has_asset_key_col_on_connection(self, conn: Connection, column_name: str) -> bool:
        """Whether the index's table of assets has a column: likewise, for every materialisation."""
        name = f"asset_keys.{column_name}"
        if name not in self._present and super()._has_asset_key_col_on_connection(conn, column_name):
            self._present.add(name)
        return name in self._present

    def close_shard(self, run_id: str) -> None:
        """Close the file of a run, which is about to be removed."""
        with self._db_lock:
            connection = self._connections.pop(run_id, None)
            if connection is not None:
                _close(connection)
            self._initialized_dbs.discard(run_id)

    def forget_run(self, run_id: str) -> None:
        """Remove a finished run's log; that it made its partitions stays (`event_log_expiry`)."""
        event_log_expiry.forget(self, run_id)
        self.close_shard(run_id)
        for end in ("", "-wal", "-shm"):
            Path(self.path_for_shard(run_id) + end).unlink(missing_ok=True)

    def size_of_run(self, run_id: str) -> int:
        """Bytes of the file with a run's log."""
        return event_log_expiry.size(self, run_id)

    def without_pictures(self, before: float, dry_run: bool = False) -> tuple[int, int]:
        """Take pictures out of materialisations before an instant; how many events and bytes."""
        return event_log_expiry.without_pictures(self, before, dry_run)

    def give_back(self) -> None:
        """Close the files of runs, and fold the write-ahead logs into the files that they belong to.

        SQLite keeps a write-ahead log at the size that it once had, some megabytes a file, while it is open.
        What another process is reading stays, until the next time.
        """
        with self._db_lock:
            for shard in set(self._connections) - {INDEX_SHARD_NAME}:
                _close(self._connections.pop(shard))
                self._initialized_dbs.discard(shard)
            index = self._connections.get(INDEX_SHARD_NAME)
            if index is not None:
                index.exec_driver_sql(f"PRAGMA busy_timeout={FOLD_SECONDS * 1000}")
                index.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
                index.exec_driver_sql(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}")
                index.rollback()

    def dispose(self) -> None:
        """Close the files."""
        super().dispose()
        with self._db_lock:
            while self._connections:
                _close(self._connections.popitem()[1])


def _close(connection: Connection) -> None:
    connection.close()
    connection.engine.dispose()


def _without_waiting_for_the_disk(connection: Any, _record: Any) -> None:
    """Write without an fsync a transaction: with a write-ahead log no crash breaks the file.

    What a power failure may take are the events of the last moments, and the warehouse knows what is loaded.
    """
    connection.execute("PRAGMA synchronous=NORMAL")


#: As the `dagster.yaml` of homes made before version 0.2 names it.
EventLog = OpenSqliteEventLog
