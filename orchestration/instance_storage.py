"""Dagster's SQLite files in a home whose path has any characters.

Dagster 1.13 puts the path into a SQLAlchemy address as it stands, where `%2F` becomes `/`, and `?` and `#`
end the path. Here the path is escaped. `dagster.yaml` names the two classes below; every process of Dagster
loads this module by them, and `event_log.py` escapes its own addresses. So the pages' guard
is put up here.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from dagster._core.storage.event_log.sqlite import sqlite_event_log
from dagster._core.storage.runs.sqlite import sqlite_run_storage
from dagster._core.storage.schedules.sqlite import sqlite_schedule_storage
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.pool import NullPool

from orchestration.living import FOLDER, Living, LivingRuns
from orchestration.page_guard import guard_dagster
from warehouse.home import sqlite_uri


def escaped_address(base_dir: str, db_name: str) -> str:
    """The address of `<base_dir>/<db_name>.db`, as `create_db_conn_string` of Dagster gives it, escaped."""
    return sqlite_uri(Path(base_dir).absolute() / f"{db_name}.db")


for _module in (sqlite_run_storage, sqlite_event_log, sqlite_schedule_storage):
    setattr(_module, "create_db_conn_string", escaped_address)  # noqa: B010

guard_dagster()


class HomeRunStorage(LivingRuns, sqlite_run_storage.SqliteRunStorage):
    """`SqliteRunStorage` under DAGSTER_HOME, where the default instance keeps it."""

    @classmethod
    def config_type(cls) -> dict[str, Any]:  # type: ignore[override]
        """Nothing to configure."""
        return {}

    @classmethod
    def from_config_value(  # type: ignore[override]
        cls, inst_data: ConfigurableClassData | None, config_value: Any
    ) -> HomeRunStorage:
        """The runs of the home that DAGSTER_HOME names."""
        folder = os.path.join(os.environ["DAGSTER_HOME"], "history")
        storage = cls.from_local(folder, inst_data, **config_value)
        assert isinstance(storage, HomeRunStorage)
        storage.living = Living(Path(folder) / FOLDER)
        return storage

    @cached_property
    def _engine(self) -> Engine:
        """Remembers compiled statements; Dagster makes a new one, which knows none, for each statement."""
        return create_engine(self._conn_string, poolclass=NullPool)

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """A connection of its own, in a transaction."""
        with self._engine.connect() as connection, connection.begin():
            yield connection


class HomeScheduleStorage(sqlite_schedule_storage.SqliteScheduleStorage):
    """`SqliteScheduleStorage` under DAGSTER_HOME, where the default instance keeps it."""

    @classmethod
    def config_type(cls) -> dict[str, Any]:  # type: ignore[override]
        """Nothing to configure."""
        return {}

    @classmethod
    def from_config_value(  # type: ignore[override]
        cls, inst_data: ConfigurableClassData | None, config_value: Any
    ) -> sqlite_schedule_storage.SqliteScheduleStorage:
        """The schedules' ticks of the home that DAGSTER_HOME names."""
        folder = os.path.join(os.environ["DAGSTER_HOME"], "schedules")
        return cls.from_local(folder, inst_data, **config_value)
