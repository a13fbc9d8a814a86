"""What the command line calls: load a range of days, run a day from retraining to report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from assets.common.resources import WarehouseResource
from assets.ranking.states import States
from orchestration.external_history import load_external_history
from orchestration.jobs import DAILY, DAILY_LOGS, DESCRIBING_ASSETS, HOURLY, LOGS, RANKING
from orchestration.report import DayReport, report_day
from orchestration.session import RunFailed, Session
from warehouse.landing import layout
from warehouse.landing.contract import PROFILING_TABLES, RANKING_TABLES
from warehouse.landing.service_time import DAY_MS, ServiceZone

#: Of landed files that one run gates at once; a year of 2,469 households is 20 MB of Parquet.
BYTES_A_RUN = 32_000_000


def run_ingest(session: Session, first_day: str, last_day: str, *, again: bool = False) -> list[str]:
    """Gate and load all logs of the days from `first_day` to `last_day`.

    Those of the ranking are a run a day, those of the profiler many days a run. Tables that the landing
    folder does not have are left out. Days that are loaded whole are left alone unless `again`; days of the
    profiler whose files have changed are loaded anew. Raises RunFailed where a batch rule stopped an hour or
    a day; the others of that run are loaded. Returns what was left out, as sentences.
    """
    notes: list[str] = []
    landing = session.deployment.landing_folder(session.home)
    if any((landing / table).is_dir() for table in RANKING_TABLES):
        # A shop's year may begin before the feed: the ranking has no hours there.
        run_ranking_ingest(session, max(first_day, session.deployment.first_day), last_day, again=again)
        notes = load_external_history(session)
    if any((landing / table).is_dir() for table in PROFILING_TABLES):
        run_profiling_ingest(session, first_day, last_day, again=again)
    return notes


def run_ranking_ingest(session: Session, first_day: str, last_day: str, *, again: bool = False) -> None:
    """The part of `run_ingest` that the ranking needs."""
    zone = session.deployment.service_zone
    days = zone.days_between(first_day, last_day)
    for done, day in enumerate(days):
        session.report("days loaded", done, len(days))
        hours = zone.hours_of_day(day)
        if again or not set(hours) <= _loaded(session, day):
            session.run(LOGS, hours[0], hours[-1])
    session.report("days loaded", len(days), len(days))


def run_profiling_ingest(session: Session, first_day: str, last_day: str, *, again: bool = False) -> None:
    """The part of `run_ingest` that the profiler needs."""
    from assets.logs.ingest import pending
    from warehouse.landing.reading import describe

    landing = session.deployment.landing_folder(session.home)
    description = describe(landing)
    tables = [table for table in PROFILING_TABLES if (landing / table).is_dir()]
    due_by_table = {
        table: pending(
            session.deployment.paths(session.home), table, landing=landing, description=description
        )
        for table in tables
        if table in DESCRIBING_ASSETS or not again
    }
    describing = [table for table in DESCRIBING_ASSETS if due_by_table.get(table)]
    if describing:
        session.run(DAILY_LOGS, first_day, only=describing)
    dated = [table for table in tables if table not in DESCRIBING_ASSETS]
    due: dict[str, int] = {}  # day → bytes of its files
    for table in dated:
        contract = description.contract(table)
        for day in layout.partitions(landing, contract) if again else due_by_table[table]:
            if first_day <= day <= last_day:
                files = layout.files_of(landing, contract, day)
                due[day] = due.get(day, 0) + sum(path.stat().st_size for path in files)
    done, failed = 0, []
    for run in _runs(sorted(due), due, session.deployment.service_zone):
        session.report("days of purchases loaded", done, len(due))
        try:
            session.run(DAILY_LOGS, run[0], run[-1], only=dated)
        except RunFailed as failure:
            failed.append(str(failure))
        done += len(run)
    session.report("days of purchases loaded", len(due), len(due))
    if failed:
        raise RunFailed("\n".join(failed))


def _runs(days: Sequence[str], size: Mapping[str, int], zone: ServiceZone) -> list[list[str]]:
    """Days cut into ranges without a hole, none of more than BYTES_A_RUN of files unless a day alone is."""
    runs: list[list[str]] = []
    room = 0
    for day in days:
        follows = runs and zone.day_start_ms(day) - zone.day_start_ms(runs[-1][-1]) == DAY_MS
        if follows and size[day] <= room:
            runs[-1].append(day)
        else:
            runs.append([day])
            room = BYTES_A_RUN
        room -= size[day]
    return runs


def run_day(session: Session, day: str) -> DayReport:
    """Retrain on the day before if that is missing, run the day's 24 hours in order, and report.

    Each hour is a run of its own, as the hourly schedule would start it. Raises RunFailed at the first run
    that fails; what was done stays, and a second call goes on from there.
    """
    deployment = session.deployment
    zone, states = deployment.service_zone, States(deployment.paths(session.home).models)
    before = zone.day_key(zone.day_start_ms(day) - 1)
    if before < deployment.first_day:
        raise ValueError(
            f"{day} is the first day of {deployment.source}: there is no day before it to train on"
        )
    run_ranking_ingest(session, deployment.first_day, before)
    if any(states.record(states.daily(system, before)) is None for system in deployment.systems):
        session.report("retraining", 0, 1)
        session.run(DAILY, before)
        session.report("retraining", 1, 1)
    hours, loaded_hours = zone.hours_of_day(day), _loaded(session, day)
    for done, hour in enumerate(hours):
        session.report("hours", done, len(hours))
        session.run(RANKING if hour in loaded_hours else HOURLY, hour)
    session.report("hours", len(hours), len(hours))
    return report_day(session, day)


def _loaded(session: Session, day: str) -> set[str]:
    """Hours of a day whose exposures are in the warehouse."""
    if not session.deployment.paths(session.home).warehouse.exists():
        return set()
    start_ms = session.deployment.service_zone.day_start_ms(day)
    with WarehouseResource(root=str(session.home.root)).open() as opened:
        loaded = opened.loaded("exposures")
    return set(loaded["partition"][loaded["start_ms"].between(start_ms, start_ms + DAY_MS - 1)])
