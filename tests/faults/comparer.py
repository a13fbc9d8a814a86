"""A process that compares two systems on simulated logs, to be killed at any point."""

from __future__ import annotations

from multiprocessing.connection import Connection
from pathlib import Path

from assets.experiments.comparison.run import compare
from assets.experiments.comparison.settings import CompareSettings
from assets.experiments.source_logs import Logs
from tests.tiny_source import DAY

SETTINGS = CompareSettings(source="simulator", systems=("fm", "deepfm"), days=(DAY,), size="tiny")


def run(logs: Logs, out: Path, told: Connection) -> None:
    """Compare to the end, telling every stage that reports."""
    import torch

    torch.set_num_threads(1)
    compare(SETTINGS, logs, out, progress=lambda *stage: told.send(stage))
    told.send(("over", 1, 1))
