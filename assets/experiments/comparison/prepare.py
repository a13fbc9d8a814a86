"""Bring a source through the real gate into a warehouse, unless it is there already."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from assets.experiments.comparison.settings import CompareSettings
from assets.experiments.source_logs import Logs
from assets.logs.sources import open_source
from models.progress import Progress
from warehouse.home import Home, same_accounts
from warehouse.landing.contract import RANKING_TABLES
from warehouse.landing.service_time import DAY_MS, ServiceZone

if TYPE_CHECKING:
    from simulator import SimulatorSettings


def prepare(settings: CompareSettings, data: Path | None, *, progress: Progress | None = None) -> Logs:
    """Fill the landing folder and load every partition that the warehouse lacks.

    Raises:
        ValueError: the source needs `--data`, or another folder was loaded under this home.
        BatchRejected: a batch rule stopped a partition.
    """
    made = simulation(settings) if settings.source == "simulator" else None
    home = Home.current()
    source = open_source(settings.source, home, data, simulation=made, progress=progress)
    description, last = source.description, source.last_day
    missing = [day for day in settings.days if not description.first_day < day <= last]
    if missing:
        raise ValueError(
            f"{settings.source} has logs from {description.first_day} to {last}: "
            f"{', '.join(missing)} cannot be a test day (at least one day must lie before it)"
        )
    source.load(RANKING_TABLES, progress)
    return Logs(
        warehouse=source.home.warehouse,
        landing=source.landing,
        zone=description.zone,
        first_day=description.first_day,
        simulated=description.simulated,
        external_first_day=description.external_first_day,
        instances=source.home.instances,
        one_account=same_accounts(home, settings.source),
    )


def simulation(settings: CompareSettings) -> SimulatorSettings:
    """The simulation that covers the test days: as calibrated, or tiny."""
    from simulator import SimulatorSettings

    chosen = SimulatorSettings.tiny() if settings.size == "tiny" else SimulatorSettings()
    zone = ServiceZone("UTC")
    last = max(zone.day_start_ms(day) for day in settings.days)
    days = (last - zone.day_start_ms(chosen.first_day)) // DAY_MS + 1
    return chosen.model_copy(update={"days": max(days, chosen.days)})
