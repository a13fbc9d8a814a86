"""The click graphs of a deployment through the end of a day, as one file for PyG."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from assets.ranking.reading import loaded_hours, read_log
from models.files import replace_file
from warehouse.home import Deployment, Home
from warehouse.landing.description import SourceDescription
from warehouse.landing.service_time import DAY_MS
from warehouse.store.warehouse import Warehouse


def export_graphs(home: Home, deployment: Deployment, day: str, path: Path) -> dict[str, Any]:
    """Write the graphs of everything received before the end of `day`; the file appears whole or not at all.

    Returns:
        What was written: `models.ranking.graph_data.graphs`, and under `about` the source, the zone, the day
        and whether the logs are simulated.

    Raises:
        LookupError: no hour of the day is loaded.
    """
    import torch

    from models.ranking.graph_data import GraphNames, graphs

    zone = deployment.service_zone
    day_start_ms = zone.day_start_ms(day)
    end_ms = day_start_ms + DAY_MS
    with Warehouse(deployment.paths(home).warehouse, read_only=True) as warehouse:
        if not loaded_hours(warehouse, day_start_ms, end_ms):
            raise LookupError(
                f"no hour of {day} is loaded from {deployment.source}: ingest that day first, or name another"
            )
        log = read_log(warehouse, zone, zone.day_start_ms(deployment.behaviours_first_day), end_ms)
        names = GraphNames(
            warehouse.category_names("external_clicks", "domain"),
            warehouse.fields("users"),
            warehouse.fields("items"),
        )
    about = {
        "source": deployment.source,
        "simulated": SourceDescription.load(deployment.landing_folder(home)).simulated,
        "zone": deployment.zone,
        "day": day,
    }
    written = graphs(log, names) | {"about": about}
    with replace_file(path) as temporary:
        torch.save(written, temporary)
    return written
