"""Which runs still have a process: each run holds the lock of a file for as long as its process lives.

The system gives a lock back whatever ends a process: an error, kill -9, a closed terminal, a reboot. The id
of a process could be another's by now, and means nothing in another container.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from dagster import DagsterEvent, DagsterEventType
from dagster._core.storage.runs.sql_run_storage import SqlRunStorage

if TYPE_CHECKING:
    from typing import IO

FOLDER = "living"  #: in the folder of the run storage
ENDS = (DagsterEventType.RUN_SUCCESS, DagsterEventType.RUN_FAILURE, DagsterEventType.RUN_CANCELED)

#: The files of runs that this process executes. A POSIX lock goes as soon as its process closes the file, by
#: whatever handle: what is in here must never be opened a second time.
_held: dict[Path, IO[str]] = {}


class Living:
    """The files of a home's living runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def begin(self, run_id: str) -> None:
        """This process executes the run from here on."""
        path = self.folder / run_id
        if path in _held:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        file = path.open("a+")
        fcntl.lockf(file, fcntl.LOCK_EX)  # another process may look just now: it does so for an instant
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        _held[path] = file

    def end(self, run_id: str) -> None:
        """The run is over, if this process executed it."""
        path = self.folder / run_id
        file = _held.pop(path, None)
        if file is not None:
            path.unlink(missing_ok=True)
            file.close()

    def lives(self, run_id: str) -> bool:
        """Whether some process executes the run."""
        path = self.folder / run_id
        if path in _held:
            return True
        try:
            with path.open() as file:
                fcntl.lockf(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except OSError:  # locked by the process that executes it
            return True
        return False

    def process(self, run_id: str) -> str:
        """The id of the process that executes it, or did; empty where it is not known."""
        path = self.folder / run_id
        if path in _held:
            return str(os.getpid())
        with suppress(OSError):
            return path.read_text()
        return ""

    def left(self) -> list[str]:
        """The runs whose processes did not end them."""
        names = sorted(os.listdir(self.folder)) if self.folder.is_dir() else []
        return [name for name in names if not self.lives(name)]

    def forget(self, run_id: str) -> None:
        """Remove the file that a dead process left."""
        (self.folder / run_id).unlink(missing_ok=True)


class LivingRuns(SqlRunStorage):
    """Of a run storage: a run is marked as living from before it is said to start until it is said to end."""

    living: Living

    def handle_run_event(
        self, run_id: str, event: DagsterEvent, update_timestamp: datetime | None = None
    ) -> None:
        """As Dagster's own; only the process that executes a run tells that it has started."""
        if event.event_type == DagsterEventType.RUN_START:
            self.living.begin(run_id)
        super().handle_run_event(run_id, event, update_timestamp)
        if event.event_type in ENDS:
            self.living.end(run_id)
