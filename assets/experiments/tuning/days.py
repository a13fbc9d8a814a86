"""Where the validation days of a study come from: a warehouse, or a file with logs in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from assets.experiments.tuning.log_file import load_days
from assets.experiments.tuning.trial import Day
from assets.experiments.windows import encode_windows
from models.progress import Progress

if TYPE_CHECKING:
    from assets.experiments.source_logs import Logs
    from models.ranking.features.event_log import EventLog
    from models.ranking.features.features import FeatureSettings
    from models.ranking.instances.window import TrainingWindow
    from models.ranking.training.system import SystemSettings

#: ways of making features whose instances stay in memory: all, without external clicks, without counts, and
#: one that a trial tries
KEPT = 4


class ReadDays(Protocol):
    """Where the validation days come from; picklable and hashable: a worker reads once."""

    def prepare(self, systems: Mapping[str, SystemSettings], shared: Path, report: Progress) -> None:
        """Encode what all systems with these settings are trained on into the folder `shared`."""

    def __call__(self, shared: Path, own: Path) -> Sequence[Day]:
        """The days; what other settings need is encoded into the folder `own`."""

    def history(self, day: int) -> EventLog:
        """Everything received before the day of this position."""

    def __hash__(self) -> int:
        """Equal ones read the same days."""


@dataclass(frozen=True)
class StoredPast:
    """The days before a validation day, as partitions of instances."""

    logs: Logs
    day: str
    shared: Path
    own: Path

    def __call__(self, system: SystemSettings) -> TrainingWindow:
        """The window of a system; what is not encoded yet is."""
        (window,) = encode_windows(
            self.logs, {"": system}, [self.day], self.own, None, [self.shared]
        ).values()
        return window.open(system.features)


@dataclass(eq=False)
class PastInMemory:
    """Everything received before a validation day, encoded once for each way of making features."""

    log: EventLog
    windows: dict[FeatureSettings, TrainingWindow] = field(default_factory=dict)

    def __call__(self, system: SystemSettings) -> TrainingWindow:
        """The window of a system; only those of the settings asked for last are kept."""
        from models.ranking.instances.window import TrainingWindow

        window = self.windows.pop(system.features, None) or TrainingWindow.of(self.log, system.features)
        self.windows[system.features] = window
        while len(self.windows) > KEPT:
            del self.windows[next(iter(self.windows))]
        return window


@dataclass(frozen=True)
class LoggedDays:
    """The validation days of a gated source."""

    logs: Logs
    days: tuple[str, ...]

    def prepare(self, systems: Mapping[str, SystemSettings], shared: Path, report: Progress) -> None:
        """See `ReadDays`."""
        encode_windows(self.logs, systems, self.days, shared, report)

    def __call__(self, shared: Path, own: Path) -> list[Day]:
        """Read the warehouse, a day at a time."""
        from assets.experiments.source_logs import read_hours

        return [(StoredPast(self.logs, day, shared, own), read_hours(self.logs, day)) for day in self.days]

    def history(self, day: int) -> EventLog:
        """See `ReadDays`."""
        from assets.experiments.source_logs import read_history

        return read_history(self.logs, self.days[day])


@dataclass(frozen=True)
class StoredDays:
    """Histories and hours in a file that `save_days` wrote, for a machine without a warehouse."""

    path: Path

    def prepare(self, systems: Mapping[str, SystemSettings], shared: Path, report: Progress) -> None:
        """Nothing: a training encodes what it reads."""

    def __call__(self, shared: Path, own: Path) -> list[Day]:  # noqa: ARG002
        """Read the file."""
        return [(PastInMemory(log), hours) for log, hours in load_days(self.path)]

    def history(self, day: int) -> EventLog:
        """See `ReadDays`."""
        return load_days(self.path)[day][0]
