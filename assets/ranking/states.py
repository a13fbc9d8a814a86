"""Trained states on disk: where they lie, when they count, and how they are written whole or not at all.

A state is a folder with what the ranker wrote and a record of where it came from. A daily state is a base
model; an hourly state holds what moved since the base and the hours since the state before, on which it leans
(`models.ranking.hour_chain`). Hourly states are a cache of a pure function: *the state after hour h is the
base adapted on the loaded hours after the base's day through h, in order*. One that was made from another
base, or from other logs than the warehouse holds now (an hour came late, or again), no longer counts; nor
does one that leans on a state which is gone, or was made again with other hours in it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from assets.common.faults import DamagedState, NoBaseModel
from assets.common.provenance import content_hash, flat, git_revision

if TYPE_CHECKING:
    from warehouse.home import Deployment

RECORD = "state.json"
RANKER = "ranker"


class StateRecord(BaseModel):
    """Where a state came from. Stored beside it as `state.json`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    system: str
    partition: str
    seed: int
    settings: dict[str, str]  #: flat
    git_revision: str
    data_hash: str = ""  #: daily states: of everything trained on
    base_partition: str | None = None  #: hourly states: the day of the base model
    base_hash: str | None = None
    hours: dict[str, str] = {}  #: hourly states: hours adapted on so far → hash of their loaded logs
    state_hash: str = ""  #: of the ranker's files

    @classmethod
    def of_training(
        cls, system: str, day: str, deployment: Deployment, settings: BaseModel, data_hash: str
    ) -> StateRecord:
        """The record of a daily state that is about to be written."""
        return cls(
            system=system,
            partition=day,
            seed=deployment.seed,
            settings=flat(settings),
            git_revision=git_revision(),
            data_hash=data_hash,
        )


def since(loaded: Mapping[str, str], base_day: str, through: str) -> dict[str, str]:
    """The loaded hours after the base's day through the hour `through`: what its state is adapted on."""
    return {key: loaded[key] for key in sorted(loaded) if key[:10] > base_day and key <= through}


@dataclass(frozen=True)
class States:
    """The models folder of one source."""

    root: Path

    def daily(self, system: str, day: str) -> Path:
        """The folder of a daily model."""
        return self.root / "daily" / system / day

    def hourly(self, system: str, hour: str) -> Path:
        """The folder of the state after an hour; colons are no good in paths."""
        return self.root / "hourly" / system / hour.replace(":", "-")

    def long_term(self, day: str) -> Path:
        """The folder of a day's long-term graph."""
        return self.root / "long_term" / day

    def checkpoint(self, system: str, day: str) -> Path:
        """The file with the last epoch of an unfinished training."""
        return self.root / "checkpoints" / system / day

    def record(self, folder: Path) -> StateRecord | None:
        """The record of a finished state; None for an unfinished one."""
        path = folder / RECORD
        return StateRecord.model_validate_json(path.read_text()) if path.exists() else None

    def finished(self, folder: Path) -> StateRecord:
        """The record of a state that must be finished; raises DamagedState if it is not."""
        record = self.record(folder)
        if record is None:
            raise DamagedState(f"{folder} holds no finished state of partition {folder.name}")
        return record

    def trained(self, system: str, day: str) -> bool:
        """Whether a system's model of a day is finished and can be read by this version."""
        folder = self.daily(system, day)
        return self.record(folder) is not None and not self.outdated(folder)

    def outdated(self, folder: Path) -> bool:
        """Whether an earlier version wrote a daily model in a form that is no longer read."""
        about = folder / RANKER / "ranker.json"
        if not about.is_file():
            return False
        from models.ranking.storage import FORMAT

        return bool(json.loads(about.read_text()).get("format", 1) != FORMAT)

    def newest_base(self, system: str, before_day: str) -> StateRecord:
        """The newest finished daily model of a day *before* `before_day`.

        A late training costs freshness only. A model of the same day is never taken: it has seen that day;
        nor is one that an earlier version wrote in another form.

        Raises:
            NoBaseModel: none is finished.
        """
        folder = self.root / "daily" / system
        days = sorted(
            (path.name for path in folder.glob("[0-9]*-*-*") if path.name < before_day), reverse=True
        )
        outdated = []
        for day in days:
            record = self.record(self.daily(system, day))
            if record is not None and not self.outdated(self.daily(system, day)):
                return record
            outdated += [] if record is None else [day]
        of_before = f" (an earlier version wrote that of {outdated[0]}: train it again)" if outdated else ""
        raise NoBaseModel(
            f"{system}: no daily model of a day before {before_day} is finished in {folder}{of_before}"
        )

    def newest_hour(
        self, system: str, hours: Iterable[str], loaded_since: Callable[[str], Mapping[str, str]]
    ) -> StateRecord | None:
        """The newest state after one of these hours that still counts; None if there is none.

        `loaded_since` gives the loaded hours after a day: key → hash of their logs.
        """
        for key in sorted(hours, reverse=True):
            record = self.record(self.hourly(system, key))
            if record is not None and self._counts(record, loaded_since):
                return record
        return None

    def _counts(self, record: StateRecord, loaded_since: Callable[[str], Mapping[str, str]]) -> bool:
        from models.ranking import hour_chain

        base = self.record(self.daily(record.system, record.base_partition or ""))
        if base is None or base.state_hash != record.base_hash:
            return False
        if record.hours != since(loaded_since(base.partition), base.partition, record.partition):
            return False
        return hour_chain.whole(self.ranker_path(self.hourly(record.system, record.partition)))

    def leans_on(self, folder: Path) -> list[Path]:
        """The folders of earlier hours that an hourly state cannot be opened without."""
        from models.ranking import hour_chain

        return [link.folder.parent for link in hour_chain.links(self.ranker_path(folder))]

    def base_of(self, record: StateRecord) -> StateRecord:
        """The daily model that an hourly state was made from."""
        return self.finished(self.daily(record.system, record.base_partition or ""))

    def served_base(self, system: str, day: str) -> StateRecord:
        """The base that the day's hours were served from, or would be."""
        for hour in reversed(range(24)):
            record = self.record(self.hourly(system, f"{day}-{hour:02d}:00"))
            if record is not None:
                return self.base_of(record)
        return self.newest_base(system, day)

    @contextmanager
    def write(self, folder: Path, record: StateRecord) -> Iterator[Path]:
        """Yield a path for the ranker's files; state and record then take their place in one rename."""
        from models.files import replace_folder

        with replace_folder(folder) as temporary:
            yield temporary / RANKER
            finished = record.model_copy(update={"state_hash": content_hash(temporary / RANKER)})
            (temporary / RECORD).write_text(finished.model_dump_json(indent=2) + "\n")

    def ranker_path(self, folder: Path) -> Path:
        """What the ranker wrote in a state's folder."""
        return folder / RANKER

    def checked(self, folder: Path) -> Path:
        """The same for an hourly state, checked (it is small); raises DamagedState if it changed."""
        if content_hash(folder / RANKER) != self.finished(folder).state_hash:
            raise DamagedState(f"{folder} does not hold what its {RECORD} says: partition {folder.name}")
        return folder / RANKER
