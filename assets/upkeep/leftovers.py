"""What killed processes left: temporary files and folders that never took their place."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path

from assets.upkeep.trash import TRASH
from models.files import writer_lives

OLD_SECONDS = 86_400  #: a younger one may belong to a process that still writes, here or on another machine
_PROCESS = re.compile(r"\.(\d+)\.(?:tmp|old)$")


def leftovers(roots: Iterable[Path], patterns: Sequence[str]) -> list[Path]:
    """Temporary files and folders below `roots`, unchanged for a day, whose process is gone."""
    return sorted(path for root in roots for path in _temporary(root, patterns) if _left(path))


def half_made(warehouse: Path) -> list[Path]:
    """Indices of ids beside a warehouse's file that were never finished, unchanged for a day."""
    return sorted(path for path in warehouse.parent.glob(f"{warehouse.name}*.part") if _left(path))


def _temporary(root: Path, patterns: Sequence[str]) -> Iterator[Path]:
    for folder, folders, files in os.walk(root):
        named = [name for name in (*folders, *files) if any(fnmatch(name, each) for each in patterns)]
        yield from (Path(folder) / name for name in named)
        folders[:] = [name for name in folders if name not in named and name != TRASH]


def _left(path: Path) -> bool:
    try:
        if time.time() - path.lstat().st_mtime < OLD_SECONDS:
            return False
    except FileNotFoundError:
        return False
    process = _PROCESS.search(path.name)
    return process is None or not writer_lives(int(process.group(1)))
