"""From the name of a source to a landing folder that is filled and described, and to a loaded warehouse."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from models.progress import Progress
from warehouse.landing.contract import PartitionKind
from warehouse.landing.writing import replace_text

if TYPE_CHECKING:
    from simulator import SimulatorSettings
    from warehouse.home import Home, SourceHome
    from warehouse.landing.description import SourceDescription

SOURCES = ("simulator", "kuairand", "complete-journey", "landing")

FOLDER_STAMP = "landing-folder"  #: file under the source's home: the folder with the user's own logs

#: Partitions in one run of the gate and one transaction, which bounds memory: three days of hours, or a year
#: of a middling shop.
PARTITIONS_PER_LOAD = {PartitionKind.HOUR: 72, PartitionKind.FILE: 72, PartitionKind.DAY: 400}


@dataclass(frozen=True)
class OpenedSource:
    """A source whose landing folder is filled, with what that folder holds."""

    name: str
    home: SourceHome
    landing: Path
    description: SourceDescription

    @property
    def last_day(self) -> str:
        """The newest day with events; logs of one's own go on after `source.json` was written."""
        from warehouse.landing.inference import DATED

        return max([self.description.last_day, *self.landed_days(DATED)])

    def landed_days(self, tables: Iterable[str]) -> list[str]:
        """Days on which any of these tables has files, in order."""
        from warehouse.landing import layout

        contracts = [self.description.contract(table) for table in tables]
        return layout.dates([key for c in contracts for key in layout.partitions(self.landing, c)])

    def load(self, tables: Iterable[str], progress: Progress | None = None) -> None:
        """Pass every landed partition that is not loaded as it is now through the gate, table by table.

        Raises:
            BatchRejected: a batch rule is broken; what was loaded before stands.
        """
        from assets.logs.ingest import ingest, pending

        for table in tables:
            missing = pending(self.home, table, landing=self.landing, description=self.description)
            at_once = PARTITIONS_PER_LOAD[self.description.contract(table).partition]
            for first in range(0, len(missing), at_once):
                chunk = missing[first : first + at_once]
                ingest(self.home, table, chunk, landing=self.landing, description=self.description)
                if progress:
                    progress(f"gate and load {table}", first + len(chunk), len(missing))


def open_source(
    name: str,
    home: Home,
    data: Path | None = None,
    *,
    simulation: SimulatorSettings | None = None,
    progress: Progress | None = None,
) -> OpenedSource:
    """Fill the landing folder of a source where it is not filled yet, and read what it holds.

    A landing folder that is filled already is used as it is, so that all who open the source in one home see
    the same rows.

    Args:
        name: simulator, kuairand, complete-journey or landing.
        home: where the source's folders are.
        data: where the files of kuairand or landing are; of one's own logs, it is said once.
        simulation: settings of the simulator.
        progress: called with (stage, done, total).

    Raises:
        ValueError: an unknown source, one that needs `data` without it, or a second landing folder.
        FileNotFoundError: a file of the source is missing.
    """
    paths = home.source(name)
    if name == "landing" and data is None:
        data = _folder_named_before(home)
    landing = fill_landing(name, paths, data, simulation=simulation, progress=progress)
    return OpenedSource(name, paths, landing, described(landing))


def _folder_named_before(home: Home) -> Path | None:
    """The folder of the user's own logs, as the deployment or the first opening of the source has it."""
    from warehouse.home import Deployment

    deployed, stamp = Deployment.load(home).landing, home.source("landing").root / FOLDER_STAMP
    if deployed:
        return Path(deployed)
    return Path(stamp.read_text()) if stamp.exists() else None


def fill_landing(
    source: str,
    home: SourceHome,
    data: Path | None = None,
    *,
    simulation: SimulatorSettings | None = None,
    progress: Progress | None = None,
) -> Path:
    """The landing folder of a source: the user's own for `landing`, else the one under home, filled once."""
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
    from warehouse.landing import reading
    from warehouse.landing.description import FILE_NAME

    if not landing.is_dir():
        raise ValueError(
            f"{landing} is not a folder: --data must name the folder that holds exposures/, purchases/ …"
        )
    description = reading.describe(landing)
    if not (landing / FILE_NAME).exists():
        try:
            description.save(landing)
        except OSError as error:
            raise ValueError(
                f"{landing} cannot be written to ({error}): put this {FILE_NAME} there: {description!r}"
            ) from error
    return description


def _only(home: SourceHome, landing: Path) -> Path:
    """Refuse a second folder under one home: its rows would be counted with the first one's."""
    stamp = home.root / FOLDER_STAMP
    if stamp.exists() and stamp.read_text() != str(landing):
        raise ValueError(
            f"{home.root} already holds the logs of {stamp.read_text()}: set HOURFOLD_HOME to another folder"
        )
    replace_text(stamp, str(landing))
    return landing
