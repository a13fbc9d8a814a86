"""Logs in one file without code in it: numpy arrays, and a JSON text that says which belong where.

A pickle runs what its writer liked when it is opened; this is data whoever wrote it.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from models.files import replace_file

if TYPE_CHECKING:
    from models.ranking.features.event_log import EventLog

ABOUT = "about"
PARTS, SCALARS = ("exposures", "external", "users", "items"), ("start_ms", "end_ms", "zone_offset_ms")

#: of each validation day, everything received before it, and its hours
LogDays = Sequence[tuple["EventLog", Sequence["EventLog"]]]


def save_days(path: Path, days: LogDays, **about: Any) -> None:
    """Write days, and more that JSON can say, to one file, whole or not at all; shared arrays once."""
    arrays: dict[str, np.ndarray] = {}
    numbers: dict[int, str] = {}  # by identity: all arrays live until the file is written

    def name_of(array: np.ndarray) -> str:
        name = numbers.setdefault(id(array), str(len(numbers)))
        arrays[name] = array
        return name

    def described(log: EventLog) -> dict[str, Any]:
        parts = {part: getattr(log, part) for part in PARTS}
        columns = {
            part: {field.name: name_of(getattr(value, field.name)) for field in fields(value)}
            for part, value in parts.items()
        }
        return columns | {name: int(getattr(log, name)) for name in SCALARS}

    document = about | {
        "days": [[described(log), [described(hour) for hour in hours]] for log, hours in days]
    }
    text = np.frombuffer(json.dumps(document).encode(), np.uint8)
    with replace_file(path) as fresh, fresh.open("wb") as file:
        np.savez(file, allow_pickle=False, **{ABOUT: text, **arrays})


def load_about(path: Path) -> dict[str, Any]:
    """What the file says of its days and besides; ValueError where it is no such file."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            document = json.loads(stored[ABOUT].tobytes())
    except (ValueError, KeyError, EOFError, TypeError, AttributeError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} is no file of days: write it by `hourfold tune --export`") from error
    if not isinstance(document, dict) or "days" not in document:
        raise ValueError(f"{path} is no file of days: write it by `hourfold tune --export`")
    return document


def load_days(path: Path) -> list[tuple[EventLog, list[EventLog]]]:
    """The days of a file that `save_days` wrote; ValueError where it is none."""
    from models.ranking.features.event_log import Entities, EventLog, Exposures, ExternalClicks

    document = load_about(path)
    kinds = dict(zip(PARTS, (Exposures, ExternalClicks, Entities, Entities), strict=True))
    with np.load(path, allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files if name != ABOUT}

    def log_of(described: dict[str, Any]) -> EventLog:
        parts: dict[str, Any] = {
            part: kind(**{name: arrays[number] for name, number in described[part].items()})
            for part, kind in kinds.items()
        }
        return EventLog(**parts, **{name: described[name] for name in SCALARS})

    return [(log_of(past), [log_of(hour) for hour in hours]) for past, hours in document["days"]]
