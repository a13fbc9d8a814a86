"""A stage of a home's life in a process of its own, that ends by SIGKILL at its n-th durable event.

Durable events are writes, renames and removals of files below the home as Python sees them, and the commits
of Dagster's and MLflow's databases. What DuckDB writes is not among them: it is met by kills in time.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from mlflow.tracking import MlflowClient  # noqa: F401  imported before the fork
from sqlalchemy.engine.default import DefaultDialect

from models.ranking import registry  # noqa: F401  imported before the fork
from orchestration.jobs import DAILY, daily_assets
from orchestration.run import run_hours, run_ingest
from orchestration.session import Session
from tests.faults.kills import die
from tests.live.world import DAYS, HOUR_MS, START_MS, at, deployment
from warehouse.home import Home

AFTER_MS = START_MS + 26 * HOUR_MS  #: the clock of every stage: two hours of the second day are over
WRITES = os.O_WRONLY | os.O_RDWR
CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir")


def ingest(session: Session) -> None:
    """Gate and load the first day."""
    run_ingest(session, DAYS[0], DAYS[0])


def night(session: Session) -> None:
    """Encode the first day, train on it, promote."""
    session.run(DAILY, DAYS[0], only=daily_assets(session.deployment))


def hours(session: Session) -> None:
    """Load the second day's hours, score each and adapt on it."""
    run_hours(session, DAYS[1])


STAGES: dict[str, Callable[[Session], None]] = {"ingest": ingest, "night": night, "hours": hours}


class DurableEvents:
    """Counts what is done below a folder, and ends the process at one of these events."""

    def __init__(self, root: Path, kill_at: int) -> None:
        """Args: number of the deadly event, from 1 on; 0: none is."""
        self._root, self._kill_at, self.count = str(root), kill_at, 0

    def watch(self) -> None:
        """From now on."""
        sys.addaudithook(self._hook)
        commit = DefaultDialect.do_commit

        def counted(dialect: Any, connection: Any) -> None:
            self._event()
            commit(dialect, connection)

        DefaultDialect.do_commit = counted  # type: ignore[method-assign]

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            if isinstance(flags, int) and flags & WRITES and str(path).startswith(self._root):
                self._event()
        elif event in CHANGES and any(str(one).startswith(self._root) for one in arguments):
            self._event()

    def _event(self) -> None:
        self.count += 1
        if self.count == self._kill_at:
            die()


def live(landing: Path, root: Path, stage: str, kill_at: int, tell: Connection) -> None:
    """Run a stage; tells that it begins, and at its end the number of durable events or why it failed."""
    events = DurableEvents(root, kill_at)
    tell.send("begins")
    try:
        with at(AFTER_MS):
            events.watch()
            with Session(deployment(landing), Home(root)) as session:
                STAGES[stage](session)
        tell.send(events.count)
    except Exception:
        tell.send(traceback.format_exc())
