"""How far back trainings read, in days."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from warehouse.landing.service_time import DAY_MS

if TYPE_CHECKING:
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
