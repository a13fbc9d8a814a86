"""A process that encodes days of logs, to be killed at any point: by time, or at its n-th file operation."""

from __future__ import annotations

import os
import signal
import sys
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from assets.ranking.encoding import encode
from assets.ranking.instance_store import InstanceStore
from models.ranking.features.features import FeatureSettings
from models.ranking.instances import day, partition  # noqa: F401  imported before the fork
from tests.assets.ranking.day_logs import DAYS, history

VERSION = "v"
OPERATIONS = ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "shutil.rmtree")


def run(logs: Path, root: Path, told: Connection, kill_at: int | None = None) -> None:
    """Encode all days below `root`; tells how many file operations there were."""
    of_logs = history(logs, DAYS[-1])
    counter = Operations(root, kill_at)
    sys.addaudithook(counter)
    told.send("begins")
    encode(of_logs, InstanceStore(root, VERSION), FeatureSettings(), DAYS)
    told.send(counter.count)


class Operations:
    """Counts what is done to files below a folder, and ends the process without a word at one of them."""

    def __init__(self, root: Path, kill_at: int | None) -> None:
        self.root, self.kill_at, self.count = str(root), kill_at, 0

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        """An audit hook."""
        if event in OPERATIONS and any(str(one).startswith(self.root) for one in arguments):
            self.count += 1
            if self.count == self.kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
