"""A clean-up in a process of its own that ends by SIGKILL at its n-th durable step; 0 never."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import dagster as dg
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from mlflow.tracking import MlflowClient

from assets.common import clock
from assets.common.resources import HomeResource, TrackingResource, WarehouseResource
from assets.upkeep import cleaning, dagster_runs
from assets.upkeep.needs import WindowDays
from orchestration.event_log import OpenSqliteEventLog
from tests.faults.kills import die
from warehouse.landing.service_time import ServiceZone


def run(root: Path, last: str, steps: int, told: Connection) -> None:
    """Clean up; tells how many durable steps there were."""
    os.environ["HOURFOLD_HOME"] = str(root)
    now = ServiceZone("UTC").day_start_ms(last) + 30 * 3_600_000
    clock.now_ms = lambda: now  # type: ignore[assignment]
    cleaning.window_of = lambda *_: WindowDays(2, 2)  # type: ignore[assignment]
    later = datetime.now(UTC) + timedelta(days=2)
    dagster_runs.present = lambda: later  # type: ignore[assignment]
    done = 0

    def dying(function: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **options: Any) -> Any:
            nonlocal done
            done += 1
            if done == steps:
                die()
            return function(*arguments, **options)

        return counted

    for owner, name in (
        *((Path, name) for name in ("rename", "unlink")),
        *((os, name) for name in ("unlink", "rmdir", "fsync")),
        *((MlflowClient, name) for name in ("delete_run", "delete_model_version")),
        (SqlAlchemyStore, "_hard_delete_run"),
        (OpenSqliteEventLog, "close_shard"),
        (OpenSqliteEventLog, "forget_run"),
    ):
        setattr(owner, name, dying(getattr(owner, name)))
    home, options = HomeResource(root=str(root)), {"root": str(root)}
    os.environ["DAGSTER_HOME"] = str(home.home.dagster)
    with dg.DagsterInstance.from_config(str(home.home.dagster)) as instance:
        tracking = TrackingResource(**options).open()
        done = 0
        cleaning.Cleaning(home, WarehouseResource(**options), tracking, instance, False).run()
    told.send(done)
