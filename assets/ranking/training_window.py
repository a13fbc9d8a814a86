"""What the systems of a deployment read at night: versions of instances, and the days of their windows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from assets.common.tuned import Values, tuned_settings, with_tuned
from assets.ranking.account_vectors import check_windows
from assets.ranking.encoding import EncodedDays, History, Tell, encode
from assets.ranking.instance_store import InstanceStore
from assets.ranking.window_days import WindowFolders, days_of_window, event_days, longest
from models.progress import Progress

if TYPE_CHECKING:
    from assets.common.resources import HomeResource, WarehouseResource
    from models.ranking.features.event_log import EventLog
    from models.ranking.features.features import FeatureSettings
    from models.ranking.training.system import SystemSettings


@dataclass(frozen=True)
class InstanceVersion:
    """One way of making instances, and who reads them."""

    name: str  #: twelve hex digits
    settings: FeatureSettings
    systems: tuple[str, ...]
    days: int | None  #: that these systems read, the longest window of instances or events; None: all


def system_settings(
    systems: Sequence[str], size: str, tuned: Mapping[str, Values]
) -> dict[str, SystemSettings]:
    """The registry's settings of systems with what `hourfold tune` chose."""
    from models.ranking.registry import SYSTEMS

    return {name: with_tuned(name, getattr(SYSTEMS[name], size), tuned.get(name, {})) for name in systems}


def versions_of(systems: Mapping[str, SystemSettings], log: EventLog) -> list[InstanceVersion]:
    """The versions that systems read: those whose features differ in what they leave out share one.

    Args:
        systems: their settings by name.
        log: any of the source; its columns are read.
    """
    from models.ranking.features.features import Features
    from models.ranking.instances.partition import version_of

    readers: dict[str, list[str]] = {}
    for name, system in systems.items():
        layout = Features.start(system.features, log).layout
        readers.setdefault(version_of(system.features, layout), []).append(name)
    versions = []
    for version, names in readers.items():
        windows = [event_days(systems[name]) for name in names]
        settings = systems[names[0]].features.canonical()
        versions.append(InstanceVersion(version, settings, tuple(names), longest(windows)))
    return versions


@dataclass(frozen=True)
class NightlyWindow:
    """The logs through a day, and the versions of instances that a deployment's systems read of them."""

    day: str
    history: History
    systems: Mapping[str, SystemSettings]
    versions: tuple[InstanceVersion, ...]
    root: Path  #: where partitions lie

    @classmethod
    def through(cls, day: str, home: HomeResource, warehouse: WarehouseResource) -> NightlyWindow:
        """The window of the deployment's systems that ends with a day."""
        deployment = home.deployment
        tuned = tuned_settings(home.paths, deployment.source, deployment.size, deployment.systems)
        systems = system_settings(deployment.systems, deployment.size, tuned)
        first, zone = deployment.behaviours_first_day, deployment.service_zone
        if deployment.one_account:
            check_windows(systems)
        history = History.read(warehouse.open, zone, first, day, deployment.one_account)
        versions = tuple(versions_of(systems, history.no_events))
        return cls(day, history, systems, versions, home.paths.instances)

    def encode(self, version: InstanceVersion, listen: Progress, tell: Tell | None = None) -> EncodedDays:
        """Make sure of the partitions that a version's readers need, as `encode`."""
        days = days_of_window(self.history.zone, self.history.hashes.days[0], self.day, version.days)
        return encode(
            self.history, InstanceStore(self.root, version.name), version.settings, days, listen, tell
        )

    def folders(self, listen: Progress, tell: Tell | None = None) -> dict[str, WindowFolders]:
        """The partitions of every system's own window."""
        windows = {}
        for version in self.versions:
            folders = self.encode(version, listen, tell).folders
            for name in version.systems:
                windows[name] = WindowFolders.of(folders, self.systems[name])
        return {name: windows[name] for name in self.systems}
