"""The manifest of a day's instances, what lies beside it, and how it is read.

Nothing heavy is imported here, so that those who only look for partitions need neither arrays nor Arrow.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FORMAT = 3
MANIFEST, STATE = "manifest.json", "state"  #: in a partition's folder
#: There, too: where others may store what is made once of its day's events (`EventDays.beside`).
BESIDE = "made_of_events"
REMEDY = "remove the folder of that day, and materialise training_instances of it again"


def read_manifest(folder: Path) -> dict[str, Any]:
    """What `write_day` noted of a partition.

    Raises:
        FileNotFoundError: there is no partition in `folder`.
        ValueError: its manifest is damaged, or of another version of the format.
    """
    file = folder / MANIFEST
    if not file.is_file():
        raise FileNotFoundError(f"{file}: no instances of a day were written here; {REMEDY}")
    try:
        manifest = json.loads(file.read_text())
    except ValueError as error:
        raise ValueError(f"{file} is damaged ({error}); {REMEDY}") from error
    if manifest.get("format") != FORMAT:
        raise ValueError(
            f"{file} is of format {manifest.get('format')}, this version reads {FORMAT}; {REMEDY}"
        )
    return dict(manifest)


def find_manifest(folder: Path) -> dict[str, Any] | None:
    """The same; None for a folder without a finished partition.

    Raises:
        ValueError: as `read_manifest`.
    """
    return read_manifest(folder) if (folder / MANIFEST).is_file() else None
