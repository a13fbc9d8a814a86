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

from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import NullPool, QueuePool

from orchestration import event_log_expiry
from warehouse.home import sqlite_uri

OPEN_SHARDS = 8  #: runs whose files stay open; each run has one, and there is an index of all
BUSY_SECONDS = 60  #: how long to wait for another process that writes, as Dagster does


class OpenSqliteEventLog(SqliteEventLogStorage):
    """`SqliteEventLogStorage` under DAGSTER_HOME, where the default instance keeps it."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines: OrderedDict[str, Engine] = OrderedDict()
        self._tables: set[str] = set()  #: that are known to be in the index
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
            engine = self._engine(shard)
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.connect() as connection, connection.begin():
                yield connection

    def _engine(self, shard: str) -> Engine:
        if shard not in self._engines:
            if len(self._engines) >= OPEN_SHARDS:
                self._engines.popitem(last=False)[1].dispose()
            # The lock is held while a connection is used, so threads may share it.
            engine = create_engine(
                self.conn_string_for_shard(shard),
                poolclass=QueuePool,
                pool_size=1,
                connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
            )
            event.listen(engine, "connect", _without_waiting_for_the_disk)
            self._engines[shard] = engine
        self._engines.move_to_end(shard)
        return self._engines[shard]

    def _initdb(self, engine: Engine, for_index_shard: bool = False) -> None:
        """Make the tables of a file that is new, or look at those of one that is there."""
        path = Path(engine.url.database or "")
        if for_index_shard or path.exists():  # it may be of an earlier version of Dagster
            super()._initdb(engine, for_index_shard)
            return
        with tempfile.NamedTemporaryFile(dir=self._base_dir, suffix=".part") as copy:
            copy.write(self._file_without_events())
            copy.flush()
            with suppress(FileExistsError):  # another process has made it meanwhile
                os.link(copy.name, path)

    def _file_without_events(self) -> bytes:
        """What Dagster makes for a run that has no events yet."""
        if self._empty is None:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "empty.db"
                engine = create_engine(sqlite_uri(path), poolclass=NullPool)
                super()._initdb(engine)
                engine.dispose()
                self._empty = path.read_bytes()
        return self._empty

    def has_table(self, table_name: str) -> bool:
        """Whether the index has a table: asked for every event of a check, and none goes away."""
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    def close_shard(self, run_id: str) -> None:
        """Close the file of a run, which is about to be removed."""
        with self._db_lock:
            engine = self._engines.pop(run_id, None)
            if engine is not None:
                engine.dispose()
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

    def dispose(self) -> None:
        """Close the files."""
        super().dispose()
        with self._db_lock:
            while self._engines:
                self._engines.popitem()[1].dispose()


def _without_waiting_for_the_disk(connection: Any, _record: Any) -> None:
    """Write without an fsync a transaction: with a write-ahead log no crash breaks the file.

    What a power failure may take are the events of the last moments, and the warehouse knows what is loaded.
    """
    connection.execute("PRAGMA synchronous=NORMAL")


#: As the `dagster.yaml` of homes made before version 0.2 names it.
EventLog = OpenSqliteEventLog
