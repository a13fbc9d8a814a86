"""When hours and days run, and what the schedules and sensors that run them share."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from assets.common import clock
from assets.common.resources import HomeResource
from assets.logs.arrivals import folder_of
from assets.ranking.reading import loaded_hours
from assets.ranking.states import States
from orchestration.jobs import HOURLY, LOGS, RANKING
from orchestration.landed_hours import DIMENSIONS, HOURLY_TABLES, LandedHours, landed_hours
from orchestration.ranking_due import RankingDue, ranking_due
from orchestration.reaping import end_dead
from warehouse.landing import layout
from warehouse.landing.contract import RANKING_TABLES
from warehouse.landing.service_time import HOUR_MS

HOUR_MINUTE = 10  #: minutes past the hour at which the hour that ended is run
DAY_TIME = "40 0 * * *"  #: after the run of hour 23
SLACK_MS = 300_000  #: after a turn, before an hour or a day counts as late

LOOK_BACK_HOURS = 72  #: hours later than this are loaded by hand
WAIT_SECONDS = 10.0  #: for a process that writes to the warehouse: a tick may last a minute
LONGEST_RUN_SECONDS = 21_600  #: a run that was begun before has died, whatever its status says

_UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def late_window(home: HomeResource) -> list[str]:
    """Hours of the last three days whose turn has passed, in order."""
    deployment, now_ms = home.deployment, clock.now_ms()
    zone = deployment.service_zone
    first = max(zone.day_start_ms(deployment.first_day), now_ms - LOOK_BACK_HOURS * HOUR_MS)
    return zone.hours_between(first, now_ms - HOUR_MS - HOUR_MINUTE * 60_000 - SLACK_MS + 1)


def look(home: HomeResource, hours: Sequence[str], changed: Sequence[str] | None = None) -> LandedHours:
    """Where hours stand now; of `changed` alone the files are compared with what was recorded.

    Raises WarehouseBusy where another process writes for long.
    """
    landing = home.deployment.landing_folder(home.home)
    return landed_hours(
        home.paths,
        landing,
        home.description,
        hours,
        clock.now_ms(),
        changed=changed,
        wait_seconds=WAIT_SECONDS,
    )


@dataclass(frozen=True)
class Survey:
    """Where hours stand, with the state of their files, so that the next look reads changed ones alone."""

    state: LandedHours
    marks: Mapping[str, str]  #: hour → digest of its files' names, sizes and times

    @classmethod
    def of(cls, home: HomeResource, hours: Sequence[str], cursor: str | None) -> Survey:
        """Look at hours; those whose files are as the cursor of the look before has them were loaded then.

        Raises WarehouseBusy where another process writes for long.
        """
        marks = file_marks(home, HOURLY_TABLES, hours)
        settled: dict[str, str] = json.loads(cursor or "{}")
        changed = [hour for hour in hours if marks.get(hour, "") != settled.get(hour)]
        return cls(look(home, hours, changed), marks)

    @property
    def cursor(self) -> str:
        """The marks of hours that are loaded as they lie, or have no files."""
        due = frozenset(self.state.to_load)
        hours = [hour for hour in self.state.ended if hour not in due]
        return json.dumps({hour: self.marks.get(hour, "") for hour in hours})


def file_marks(
    home: HomeResource, tables: Sequence[str], partitions: Sequence[str] | None = None
) -> dict[str, str]:
    """Partition → digest of names, sizes and times of its files in all tables; without files it is absent."""
    landing, description = home.deployment.landing_folder(home.home), home.description
    marks: dict[str, list[str]] = {}
    for table in tables:
        listed = layout.listing(landing, description.contract(table), description.service_zone).files
        for key in listed if partitions is None else [key for key in partitions if key in listed]:
            for path in listed[key]:
                status = path.stat()
                mark = f"{table}/{path.name} {status.st_size} {status.st_mtime_ns}"
                marks.setdefault(key, []).append(mark)
    return {key: digest(parts) for key, parts in marks.items()}


def digest(parts: object) -> str:
    """A short hash of anything whose text says what it is."""
    return hashlib.blake2b(repr(parts).encode(), digest_size=8).hexdigest()


def due_ranking(home: HomeResource, instance: dg.DagsterInstance, hours: Sequence[str]) -> RankingDue:
    """Which of these loaded hours must be ranked."""
    from assets.logs.judging import reading

    deployment = home.deployment
    zone = deployment.service_zone
    if not hours:
        return RankingDue({}, ())
    with reading(home.paths.warehouse, WAIT_SECONDS) as opened:
        if opened is None:
            return RankingDue({}, ())
        start_ms, end_ms = zone.day_start_ms(deployment.first_day), zone.hour_start_ms(hours[-1]) + HOUR_MS
        loaded = loaded_hours(opened, start_ms, end_ms)
    return ranking_due(instance, States(home.paths.models), deployment.systems, hours, loaded)


def dimensions(home: HomeResource) -> list[str]:
    """Tables of users and items that the landing folder has."""
    landing = home.deployment.landing_folder(home.home)
    return [table for table in DIMENSIONS if (landing / table).is_dir()]


def is_trained(home: HomeResource, day: str) -> bool:
    """Whether every system has a finished model of the day that this version reads."""
    states = States(home.paths.models)
    return all(states.trained(system, day) for system in home.deployment.systems)


def hour_folder(home: HomeResource, table: str, hour: str) -> Path:
    """Where the files of an hour are expected."""
    return folder_of(home.deployment.landing_folder(home.home), RANKING_TABLES[table], hour)


def unfinished(instance: dg.DagsterInstance, *jobs: str) -> str | None:
    """An unfinished run of these jobs (default: those of hours), in words; None if there is none.

    One whose process is gone is ended, and is none.
    """
    wanted = jobs or (HOURLY, LOGS, RANKING)
    records = instance.get_run_records(dg.RunsFilter(statuses=_UNFINISHED), limit=100)
    for record in records:
        young = time.time() - record.create_timestamp.timestamp() < LONGEST_RUN_SECONDS
        if record.dagster_run.job_name in wanted and young and not end_dead(instance, record):
            run = record.dagster_run
            return f"run {run.run_id} of {run.job_name} ({run.status.value.lower()})"
    return None
