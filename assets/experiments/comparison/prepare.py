"""Bring a source through the real gate into a warehouse, unless it is there already."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from assets.experiments.comparison.settings import CompareSettings
from assets.experiments.source_logs import Logs
from assets.logs.sources import described, fill_landing, last_landed_day
from models.progress import Progress
from warehouse.home import Home
from warehouse.landing.service_time import DAY_MS, ServiceZone

if TYPE_CHECKING:
    from simulator import SimulatorSettings
    from warehouse.home import SourceHome
    from warehouse.landing.description import SourceDescription

PARTITIONS_PER_LOAD = 72  #: one run of the gate and one transaction: bounds memory, three days of hours


def prepare(settings: CompareSettings, data: Path | None, *, progress: Progress | None = None) -> Logs:
    """Fill the landing folder and load every partition that the warehouse lacks.

    A landing folder that is filled already is used as it is, so that a comparison and a deployment of
    one home see the same rows.

    Raises:
        ValueError: the source needs `--data`, or another folder was loaded under this home.
        BatchRejected: a batch rule stopped a partition.
    """
    home = Home.current().source(settings.source)
    made = simulation(settings) if settings.source == "simulator" else None
    landing = fill_landing(settings.source, home, data, simulation=made, progress=progress)
    description = described(landing)
    last = last_landed_day(landing, description)
    missing = [day for day in settings.days if not description.first_day < day <= last]
    if missing:
        raise ValueError(
            f"{settings.source} has logs from {description.first_day} to {last}: "
            f"{', '.join(missing)} cannot be a test day (at least one day must lie before it)"
        )
    load_missing(home, landing, description, progress)
    return Logs(
        warehouse=home.warehouse,
        landing=landing,
        zone=description.zone,
        first_day=description.first_day,
        simulated=description.simulated,
    )


def simulation(settings: CompareSettings) -> SimulatorSettings:
    """The simulation that covers the test days: as calibrated, or tiny."""
    from simulator import SimulatorSettings

    chosen = SimulatorSettings.tiny() if settings.size == "tiny" else SimulatorSettings()
    zone = ServiceZone("UTC")
    last = max(zone.day_start_ms(day) for day in settings.days)
    days = (last - zone.day_start_ms(chosen.first_day)) // DAY_MS + 1
    return chosen.model_copy(update={"days": max(days, chosen.days)})


def load_missing(
    home: SourceHome, landing: Path, description: SourceDescription, progress: Progress | None
) -> None:
    """Pass every landed partition that is not loaded as it is now through the gate, dimensions first."""
    from assets.logs.ingest import ingest_pending
    from warehouse.landing.contract import RANKING_TABLES

    ingest_pending(
        home,
        RANKING_TABLES,
        landing=landing,
        description=description,
        at_once=PARTITIONS_PER_LOAD,
        progress=progress,
    )
