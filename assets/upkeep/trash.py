"""Removal in two steps: a rename out of sight, which is whole or not at all, then the slow deletion.

The trash is a folder inside the same root, so that the rename stays on one disk. A process that is killed
leaves nothing half: what stands under its own name is complete, and the next run empties the trash.
"""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

TRASH = ".trash"


def weight(path: Path) -> int:
    """Bytes of a file, or of all files in a folder, one of two names once; 0 where there is neither."""
    if path.is_symlink() or not path.is_dir():
        return path.lstat().st_size if path.exists() or path.is_symlink() else 0
    seen: set[tuple[int, int]] = set()
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            try:
                status = os.lstat(os.path.join(folder, name))
            except FileNotFoundError:  # another process removed it meanwhile
                continue
            if status.st_nlink > 1:
                if (status.st_dev, status.st_ino) in seen:
                    continue
                seen.add((status.st_dev, status.st_ino))
            total += status.st_size
    return total


def put_away(root: Path, path: Path) -> None:
    """Move a file or folder of `root` into its trash; nothing is done where it is gone already."""
    trash = root / TRASH
    trash.mkdir(parents=True, exist_ok=True)
    try:
        path.rename(trash / f"{time.time_ns()}-{path.name.lstrip('.')}")
    except FileNotFoundError:
        return
    # Without this a power failure might bring the name back after its files were deleted.
    for changed in (path.parent, trash):
        _flush(changed)


def empty(root: Path) -> None:
    """Delete all that lies in the trash of `root`, also what a killed run left there."""
    trash = root / TRASH
    if not trash.is_dir():
        return
    for path in sorted(trash.iterdir()):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _flush(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
