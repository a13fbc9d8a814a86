"""Records of landed files that are remembered: one that has not changed is not read again to say so."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from dataclasses import dataclass, field
from pathlib import Path

from warehouse.landing.records import SourceFile
from warehouse.landing.writing import replace_text

#: A file that was written so shortly before it was read may be written again within one tick of its clock.
SETTLED_NS = 2_000_000_000

log = logging.getLogger(__name__)


@dataclass
class RememberedFiles:
    """Size and hash of files by path, each true as long as the file's inode, size and times are the same.

    The time of its last change (`ctime`) is set by the system alone: who puts back the time of writing cannot
    hide a change.
    """

    path: Path | None = None  #: where they are kept; None: in memory alone
    known: dict[str, tuple[list[int], str]] = field(default_factory=dict)  #: path → signs, SHA-256
    changed: bool = False

    @classmethod
    def load(cls, path: Path) -> RememberedFiles:
        """What was saved in `path`; nothing where that cannot be read."""
        try:
            stored = json.loads(path.read_text())
            known = {name: (list(signs), str(sha)) for name, (signs, sha) in stored.items()}
        except FileNotFoundError:
            known = {}
        except (ValueError, TypeError, AttributeError) as error:
            log.warning("%s cannot be read (%s): the files of users and items are read again", path, error)
            known = {}
        return cls(path, known)

    def record(self, file: Path, relative: str) -> SourceFile:
        """The record of a file, which is read where it is not known as it is now."""
        stat = file.stat()
        signs = [stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]
        former = self.known.get(str(file))
        if former is not None and former[0] == signs:
            return SourceFile(relative, stat.st_size, former[1])
        with file.open("rb") as opened:  # a piece at a time, however large it is
            record = SourceFile(relative, stat.st_size, hashlib.file_digest(opened, "sha256").hexdigest())
        if time.time_ns() - max(stat.st_mtime_ns, stat.st_ctime_ns) > SETTLED_NS:
            self.known[str(file)] = (signs, record.sha256)
            self.changed = True
        return record

    def save(self) -> None:
        """Write what is known of files that are still there."""
        if self.path is not None and self.changed:
            present = {name: known for name, known in self.known.items() if Path(name).exists()}
            replace_text(self.path, json.dumps(present))
            self.changed = False
