"""Hours whose logs come late: seen in the landing folder, loaded, and the ranking brought up to date."""

import json
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg

from assets.common.partitions import Partitions
from assets.common.resources import HomeResource
from assets.ranking.reading import EVENT_TABLES
from orchestration.jobs import LOGS
from warehouse.landing import layout
from warehouse.landing.contract import table_contract
from warehouse.landing.service_time import HOUR_MS, ServiceZone

LOOK_BACK_HOURS = 72  #: hours later than this are loaded by hand, as a backfill


def late_hours_condition(*tables: str) -> dg.AutomationCondition:
    """An hour that is not the latest runs when its logs in `tables` were loaded after its turn, or again.

    `eager()` looks at the latest window alone, which the hourly schedule takes care of. Nothing but logs
    counts: a base model that is late or trained again changes no hour that was served, and what follows a
    late hour needs no run, since the next hour finds the state before it out of date and catches up.
    """
    logs = dg.AssetSelection.assets(*tables)
    due = dg.AutomationCondition.newly_missing() | dg.AutomationCondition.any_deps_updated().allow(logs)
    return (
        due.since_last_handled()
        & ~dg.AutomationCondition.any_deps_missing().allow(logs)
        & ~dg.AutomationCondition.any_deps_in_progress()
        & ~dg.AutomationCondition.in_progress()
        & ~dg.AutomationCondition.in_latest_time_window()
    ).with_label("late hour")


def late_hours_automation() -> dg.AutomationConditionSensorDefinition:
    """Evaluates the condition above. Stopped until switched on: a first fill of history is no late hour."""
    return dg.AutomationConditionSensorDefinition(
        "late_hours",
        target=dg.AssetSelection.assets("hourly_ranker", "hourly_auc"),
        default_status=dg.DefaultSensorStatus.STOPPED,
        description="Runs the ranking of hours whose logs were loaded after their turn.",
        minimum_interval_seconds=60,
    )


def late_files_sensor(partitions: Partitions, zone: ServiceZone) -> dg.SensorDefinition:
    """Requests the loading of hours whose files changed after they were first seen."""

    @dg.sensor(
        job_name=LOGS,
        name="late_files",
        minimum_interval_seconds=300,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description=f"Of the last {LOOK_BACK_HOURS} hours, loads those whose files have come or changed.",
    )
    def late_files(context: dg.SensorEvaluationContext, home: HomeResource) -> dg.SensorResult:
        seen: dict[str, str] = json.loads(context.cursor or "{}")
        landing = home.deployment.landing_folder(home.home)
        now_ms = int(datetime.now(UTC).timestamp() * 1000)
        keys = zone.hours_between(now_ms - LOOK_BACK_HOURS * HOUR_MS, now_ms - 2 * HOUR_MS)
        marks = {key: mark for key in keys if (mark := fingerprint(landing, key))}
        changed = [key for key, mark in marks.items() if seen.get(key) != mark] if context.cursor else []
        requests = [
            dg.RunRequest(run_key=f"{key} {marks[key]}", partition_key=key)
            for key in changed
            if partitions.hourly.has_partition_key(key)
        ]
        return dg.SensorResult(run_requests=requests, cursor=json.dumps(marks))

    return late_files


def fingerprint(landing: Path, hour: str) -> str:
    """Names, sizes and times of the files that an hour is read from; empty where there are none."""
    marks = []
    for table in EVENT_TABLES:
        for path in layout.files_of(landing, table_contract(table), hour):
            status = path.stat()
            marks.append(f"{table}/{path.name} {status.st_size} {status.st_mtime_ns}")
    return "; ".join(marks)
