"""A process that encodes days of logs, to be killed at any point: by time, or at its n-th file operation."""

from __future__ import annotations

import sys
from multiprocessing.connection import Connection
from pathlib import Path

from assets.ranking.encoding import encode
from assets.ranking.instance_store import InstanceStore
from models.ranking.features.features import FeatureSettings
from models.ranking.instances import day, partition  # noqa: F401  imported before the fork
from tests.assets.ranking.day_logs import DAYS, history
from tests.faults.kills import Operations

VERSION = "v"


def run(logs: Path, root: Path, told: Connection, kill_at: int | None = None) -> None:
    """Encode all days below `root`; tells its operations on files."""
    of_logs = history(logs, DAYS[-1])
    operations = Operations(root, kill_at)
    sys.addaudithook(operations)
    told.send("begins")
    encode(of_logs, InstanceStore(root, VERSION), FeatureSettings(), DAYS)
    told.send(operations.done)
