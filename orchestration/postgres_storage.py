"""Dagster's records in Postgres, as `dagster.postgres.yaml` names them: a team's server beside its database.

Dagster's own storages, which know which runs live and how a step waits for a slot. Which runs live is told
by locks of files, so every process that executes runs shares the folder of the home; the database says
nothing of it. The pages' guard is put up here as for SQLite (`instance_storage`). `dagster-postgres` comes
with `hourfold[team]`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, TypeVar

from dagster._serdes import ConfigurableClassData
from dagster_postgres.event_log import PostgresEventLogStorage
from dagster_postgres.run_storage import PostgresRunStorage
from dagster_postgres.utils import create_pg_engine, pg_url_from_config

from orchestration.living import FOLDER, Living, LivingRuns
from orchestration.page_guard import guard_dagster
from orchestration.waiting import WaitingClaims

RECYCLE_SECONDS = 600  #: after which a connection is made anew: balancers drop those that are idle for long
THREADS = 20  #: further connections at once, closed after use
Storage = TypeVar("Storage", bound=PostgresRunStorage | PostgresEventLogStorage)

guard_dagster()


class PostgresLivingRuns(LivingRuns, PostgresRunStorage):
    """`PostgresRunStorage`, with the locks of living runs under DAGSTER_HOME."""

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Any
    ) -> PostgresLivingRuns:
        """The runs of the database that the configuration names."""
        storage = _opened(cls, inst_data, config_value)
        storage.living = Living(Path(os.environ["DAGSTER_HOME"]) / "history" / FOLDER)
        return storage


class PostgresWaitingLog(WaitingClaims, PostgresEventLogStorage):
    """`PostgresEventLogStorage`, in which a step ends a dead run that it would wait for."""

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Any
    ) -> PostgresWaitingLog:
        """The events of the database that the configuration names."""
        log = _opened(cls, inst_data, config_value)
        log._told = {}
        return log


def _opened(cls: type[Storage], inst_data: ConfigurableClassData | None, config_value: Any) -> Storage:
    """A storage as `dagster.postgres.yaml` says, with one connection that is kept open.

    A new one for each statement is most of the time of a short run. One that the server has closed meanwhile
    is noticed before it is used, and made anew.
    """
    storage = cls(
        postgres_url=pg_url_from_config(config_value),
        should_autocreate_tables=config_value.get("should_autocreate_tables", True),
        inst_data=inst_data,
    )
    storage._engine = create_pg_engine(
        storage.postgres_url,
        isolation_level="AUTOCOMMIT",
        pool_size=1,
        max_overflow=THREADS,
        pool_recycle=RECYCLE_SECONDS,
        pool_pre_ping=True,
    )
    return storage
