"""Dagster's runs with their logs, and the pictures on its pages.

The home's own event log (orchestration/event_log.py) forgets a run and still knows that its partitions were
made. Another one, such as Postgres, cannot: after Dagster's `delete_run` partitions count as missing, and
sensors start them again. There nothing is removed, and the page says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol, runtime_checkable

import dagster as dg

from assets.upkeep.trash import weight

ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
PAGE = 200


@runtime_checkable
class ForgettingLog(Protocol):
    """An event log that forgets a run and not what it made."""

    def forget_run(self, run_id: str) -> None:
        """Remove a finished run's log."""

    def size_of_run(self, run_id: str) -> int:
        """Bytes of the file with a run's log."""

    def without_pictures(self, before: float, dry_run: bool = False) -> tuple[int, int]:
        """Take pictures out of materialisations before an instant; how many events and bytes."""

    def give_back(self) -> None:
        """Return what its files hold beyond their events to the disk, as far as nobody is using it."""


@dataclass
class OldRuns:
    """Runs that ended longer ago than they are kept."""

    runs: list[str] = field(default_factory=list)
    bytes: int = 0
    why_not: str = ""  #: why none are listed, where the event log cannot forget them


def old_runs(instance: dg.DagsterInstance, days: int | None, now: datetime) -> OldRuns:
    """The runs that were created more than `days` days before `now` and have ended."""
    if days is None:
        return OldRuns()
    log = instance.event_log_storage
    if not isinstance(log, ForgettingLog):
        kind = type(log).__name__
        return OldRuns(why_not=f"{kind} cannot forget a run and still know what it made: nothing was removed")
    runs = list(_ended(instance, now - timedelta(days=days)))
    logs = _compute_logs(instance)
    sizes = (log.size_of_run(run) + (weight(logs / run) if logs else 0) for run in runs)
    return OldRuns(runs, sum(sizes))


def forget(instance: dg.DagsterInstance, runs: Sequence[str]) -> None:
    """Remove runs with their logs; the run itself goes last, so that a kill leaves it to be found again."""
    log = instance.event_log_storage
    if not isinstance(log, ForgettingLog):
        return
    for run_id in runs:
        instance.compute_log_manager.delete_logs(prefix=[run_id])
        log.forget_run(run_id)
        instance.run_storage.delete_run(run_id)


def give_back(instance: dg.DagsterInstance) -> None:
    """Let the event log return what its files hold beyond their events; another's is left alone."""
    log = instance.event_log_storage
    if isinstance(log, ForgettingLog):
        log.give_back()


def pictures(instance: dg.DagsterInstance, days: int | None, now: datetime, dry_run: bool) -> tuple[int, int]:
    """Take pictures older than `days` off Dagster's pages; how many pages and bytes."""
    log = instance.event_log_storage
    if days is None or not isinstance(log, ForgettingLog):
        return 0, 0
    return log.without_pictures((now - timedelta(days=days)).timestamp(), dry_run)


def present() -> datetime:
    """Now by the clock of the machine, which dates runs."""
    return datetime.now(UTC)


def _ended(instance: dg.DagsterInstance, before: datetime) -> Iterator[str]:
    cursor: str | None = None
    while True:
        filters = dg.RunsFilter(statuses=ENDED, created_before=before)
        records = instance.get_run_records(filters, limit=PAGE, cursor=cursor, ascending=True)
        yield from (record.dagster_run.run_id for record in records)
        if len(records) < PAGE:
            return
        cursor = records[-1].dagster_run.run_id


def _compute_logs(instance: dg.DagsterInstance) -> Path | None:
    folder = getattr(instance.compute_log_manager, "_base_dir", None)
    return Path(folder) if folder else None
