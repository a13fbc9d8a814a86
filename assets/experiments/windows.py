"""What the systems of a study are trained on: partitions of instances, each encoded once for all of them.

They come from the deployment where it has them already, and lie in a folder of the study otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from assets.ranking.window_days import WindowFolders, days_of_window
from models.progress import Progress, silent
from warehouse.landing.service_time import ServiceZone

if TYPE_CHECKING:
    from assets.experiments.source_logs import Logs
    from models.ranking.training.system import SystemSettings

INSTANCES = "instances"  #: folder of a study's own partitions
Windows = Mapping[tuple[str, str], WindowFolders]  #: (system, test day) → partitions


def encode_windows(
    logs: Logs,
    systems: Mapping[str, SystemSettings],
    days: Sequence[str],
    scratch: Path,
    report: Progress | None = None,
    others: Sequence[Path] = (),
) -> Windows:
    """Make sure of the partitions that systems are trained on before some days.

    Args:
        logs: of the source.
        systems: their settings by name.
        days: test days; a window ends with the day before.
        scratch: where partitions are written that are nowhere yet.
        report: told of exposures encoded.
        others: further folders with partitions, beside the deployment's.

    Raises:
        LookupError: a day has no day before it, or no exposures.
        ValueError: a system's window is too long for the vectors of what users bought.
    """
    from assets.experiments.source_logs import check_covered
    from assets.ranking.account_vectors import check_windows
    from assets.ranking.encoding import History, encode
    from assets.ranking.instance_store import InstanceStore
    from assets.ranking.training_window import versions_of

    zone, first = ServiceZone(logs.zone), logs.behaviours_first_day
    before = {day: zone.day_before(day) for day in days}
    early = [day for day in days if before[day] < first]
    if early:
        raise LookupError(f"{', '.join(early)}: there is no day before to train on (first day {first})")
    check_covered(logs, days)
    if logs.one_account:
        check_windows(systems)
    history = History.read(logs.open, zone, first, max(before.values()), logs.one_account)
    known = (*others, *([logs.instances] if logs.instances is not None else []))
    windows: dict[tuple[str, str], WindowFolders] = {}
    for version in versions_of(systems, history.no_events):
        store = InstanceStore(scratch, version.name, known)
        through = {day: days_of_window(zone, first, before[day], version.days) for day in days}
        needed = sorted({day for window in through.values() for day in window})
        encode(history, store, version.settings, needed, report or silent)
        folders = {day: store.folder(day, history.hashes.through[day]) for day in needed}
        for day, window in through.items():
            stored = [folder for key in window if (folder := folders[key]) is not None]
            windows |= {(name, day): WindowFolders.of(stored, systems[name]) for name in version.systems}
    return windows
