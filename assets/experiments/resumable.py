"""A folder of finished pieces beside an output file: JSON lines that survive a kill."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from models.files import replace_file


class PartialLines:
    """The folder `<out>.partial`, kept for one key; a line cut short by a kill is dropped when read."""

    name = "rows.jsonl"

    def __init__(self, out: Path, key: str) -> None:
        """Open the pieces of `key`; those of other settings or data are removed.

        Args:
            out: the output file that will hold them in the end.
            key: of all that moves a figure.
        """
        self.out = out
        self.folder = out.with_name(out.name + ".partial")
        self.key = key
        stamp = self.folder / "key"
        if self.folder.exists() and (not stamp.exists() or stamp.read_text() != key):
            shutil.rmtree(self.folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        stamp.write_text(key)

    @property
    def path(self) -> Path:
        """The file of lines."""
        return self.folder / self.name

    def read(self) -> list[Any]:
        """Every value stored so far."""
        lines = []
        for line in self.path.read_text().splitlines() if self.path.exists() else []:
            try:
                lines.append(json.loads(line))
            except ValueError:
                continue
        return lines

    def append(self, lines: Sequence[str]) -> None:
        """Store JSON texts, one a line; they survive a kill as soon as this returns."""
        with self.path.open("a") as file:
            file.write("\n" * self._cut_short() + "".join(line + "\n" for line in lines))
            file.flush()
            os.fsync(file.fileno())

    def finish(self, document: Any) -> None:
        """Write the result, then forget the pieces."""
        with replace_file(self.out) as fresh:
            fresh.write_text(json.dumps(document, indent=1, allow_nan=False) + "\n")
        shutil.rmtree(self.folder)

    def _cut_short(self) -> bool:
        """Whether the last line lacks its end, so that the next one must not be glued to it."""
        if not self.path.exists() or not self.path.stat().st_size:
            return False
        with self.path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) != b"\n"
