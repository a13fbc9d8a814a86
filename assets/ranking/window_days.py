"""How far back trainings read, in days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from warehouse.landing.service_time import DAY_MS

if TYPE_CHECKING:
    from models.ranking.features.features import FeatureSettings
    from models.ranking.instances.window import TrainingWindow
    from models.ranking.training.system import SystemSettings
    from warehouse.landing.service_time import ServiceZone


def longest(windows: Sequence[int | None]) -> int | None:
    """The longest of some windows, in days; None is longer than any."""
    lengths = [days for days in windows if days is not None]
    return max(lengths) if len(lengths) == len(windows) else None


def days_of_window(zone: ServiceZone, first_day: str, last_day: str, days: int | None) -> list[str]:
    """The last `days` days through `last_day` that the logs have, oldest first; None: all."""
    earliest = first_day
    if days is not None:
        earliest = max(first_day, zone.day_key(zone.day_start_ms(last_day) - (days - 1) * DAY_MS))
    return zone.days_between(earliest, last_day)


def event_days(system: SystemSettings) -> int | None:
    """How many days of events a training reads: of its instances, of clicks, and those that factors count."""
    factors = system.graph_factors
    counted = [] if factors is None else [factors.click_days]
    training = system.training
    return longest([training.window_days, training.click_days, *counted])


@dataclass(frozen=True)
class WindowFolders:
    """The partitions that a system is trained on, oldest first; graphs may read events of earlier days."""

    instances: tuple[Path, ...]
    events: tuple[Path, ...]

    @classmethod
    def of(cls, folders: Sequence[Path], system: SystemSettings) -> WindowFolders:
        """Those of `folders`, of consecutive days, that a system reads."""
        lengths = (system.training.window_days, event_days(system))
        return cls(*(tuple(folders if days is None else folders[-days:]) for days in lengths))

    def open(self, settings: FeatureSettings) -> TrainingWindow:
        """The window; no row is read yet."""
        from models.ranking.instances.window import TrainingWindow

        return TrainingWindow.open(self.instances, settings, self.events)
