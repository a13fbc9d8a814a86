"""Simulated logs for the command line: filled once, and broken on purpose once."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from models.progress import Progress

if TYPE_CHECKING:
    from simulator import SimulatorSettings

RECORD = "simulation.json"


def simulate_into(
    landing: Path,
    settings: SimulatorSettings,
    share: float,
    *,
    feed: bool = True,
    progress: Progress | None = None,
) -> dict[str, dict[str, int]]:
    """Fill `landing` with simulated logs and break a share of the rows; returns how many by table and rule.

    A folder that holds the same simulation already is left as it is. One of another simulation is replaced.
    Without the feed, the shop's tables are written alone.
    The record is written last, so that an interrupted simulation is begun anew.
    """
    from simulator.corruption import corrupt
    from simulator.feed.fill import fill
    from warehouse.landing.contract import TABLES
    from warehouse.landing.writing import replace_text

    key = f"{settings.settings_hash()} {share}" + ("" if feed else " without feed")
    path = landing / RECORD
    if path.exists():
        record = json.loads(path.read_text())
        if record["key"] == key:
            return dict(record["broken"])
    if landing.exists():
        _clear(landing)
    description = fill(landing, settings, feed=feed, progress=progress)
    broken: dict[str, dict[str, int]] = {}
    if share:
        contracts = {table: description.contract(table) for table in TABLES}
        report = corrupt(landing, share, settings.seed, contracts)
        broken = {table: dict(rules) for table, rules in report.broken.items()}
    replace_text(path, json.dumps({"key": key, "broken": broken}, indent=1) + "\n")
    return broken


def _clear(landing: Path) -> None:
    """Remove a former simulation; a folder of another source is never touched."""
    from simulator.feed.fill import UNFINISHED
    from warehouse.landing.description import FILE_NAME, SourceDescription

    if (landing / FILE_NAME).exists():
        if not SourceDescription.load(landing).simulated:
            raise FileExistsError(f"{landing} holds logs that are not simulated: choose another folder")
    elif any(landing.iterdir()) and not (landing / UNFINISHED).exists():
        raise FileExistsError(f"{landing} is not empty and holds no simulation: choose another folder")
    shutil.rmtree(landing)
