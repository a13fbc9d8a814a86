"""From the name of a source to a landing folder that is filled and described, and to a loaded warehouse."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from models.progress import Progress
from warehouse.landing.contract import PartitionKind
from warehouse.landing.writing import replace_text

if TYPE_CHECKING:
    from assets.logs.reports import IngestReport
    from simulator import SimulatorSettings
    from warehouse.home import Home, SourceHome
    from warehouse.landing.description import SourceDescription
    from warehouse.landing.files import FileRejected

log = logging.getLogger(__name__)

SOURCES = ("simulator", "kuairand", "complete-journey", "landing")

FOLDER_STAMP = "landing-folder"  #: file under the source's home: the folder with the user's own logs

#: Partitions in one run of the gate and one transaction, if memory has room for them (`portions`): three days
#: of hours, or a year of a middling shop.
PARTITIONS_PER_LOAD = {PartitionKind.HOUR: 72, PartitionKind.FILE: 72, PartitionKind.DAY: 400}


@dataclass(frozen=True)
class Refused:
    """What was left out of a load, collected while the rest goes on."""

    reports: list[IngestReport] = field(default_factory=list)
    files: list[FileRejected] = field(default_factory=list)


@dataclass(frozen=True)
class OpenedSource:
    """A source whose landing folder is filled, with what that folder holds."""

    name: str
    home: SourceHome
    landing: Path
    description: SourceDescription

    @property
    def last_day(self) -> str:
        """The newest day with events; logs that are not closed go on after `source.json` was written."""
        from warehouse.landing.inference import DATED

        if self.description.closed:
            return self.description.last_day
        return max([self.description.last_day, *self.landed_days(DATED)])

    def landed_days(self, tables: Iterable[str]) -> list[str]:
        """Days on which any of these tables has files, in order."""
        from warehouse.landing import layout

        contracts = [self.description.contract(table) for table in tables]
        return layout.dates([key for c in contracts for key in layout.partitions(self.landing, c)])

    def load(self, tables: Iterable[str], progress: Progress | None = None) -> None:
        """Pass every landed partition that is not loaded as it is now through the gate, table by table.

        Raises:
            BatchRejected: batch rules are broken, or files cannot be taken; names all of them. Whatever else
                was pending is loaded.
        """
        from assets.logs.ingest import pending
        from assets.logs.portions import portions
        from assets.logs.reports import BatchRejected
        from warehouse.landing import layout

        refused = Refused()
        for table in tables:
            due = pending(self.home, table, landing=self.landing, description=self.description)
            contract, done = self.description.contract(table), 0
            files = layout.listing(self.landing, contract, self.description.service_zone).files if due else {}
            for portion in portions(due, files, PARTITIONS_PER_LOAD[contract.partition]):
                done += len(portion)
                self._load_sound(table, portion, refused)
                if progress:
                    progress(f"gate and load {table}", done, len(due))
        if refused.reports or refused.files:
            raise BatchRejected(*refused.reports, files=refused.files)

    def _load_sound(self, table: str, partitions: list[str], refused: Refused) -> None:
        """Load partitions in one transaction; those that are refused are noted, the others loaded again."""
        from assets.logs.ingest import ingest
        from assets.logs.reports import BatchRejected
        from warehouse.landing.files import FileRejected

        while partitions:
            try:
                ingest(self.home, table, partitions, landing=self.landing, description=self.description)
                return
            except BatchRejected as error:
                refused.reports.append(error.report)
                bad = set(error.report.failures)
            except FileRejected as error:
                if error.path in [other.path for other in refused.files]:
                    return  # it stands in the way of other files of its table, too
                refused.files.append(error)
                bad = self._partitions_with(table, error.path)
            sound = [partition for partition in partitions if partition not in bad]
            if len(sound) == len(partitions):
                return
            partitions = sound

    def _partitions_with(self, table: str, path: Path) -> set[str]:
        from warehouse.landing import layout

        files = layout.listing(self.landing, self.description.contract(table), self.description.service_zone)
        return {partition for partition, paths in files.files.items() if path in paths}


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
        ValueError: an unknown source, one that needs `data` without it, or a landing folder beside the one
            that was loaded.
        FileNotFoundError: a file of the source is missing.
    """
    from assets.logs.ingest import remember
    from warehouse.store.connection import upgrade
    from warehouse.store.waiting import check_path

    paths = home.source(name)
    check_path(paths.warehouse)
    if name == "landing" and data is None:
        data = _folder_named_before(home)
    landing = fill_landing(name, paths, data, simulation=simulation, progress=progress)
    description = described(landing)
    if name == "landing":
        replace_text(paths.root / FOLDER_STAMP, str(landing))
    if paths.warehouse.exists():
        upgrade(paths.warehouse)
        remember(landing, description)
    return OpenedSource(name, paths, landing, description)


def _folder_named_before(home: Home) -> Path | None:
    """The folder of the user's own logs, as the deployment or the last opening of the source has it."""
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
    """What a landing folder holds: its `source.json`, or what its files show where there is none.

    Nothing is written: `ingest` does so once a load has succeeded.

    Raises:
        ValueError: it is no folder, or has no `source.json` and none can be written there.
        FileNotFoundError: no table has a dated folder.
    """
    from warehouse.landing import reading
    from warehouse.landing.description import FILE_NAME

    if not landing.is_dir():
        what = "is not a folder" if landing.exists() else "does not exist"
        raise ValueError(f"{landing} {what}: --data must name the folder that holds exposures/, purchases/ …")
    description = reading.describe(landing)
    if not (landing / FILE_NAME).exists() and not os.access(landing, os.W_OK):
        raise ValueError(
            f"{landing} cannot be written to: put this there as {FILE_NAME}, what its files show:\n"
            f"{description.model_dump_json(indent=2, exclude_defaults=True)}"
        )
    return description


def _only(home: SourceHome, landing: Path) -> Path:
    """Refuse a second folder under one home: its rows would be counted with the first one's.

    One that was moved or renamed is the same folder; so is one from which nothing has been loaded.
    """
    stamp = home.root / FOLDER_STAMP
    former = Path(stamp.read_text()) if stamp.exists() else landing
    if former != landing and home.warehouse.exists():
        if former.exists():
            raise ValueError(
                f"{home.root} already holds the logs of {former}: set HOURFOLD_HOME to another folder"
            )
        log.warning("%s is no longer there: taken to have been moved to %s", former, landing)
    return landing
