"""What the systems of a deployment read at night: versions of instances, and the days of their windows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from assets.common.tuned import Values, with_tuned
from assets.ranking.encoding import EncodedDays, History, Tell, encode
from assets.ranking.instance_store import InstanceStore
from models.progress import Progress
from warehouse.landing.service_time import DAY_MS

if TYPE_CHECKING:
    from models.ranking.features.features import FeatureSettings
    from models.ranking.training.system import SystemSettings
    from warehouse.landing.service_time import ServiceZone


@dataclass(frozen=True)
class InstanceVersion:
    """One way of making instances, and who reads them."""

    name: str  #: twelve hex digits
    settings: FeatureSettings
    systems: tuple[str, ...]
    window_days: int | None  #: the longest window of these systems; None: all days


def system_settings(
    systems: Sequence[str], size: str, tuned: Mapping[str, Values]
) -> dict[str, SystemSettings]:
    """The registry's settings of systems with what `hourfold tune` chose."""
    from models.ranking.registry import SYSTEMS

    return {name: with_tuned(name, getattr(SYSTEMS[name], size), tuned.get(name, {})) for name in systems}


def versions_of(
    systems: Mapping[str, SystemSettings], fields: Mapping[str, Sequence[str]]
) -> list[InstanceVersion]:
    """The versions that systems read: those whose features differ in a column or two share one.

    Args:
        systems: their settings by name.
        fields: chosen columns of the logs by table, in order.
    """
    from models.ranking.instances.version import version_of

    readers: dict[str, list[str]] = {}
    for name, system in systems.items():
        readers.setdefault(version_of(system.features, fields), []).append(name)
    versions = []
    for version, names in readers.items():
        windows = [systems[name].training.window_days for name in names]
        lengths = [days for days in windows if days is not None]
        settings = systems[names[0]].features.model_copy(update={"counts": True, "external": True})
        longest = max(lengths) if len(lengths) == len(windows) else None
        versions.append(InstanceVersion(version, settings, tuple(names), longest))
    return versions


def days_of_window(zone: ServiceZone, first_day: str, last_day: str, days: int | None) -> list[str]:
    """The last `days` days through `last_day` that the logs have, oldest first; None: all."""
    earliest = first_day
    if days is not None:
        earliest = max(first_day, zone.day_key(zone.day_start_ms(last_day) - (days - 1) * DAY_MS))
    return zone.days_between(earliest, last_day)
