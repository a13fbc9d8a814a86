"""From the warehouse's columns to the models' `EventLog`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from models.ranking.features.event_log import DAY_MS, HOUR_MS, Entities, EventLog, Exposures, ExternalClicks

if TYPE_CHECKING:
    from warehouse.landing.service_time import ServiceZone
    from warehouse.store.events import EntitiesOf
    from warehouse.store.warehouse import Warehouse

EVENT_TABLES = ("exposures", "external_clicks")


@dataclass(frozen=True)
class HourLog:
    """One hour: what the models see, and the ids under which scores are stored."""

    key: str
    log: EventLog
    exposure_ids: np.ndarray  #: object [E], in the order of `log.exposures`


def event_log(columns: Mapping[str, np.ndarray], start_ms: int, end_ms: int, zone_offset_ms: int) -> EventLog:
    """The `EventLog` of what `Warehouse.events` returned for the same bounds."""
    groups: dict[str, dict[str, np.ndarray]] = {}
    for name, values in columns.items():
        table, column = name.split(".")
        groups.setdefault(table, {})[column] = values
    groups["exposures"] = {k: v for k, v in groups["exposures"].items() if k != "exposure_id"}
    return EventLog(
        exposures=Exposures(**groups["exposures"]),
        external=ExternalClicks(**groups["external"]),
        users=Entities(**groups["users"]),
        items=Entities(**groups["items"]),
        start_ms=start_ms,
        end_ms=end_ms,
        zone_offset_ms=zone_offset_ms,
    )


def read_log(
    warehouse: Warehouse,
    zone: ServiceZone,
    start_ms: int,
    end_ms: int,
    entities: EntitiesOf = "all",
) -> EventLog:
    """Everything received in `[start_ms, end_ms)`."""
    columns = warehouse.events(start_ms, end_ms, entities, ids=False)
    return event_log(columns, start_ms, end_ms, zone.offset_ms)


def read_day(warehouse: Warehouse, zone: ServiceZone, day: str) -> EventLog:
    """A service day, with the users and items that it mentions as the end of their first hour knew them."""
    start_ms = zone.day_start_ms(day)
    return read_log(warehouse, zone, start_ms, start_ms + DAY_MS, "first_met")


def read_descriptions(warehouse: Warehouse, zone: ServiceZone, day: str) -> tuple[Entities, Entities]:
    """Users and items as they were last described before a day began."""
    return descriptions_before(warehouse, zone.day_start_ms(day))


def descriptions_before(warehouse: Warehouse, before_ms: int) -> tuple[Entities, Entities]:
    """Users and items as they were last described before an instant."""
    columns = warehouse.descriptions(before_ms)
    users, items = (
        Entities(*(columns[f"{table}.{name}"] for name in ("index", "fields", "published_at", "vectors")))
        for table in ("users", "items")
    )
    return users, items


def read_hours(warehouse: Warehouse, zone: ServiceZone, hours: Sequence[str]) -> dict[str, HourLog]:
    """Each of these hours by itself, with the entities that it mentions."""
    logs = {}
    for key in hours:
        start = zone.hour_start_ms(key)
        end = start + HOUR_MS
        columns = warehouse.events(start, end, "mentioned")
        log = event_log(columns, start, end, zone.offset_ms)
        logs[key] = HourLog(key, log, columns["exposures.exposure_id"])
    return logs


def loaded_hours(
    warehouse: Warehouse, start_ms: int, end_ms: int, tables: Sequence[str] = EVENT_TABLES
) -> dict[str, str]:
    """Hours in `[start_ms, end_ms)` of which something of `tables` is loaded, in order: key → hash of it."""
    parts: dict[str, list[str]] = {}
    for table in tables:
        within = warehouse.loaded(table, start_ms=start_ms, end_ms=end_ms)
        for partition, data_hash in zip(within["partition"], within["data_hash"], strict=True):
            parts.setdefault(partition, []).append(f"{table} {data_hash}")
    return {
        key: hashlib.blake2b("\n".join(parts[key]).encode(), digest_size=8).hexdigest()
        for key in sorted(parts)
    }
