"""The click graphs of a deployment through the end of a day, as one file for PyG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from assets.ranking.reading import loaded_hours, read_log
from assets.ranking.window_days import days_of_window
from models.files import replace_file
from models.ranking.features.event_log import MISSING, Columns, Entities, EventLog, rows
from warehouse.home import Deployment, Home
from warehouse.landing.description import SourceDescription
from warehouse.landing.service_time import DAY_MS, ServiceZone
from warehouse.store.warehouse import Warehouse


def export_graphs(home: Home, deployment: Deployment, day: str, path: Path) -> dict[str, Any]:
    """Write the graphs of the clicks received by the end of `day`; the file appears whole or not at all.

    Its clicks are those of the days that the long-term graph of `day` reads; memory holds them and one day.

    Returns:
        What was written: `models.ranking.graph_data.graphs`, and under `about` the source, the zone, the
        first and the last day of the clicks and whether the logs are simulated.

    Raises:
        LookupError: no hour of the day is loaded.
    """
    import torch

    from models.ranking.graph_data import GraphNames, graphs
    from models.ranking.registry import long_term_settings

    zone = deployment.service_zone
    day_start_ms = zone.day_start_ms(day)
    end_ms = day_start_ms + DAY_MS
    with Warehouse(deployment.paths(home).warehouse, read_only=True) as warehouse:
        if not loaded_hours(warehouse, day_start_ms, end_ms):
            raise LookupError(
                f"no hour of {day} is loaded from {deployment.source}: ingest that day first, or name another"
            )
        days = days_of_window(
            zone, deployment.behaviours_first_day, day, long_term_settings(deployment.size).click_days
        )
        log = read_clicks(warehouse, zone, days)
        names = GraphNames(
            warehouse.category_names("external_clicks", "domain"),
            warehouse.fields("users"),
            warehouse.fields("items"),
        )
    about = {
        "source": deployment.source,
        "simulated": SourceDescription.load(deployment.landing_folder(home)).simulated,
        "zone": deployment.zone,
        "first_day": days[0],
        "day": day,
    }
    written = graphs(log, names) | {"about": about}
    with replace_file(path) as temporary:
        torch.save(written, temporary)
    return written


def read_clicks(warehouse: Warehouse, zone: ServiceZone, days: Sequence[str]) -> EventLog:
    """The clicks that some days received, read a day at a time.

    Args:
        days: consecutive, oldest first.

    Returns:
        Exposures that were clicked, external clicks, and every user and item that a click names or that was
        described before the end of the last day, as it was described last.
    """
    start_ms, end_ms = zone.day_start_ms(days[0]), zone.day_start_ms(days[-1]) + DAY_MS
    parts = []
    for day in days:
        of_day = zone.day_start_ms(day)
        log = read_log(warehouse, zone, of_day, of_day + DAY_MS, "mentioned")
        parts.append(replace(log, exposures=rows(log.exposures, np.flatnonzero(log.exposures.clicked))))
    e, x = _joined([part.exposures for part in parts]), _joined([part.external for part in parts])
    described = read_log(warehouse, zone, end_ms, end_ms)  # no event, and all that was described before
    users = _with(described.users, np.concatenate([e.user, x.user]))
    items = _with(described.items, np.concatenate([e.item, x.item]))
    return EventLog(e, x, users, items, start_ms, end_ms, zone.offset_ms)


def _joined(parts: Sequence[Columns]) -> Columns:
    return type(parts[0])(
        **{f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(parts[0])}
    )


def _with(described: Entities, named: np.ndarray) -> Entities:
    """Users or items with those among `named` that have no description."""
    index = np.setdiff1d(named, described.index)
    width, vectors = described.fields.shape[1], described.vectors.shape[1]
    others = Entities(
        index,
        np.full((len(index), width), MISSING),
        np.full(len(index), MISSING),
        np.full((len(index), vectors), np.nan, np.float32),
    )
    everyone = _joined([described, others])
    return rows(everyone, np.argsort(everyone.index))
