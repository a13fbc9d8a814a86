"""The chain of a day's hourly states: each folder holds the hours since the one before, and names all before.

A state after an hour is the daily model, every event received since, and the weights that moved. The events
of earlier hours lie in the folders of earlier hours already: `hour.json` names these, oldest first, each by
its path from this folder, with the hour that it is after and a hash of its events, by which a folder that was
saved again with other events is told from the one that this state was made with.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from models.ranking.features.array_files import from_bytes, to_bytes
from models.ranking.features.day_events import pack, unpack
from models.ranking.features.event_log import HOUR_MS, EventLog

ABOUT, EVENTS = "hour.json", "events.bin"
FORMER = "events.npz"  #: an earlier version's: all hours since the daily model, so its chain is empty


class BrokenChain(ValueError):
    """A state leans on a folder that is gone, or whose events are not those that it was made with."""


@dataclass(frozen=True)
class Link:
    """A folder that a state leans on."""

    folder: Path
    hour: str  #: after which it was saved, as 2026-03-05-07:00 in service time
    events: str  #: hash of its events


def hour_name(end_ms: int, zone_offset_ms: int) -> str:
    """The service hour that ends at an instant, as 2026-03-05-07:00."""
    start = datetime.fromtimestamp((end_ms - HOUR_MS + zone_offset_ms) / 1000, UTC)
    return f"{start:%Y-%m-%d-%H:%M}"


def write_events(folder: Path, hours: Sequence[EventLog]) -> str:
    """Write hours into a folder that is being made; returns the hash of what was written."""
    data = to_bytes(pack(list(hours)))
    (folder / EVENTS).write_bytes(data)
    return _hash(data)


def described(chain: Sequence[Link], folder: Path) -> list[list[str]]:
    """The links as JSON values, as seen from `folder`."""
    return [[os.path.relpath(link.folder, folder), link.hour, link.events] for link in chain]


def links(folder: Path) -> list[Link]:
    """The folders that the state in `folder` leans on, oldest first; none where no state can be read."""
    chain = _about(folder).get("chain", [])
    return [Link(_seen_from(folder, path), hour, events) for path, hour, events in chain]


def whole(folder: Path) -> bool:
    """Whether all links of a state are there and say that they hold its events; reads no events."""
    return all(_says(link.folder) == link.events for link in links(folder))


def received(folder: Path) -> tuple[list[EventLog], list[Link]]:
    """The hours received through a state since its daily model, and the chain that ends with the state.

    Raises:
        BrokenChain: a link is gone or holds other events, or the state's own events are not those saved.
    """
    about = _about(folder)
    hours: list[EventLog] = []
    chain = links(folder)
    for link in chain:
        hours += _read(folder, link)[0]
    hour = about.get("hour", folder.parent.name)
    own, events = _read(folder, Link(folder, hour, about.get("events", "")))
    return hours + own, [*chain, Link(folder, hour, events)]


def _seen_from(folder: Path, path: str) -> Path:
    """The folder at a relative path, named as `folder` is: who lists folders finds it again."""
    for part in Path(path).parts:
        folder = folder.parent if part == ".." else folder / part
    return folder


def _read(state: Path, link: Link) -> tuple[list[EventLog], str]:
    """A link's hours and the hash of its events."""
    file = next((link.folder / name for name in (EVENTS, FORMER) if (link.folder / name).is_file()), None)
    if file is None:
        raise BrokenChain(_broken(state, link, "which is gone"))
    data = file.read_bytes()
    events = _hash(data)
    if link.events and events != link.events:
        raise BrokenChain(_broken(state, link, "which was saved again with other events or is damaged"))
    if file.name == EVENTS:
        return unpack(from_bytes(data)), events
    with np.load(io.BytesIO(data)) as arrays:
        return unpack(dict(arrays)), events


def _broken(state: Path, link: Link, what: str) -> str:
    return (
        f"the state in {state} leans on that of hour {link.hour} in {link.folder}, {what}: "
        f"run the day's hours again from hour {link.hour} on"
    )


def _says(folder: Path) -> str | None:
    """The hash of a state's events as its folder states it; None where there is none."""
    events: str | None = _about(folder).get("events")
    former = folder / FORMER
    return _hash(former.read_bytes()) if events is None and former.is_file() else events


def _about(folder: Path) -> dict[str, Any]:
    """What `hour.json` says; nothing where it is missing or damaged, which the hash of the state tells."""
    try:
        about: dict[str, Any] = json.loads((folder / ABOUT).read_text())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return {}
    return about


def _hash(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=8).hexdigest()
