"""From the name of a source to a filled landing folder; the one place that knows all sources."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from models.progress import Progress

if TYPE_CHECKING:
    from simulator import SimulatorSettings
    from warehouse.home import SourceHome
    from warehouse.landing.description import SourceDescription

SOURCES = ("simulator", "kuairand", "complete-journey", "landing")


def fill_landing(
    source: str,
    home: SourceHome,
    data: Path | None = None,
    *,
    simulation: SimulatorSettings | None = None,
    progress: Progress | None = None,
) -> Path:
    """The landing folder of a source: the user's own for `landing`, else the one under home, filled once.

    Raises:
        ValueError: an unknown source, or one that needs `data` without it.
        FileNotFoundError: a file of the source is missing.
    """
    if source not in SOURCES:
        raise ValueError(f"unknown source {source!r}; known: {', '.join(SOURCES)}")
    if source == "landing":
        if data is None:
            raise ValueError("source landing needs --data, your landing folder (docs/bring-your-own-logs.md)")
        return _only(home, data.expanduser().resolve())
    if (home.landing / "source.json").exists():
        return home.landing
    if source == "kuairand":
        from warehouse.sources import kuairand

        if data is None:
            raise ValueError("source kuairand needs --data, the folder with the official KuaiRand files")
        kuairand.fill(home.landing, data.expanduser())
    elif source == "complete-journey":
        from warehouse.sources import complete_journey

        complete_journey.fill(home.landing, progress=progress)
    else:
        from simulator.feed.fill import fill

        fill(home.landing, simulation, progress=progress)
    return home.landing


def described(landing: Path) -> SourceDescription:
    """What a landing folder holds: its `source.json`, written from what its files show where there is none.

    Written once, so that columns do not change their place when the next file has others first.

    Raises:
        ValueError: it is no folder, or `source.json` is missing and cannot be written there.
    """
    from warehouse.landing import landing as reader
    from warehouse.landing.description import FILE_NAME

    if not landing.is_dir():
        raise ValueError(
            f"{landing} is not a folder: --data must name the folder that holds exposures/, purchases/ …"
        )
    found = reader.describe(landing)
    if not (landing / FILE_NAME).exists():
        try:
            found.save(landing)
        except OSError as error:
            raise ValueError(
                f"{landing} cannot be written to ({error}): put this {FILE_NAME} there: {found!r}"
            ) from error
    return found


def last_landed_day(landing: Path, description: SourceDescription) -> str:
    """The newest day with events; logs of one's own go on after `source.json` was written."""
    from warehouse.landing.inference import DATED

    return max([description.last_day, *landed_days(landing, description, DATED)])


def landed_days(landing: Path, description: SourceDescription, tables: Iterable[str]) -> list[str]:
    """Days on which any of these tables has files, in order."""
    from warehouse.landing import layout

    return sorted(
        {day for t in tables for day in layout.dates(layout.partitions(landing, description.contract(t)))}
    )


def _only(home: SourceHome, landing: Path) -> Path:
    """Refuse a second folder under one home: its rows would be counted with the first one's."""
    stamp = home.root / "landing-folder"
    if stamp.exists() and stamp.read_text() != str(landing):
        raise ValueError(
            f"{home.root} already holds the logs of {stamp.read_text()}: set HOURFOLD_HOME to another folder"
        )
    home.root.mkdir(parents=True, exist_ok=True)
    stamp.write_text(str(landing))
    return landing
