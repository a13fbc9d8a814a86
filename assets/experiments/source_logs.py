"""The logs of a comparison: a gated source, read a day at a time as production reads it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from warehouse.landing.service_time import DAY_MS, HOUR_MS, ServiceZone

if TYPE_CHECKING:
    from models.ranking.features.event_log import EventLog
    from warehouse.home import Deployment, Home
    from warehouse.store.warehouse import Warehouse


@dataclass(frozen=True)
class Logs:
    """A source that has passed the gate: where it is stored, and in which zone its days are cut."""

    warehouse: Path
    landing: Path
    zone: str
    first_day: str
    simulated: bool
    external_first_day: str | None = None  #: of external clicks, where they are known from before
    instances: Path | None = None  #: partitions that a deployment has encoded already
    one_account: bool = False  #: whether users have the vectors of what they bought

    @property
    def behaviours_first_day(self) -> str:
        """Where a history begins: with the first exposure, or with external clicks before it."""
        return min(self.first_day, self.external_first_day or self.first_day)

    @property
    def start_ms(self) -> int:
        """The first instant of that day."""
        return ServiceZone(self.zone).day_start_ms(self.behaviours_first_day)

    def open(self) -> Warehouse:
        """The warehouse, for reading."""
        from warehouse.store.warehouse import Warehouse

        return Warehouse(self.warehouse, read_only=True)

    @classmethod
    def deployed(cls, deployment: Deployment, home: Home, simulated: bool) -> Logs:
        """The logs of a deployment."""
        return cls(
            warehouse=deployment.paths(home).warehouse,
            landing=deployment.landing_folder(home),
            zone=deployment.zone,
            first_day=deployment.first_day,
            simulated=simulated,
            external_first_day=deployment.external_first_day,
            instances=deployment.paths(home).instances,
            one_account=deployment.one_account,
        )


def read_hours(logs: Logs, day: str) -> list[EventLog]:
    """The 24 hours of a day, each with the users and items that it mentions.

    Raises:
        LookupError: the warehouse holds no exposures before the day, or none in it.
    """
    from assets.ranking.account_vectors import log_with_account_vectors
    from assets.ranking.reading import read_log

    check_covered(logs, [day])
    zone = ServiceZone(logs.zone)
    start = zone.day_start_ms(day)
    with logs.open() as warehouse:
        hours = [
            read_log(warehouse, zone, hour, hour + HOUR_MS, "mentioned")
            for hour in range(start, start + DAY_MS, HOUR_MS)
        ]
        if logs.one_account:
            hours = [log_with_account_vectors(hour, warehouse, zone, day) for hour in hours]
    return hours


def check_covered(logs: Logs, days: Sequence[str]) -> None:
    """Raise LookupError if the warehouse holds no exposures before one of the days, or none in it."""
    zone = ServiceZone(logs.zone)
    with logs.open() as warehouse:
        loaded = warehouse.loaded("exposures", start_ms=logs.start_ms)
    for day in days:
        start = zone.day_start_ms(day)
        before = loaded["kept"][loaded["start_ms"] < start].sum()
        within = loaded["kept"][(loaded["start_ms"] >= start) & (loaded["start_ms"] < start + DAY_MS)].sum()
        if not before or not within:
            empty = "on" if before else "before"
            raise LookupError(
                f"{logs.warehouse} holds no exposures {empty} {day} (first day {logs.first_day}): choose "
                "days that the logs cover, or ingest the missing ones"
            )


def read_history(logs: Logs, day: str) -> EventLog:
    """Everything received before a day, in memory."""
    from assets.ranking.account_vectors import log_with_account_vectors
    from assets.ranking.reading import read_log

    zone = ServiceZone(logs.zone)
    with logs.open() as warehouse:
        log = read_log(warehouse, zone, logs.start_ms, zone.day_start_ms(day))
        return log_with_account_vectors(log, warehouse, zone, day) if logs.one_account else log


def read_day(logs: Logs, day: str) -> tuple[EventLog, list[EventLog]]:
    """Everything received before the day, and its 24 hours; the warehouse is closed before any training.

    Raises:
        LookupError: as `read_hours`.
    """
    hours = read_hours(logs, day)
    return read_history(logs, day), hours


def hash_of(logs: Logs, days: Sequence[str]) -> str:
    """Hash of the loaded batches that the days and all before them draw on."""
    from assets.ranking.account_vectors import purchases_hash

    zone = ServiceZone(logs.zone)
    start = logs.start_ms
    digest = hashlib.sha256()
    with logs.open() as warehouse:
        for day in sorted(days):
            digest.update(warehouse.data_hash(start, zone.day_start_ms(day) + DAY_MS).encode())
            if logs.one_account:
                digest.update(purchases_hash(warehouse, zone, day).encode())
    return digest.hexdigest()[:16]
