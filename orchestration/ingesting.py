"""Loading what has landed, as runs: hours of the ranking, days of the profiler; and what was left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from assets.common import clock
from assets.common.partitions import EXTERNAL_HISTORY
from assets.common.resources import HomeResource
from assets.logs.assets import FORCE
from orchestration.jobs import DAILY, DAILY_LOGS, DESCRIBING_ASSETS, LOGS
from orchestration.landed_hours import DIMENSIONS, LandedHours, landed_hours
from orchestration.session import RunFailed, Session
from orchestration.shop_days import bounded_runs, holes_before, holes_in_words, odd_partitions
from orchestration.spans import shortened
from warehouse.landing import layout
from warehouse.landing.contract import PROFILING_TABLES, RANKING_TABLES
from warehouse.landing.service_time import DAY_MS

if TYPE_CHECKING:
    from warehouse.landing.description import SourceDescription


@dataclass
class Ingested:
    """What `load_logs` did not load, and why."""

    refused: list[str] = field(default_factory=list)  #: what failed runs and checks said
    hours: LandedHours | None = None  #: as they stood before the loading; None without tables of the ranking
    notes: list[str] = field(default_factory=list)  #: what else the user should know

    def lines(self) -> list[str]:
        """Sentences on what was left out."""
        return [*(self.hours.left_out() if self.hours is not None else []), *self.notes]

    def check(self) -> None:
        """Raise RunFailed with what was refused, if anything was."""
        if self.refused:
            raise RunFailed(shortened(self.refused))


def load_logs(
    session: Session, first_day: str, last_day: str, *, again: bool = False, force: bool = False
) -> Ingested:
    """Gate and load the logs of the days from `first_day` to `last_day` that are not loaded as they are.

    A run takes as many hours or days as their files' size allows. Tables that the landing folder does not
    have, hours without files and hours that have not ended are left out.

    Args:
        session: the home.
        first_day, last_day: day keys, both included.
        again: also load what is loaded as it lies there.
        force: load even what breaks batch rules.

    Returns what was refused or left out; the rest of a run is loaded.
    """
    from warehouse.landing.reading import describe

    landing = session.deployment.landing_folder(session.home)
    description, outcome = describe(landing), Ingested()
    tags = {FORCE: "true"} if force else {}
    if any((landing / table).is_dir() for table in RANKING_TABLES):
        # A shop's year may begin before the feed: the ranking has no hours there.
        first = max(first_day, session.deployment.first_day)
        _load_history(session, outcome, tags)
        _load_hours(session, description, (first, last_day), outcome, again, tags)
    if any((landing / table).is_dir() for table in PROFILING_TABLES):
        _load_days(session, description, (first_day, last_day), outcome, again, tags)
    return outcome


def encode_days(session: Session, outcome: Ingested) -> None:
    """Encode every loaded day of the feed through the newest that has ended, in one run, oldest first.

    A day that is encoded already costs nothing; a run that was killed goes on after its last whole day.
    """
    if outcome.hours is None:
        return
    from warehouse.store.warehouse import Warehouse

    zone = session.deployment.service_zone
    with Warehouse(session.deployment.paths(session.home).warehouse, read_only=True) as warehouse:
        days = {hour[:10] for hour in warehouse.loaded("exposures")["partition"]}
    ended = [day for day in days if zone.day_start_ms(day) + DAY_MS <= clock.now_ms()]
    if ended:
        _run(session, DAILY, (max(ended),), ["training_instances"], outcome, {})


def _load_hours(
    session: Session,
    description: SourceDescription,
    between: tuple[str, str],
    outcome: Ingested,
    again: bool,
    tags: Mapping[str, str],
) -> None:
    """Load hours, many a run: hours without files cost nothing, and neither do nights without any."""
    zone, landing = session.deployment.service_zone, session.deployment.landing_folder(session.home)
    hours = [hour for day in zone.days_between(*between) for hour in zone.hours_of_day(day)]
    paths = session.deployment.paths(session.home)
    state = landed_hours(paths, landing, description, hours, clock.now_ms(), again=again)
    outcome.hours = state
    due, done = state.to_load, 0
    size: dict[str, int] = {}
    for table in state.due:
        _add_sizes(size, layout.listing(landing, description.contract(table), zone).files, state.due[table])
    settled = frozenset().union(*state.landed.values()) - frozenset(due)
    for span in bounded_runs(due, size, settled):
        session.report("hours loaded", done, len(due))
        only = [*(table for table in DIMENSIONS if (landing / table).is_dir()), *state.tables(span)]
        _run(session, LOGS, span, only, outcome, tags)
        done += len(span)
    if not due and (described := _due_dimensions(session, description)):
        _run(session, LOGS, (), described, outcome, tags)
    session.report("hours loaded", len(due), len(due))
    outcome.notes += [text for table in state.due for text in odd_partitions(paths, table, state.due[table])]


def _load_history(session: Session, outcome: Ingested, tags: Mapping[str, str]) -> None:
    """Load external clicks that lie before the first exposure; hours that nobody reads are named."""
    from assets.logs.external_history import history_due, left_out

    deployment, home = session.deployment, HomeResource(root=str(session.home.root))
    if deployment.behaviours_first_day < deployment.first_day and history_due(home):
        described = [t for t in DIMENSIONS if (deployment.landing_folder(session.home) / t).is_dir()]
        _run(session, LOGS, (), [*described, EXTERNAL_HISTORY], outcome, tags)
    outcome.notes += left_out(deployment.landing_folder(session.home))


def _due_dimensions(session: Session, description: SourceDescription) -> list[str]:
    """Tables of users and items with files that are not loaded as they lie there."""
    from assets.logs.ingest import pending

    landing, paths = session.deployment.landing_folder(session.home), session.deployment.paths(session.home)
    return [t for t in DIMENSIONS if pending(paths, t, landing=landing, description=description)]


def _load_days(
    session: Session,
    description: SourceDescription,
    between: tuple[str, str],
    outcome: Ingested,
    again: bool,
    tags: Mapping[str, str],
) -> None:
    """Load what the profiler reads: whole days that have ended, and files without a date."""
    from assets.logs.ingest import pending

    paths, landing = session.deployment.paths(session.home), session.deployment.landing_folder(session.home)
    zone, now_ms = session.deployment.service_zone, clock.now_ms()
    tables = [table for table in PROFILING_TABLES if (landing / table).is_dir()]
    waiting = {
        table: pending(paths, table, landing=landing, description=description)
        for table in tables
        if table in DESCRIBING_ASSETS or not again
    }
    if describing := [table for table in DESCRIBING_ASSETS if waiting.get(table)]:
        _run(session, DAILY_LOGS, (), describing, outcome, tags)
    dated = [table for table in tables if table not in DESCRIBING_ASSETS]
    due: dict[str, int] = {}  # day → bytes of its files
    early: set[str] = set()
    landed: set[str] = set()
    for table in dated:
        files_of = layout.listing(landing, description.contract(table), zone).files
        landed.update(files_of)
        for day in files_of if again else waiting[table]:
            if not between[0] <= day <= between[1]:
                continue
            if zone.day_start_ms(day) + DAY_MS > now_ms:
                early.add(day)
                continue
            _add_sizes(due, files_of, (day,))
    outcome.notes += [
        f"{day} has purchases or points but has not ended: left for later" for day in sorted(early)
    ]
    done = 0
    for days in bounded_runs(sorted(due), due, landed - due.keys()):
        session.report("days of purchases loaded", done, len(due))
        _run(session, DAILY_LOGS, days, dated, outcome, tags)
        done += len(days)
    session.report("days of purchases loaded", len(due), len(due))
    outcome.notes += holes_in_words(holes_before(due, landed, zone), description.closed_days)
    outcome.notes += [text for table in dated for text in odd_partitions(paths, table, due)]


def _add_sizes(size: dict[str, int], files: Mapping[str, Sequence[Path]], partitions: Iterable[str]) -> None:
    """Add to `size` the bytes of these partitions' files."""
    for partition in partitions:
        size[partition] = size.get(partition, 0) + sum(
            path.stat().st_size for path in files.get(partition, ())
        )


def _run(
    session: Session,
    job: str,
    span: Sequence[str],
    only: Sequence[str],
    outcome: Ingested,
    tags: Mapping[str, str],
) -> None:
    """One run on partitions, or on assets without any; what it refuses is collected."""
    first, last = (span[0], span[-1]) if span else (None, None)
    try:
        outcome.refused += session.run(job, first, last, only=only, tags=tags)
    except RunFailed as failure:
        outcome.refused.append(str(failure))
