"""Trained profilers on disk: `models/profile/<system>/<as-of>/`, written whole or not at all.

A model of an as-of date has seen nothing on or after it. Whoever asks at a date is given the newest model
whose as-of date is not later: a later one would know what came after.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from assets.common.faults import DamagedState
from assets.common.provenance import content_hash
from assets.ranking.states import RECORD, StateRecord

PROFILER = "profiler"


@dataclass(frozen=True)
class ProfileStates:
    """The profilers of one source; `root` is its models folder."""

    root: Path

    def folder(self, system: str, as_of: str) -> Path:
        """Where the model of an as-of date lies."""
        return self.root / "profile" / system / as_of

    def record(self, system: str, as_of: str) -> StateRecord | None:
        """The record of a finished model; its `partition` is the as-of date. None where there is none."""
        path = self.folder(system, as_of) / RECORD
        return StateRecord.model_validate_json(path.read_text()) if path.exists() else None

    def finished(self, system: str, as_of: str) -> StateRecord:
        """The record of a model that must be there; raises DamagedState if it is not."""
        record = self.record(system, as_of)
        if record is None:
            raise DamagedState(f"{self.folder(system, as_of)} holds no finished model: train {as_of} again")
        return record

    def newest(self, system: str, as_of: str) -> StateRecord | None:
        """The newest finished model whose as-of date is not after `as_of`; None where there is none."""
        dates = (path.name for path in (self.root / "profile" / system).glob("????-??-??"))
        for date in sorted((name for name in dates if name <= as_of), reverse=True):
            record = self.record(system, date)
            if record is not None:
                return record
        return None

    @contextmanager
    def write(self, record: StateRecord) -> Iterator[Path]:
        """Yield a path for the model; model and record then take their place in one rename."""
        from models.files import replace_folder

        with replace_folder(self.folder(record.system, record.partition)) as temporary:
            path = temporary / PROFILER
            yield path
            finished = record.model_copy(update={"state_hash": content_hash(path)})
            (temporary / RECORD).write_text(finished.model_dump_json(indent=2) + "\n")

    def path(self, record: StateRecord) -> Path:
        """What was written for a record; raises DamagedState if it is not what the record says."""
        folder = self.folder(record.system, record.partition)
        if content_hash(folder / PROFILER) != record.state_hash:
            raise DamagedState(
                f"{folder} does not hold what its {RECORD} says: remove it, and the next use trains it again"
            )
        return folder / PROFILER
