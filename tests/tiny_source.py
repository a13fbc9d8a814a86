"""A tiny simulated source that has passed the real gate, loaded once for all test processes."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from unittest.mock import patch

from filelock import FileLock

from assets.experiments.comparison.prepare import prepare
from assets.experiments.comparison.settings import CompareSettings

DAY = "2025-03-05"


def tiny_source(tmp_path_factory, home: Path) -> None:
    """Copy the source into a home, for tests of what is done with logs that are loaded already."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    original, done = shared / "tiny source", shared / "tiny source.done"
    with FileLock(shared / "tiny source.lock"):
        if not done.exists():
            original.mkdir()
            with patch.dict(os.environ, HOURFOLD_HOME=str(original)):
                prepare(CompareSettings(source="simulator", systems=("fm",), days=(DAY,), size="tiny"), None)
            done.touch()
    shutil.copytree(original, home, dirs_exist_ok=True)
