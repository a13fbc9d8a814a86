"""Where the instance partitions of a source lie: `<instances>/<version>/<day>/`, each whole or not there.

A version is one way of making features. Another way of making them gives another version beside it, so that
no training ever mixes the two.
"""

from __future__ import annotations

import fcntl
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from models.files import writer_lives
from models.ranking.instances.manifest import BESIDE, find_manifest

_LEFT_OVER = re.compile(r"^\..+\.(?P<process>\d+)\.(?:tmp|old)$")


@dataclass(frozen=True)
class InstanceStore:
    """The partitions of one version. They are written under `root`; those under `others` are only read."""

    root: Path
    version: str
    others: tuple[Path, ...] = ()

    def new_folder(self, day: str) -> Path:
        """Where the partition of a day is written."""
        return self.root / self.version / day

    def folder(self, day: str, through_hash: str) -> Path | None:
        """The partition of a day that was made from these logs; None where there is none."""
        for root in (self.root, *self.others):
            folder = root / self.version / day
            manifest = find_manifest(folder)
            if manifest is not None and manifest["about"].get("through_hash") == through_hash:
                return folder
        return None

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Write alone: another process that encodes the same version waits until this one has ended."""
        path = self.root / self.version / ".lock"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def sweep(self) -> None:
        """Remove what killed processes left half written: partitions, and what trainings store beside one."""
        folder = self.root / self.version
        for left in (*folder.glob(".*"), *folder.glob(f"*/{BESIDE}/.*")):
            match = _LEFT_OVER.match(left.name)
            if match and not writer_lives(int(match["process"])):
                if left.is_dir():
                    shutil.rmtree(left, ignore_errors=True)
                else:
                    left.unlink(missing_ok=True)


def bytes_of(folders: Sequence[Path]) -> int:
    """Bytes on disk under these folders."""
    return sum(file.stat().st_size for folder in folders for file in folder.rglob("*") if file.is_file())
