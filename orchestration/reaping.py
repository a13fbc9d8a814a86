"""Runs whose process has died are ended, and give back what they hold, so that no kill stops a home.

Dagster leaves such a run as `STARTED`, and its slot of a pool taken, for good. Dead runs are ended when a
command opens the home, when a schedule looks whether a run of its is under way, when a step waits for a dead
one's slot (`waiting`), and by the daemon's run monitoring (`launcher`).
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import dagster as dg
from dagster._core.storage.dagster_run import FINISHED_STATUSES, RunRecord

from orchestration.living import Living, LivingRuns

START_SECONDS = 300  #: for a run that was made to start, as `start_timeout_seconds` of dagster.yaml
_BEGUN = (dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING)
_MADE = (dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING)
UNFINISHED = [*_BEGUN, *_MADE]


@dataclass(frozen=True)
class Reaped:
    """What was ended and given back."""

    runs: tuple[str, ...] = ()  #: a sentence each
    slots: int = 0  #: finished runs whose slots were given back

    def lines(self) -> list[str]:
        """All of it in sentences; empty where nothing was dead."""
        freed = f"slots of {self.slots} runs that had ended were given back" if self.slots else ""
        return [*self.runs, *([freed] if freed else [])]


def living_of(instance: dg.DagsterInstance) -> Living | None:
    """The living runs of an instance; None where its storage does not keep them: nothing is reaped there."""
    storage = instance.run_storage
    return storage.living if isinstance(storage, LivingRuns) else None


def reap(instance: dg.DagsterInstance) -> Reaped:
    """End every run whose process is gone, give its slots back, and those that ended runs still hold."""
    living = living_of(instance)
    if living is None:
        return Reaped()
    records = instance.get_run_records(dg.RunsFilter(statuses=UNFINISHED))
    said = [end_dead(instance, record) for record in records]
    slots = _free_ended(instance, living)
    for run_id in living.left():
        run = instance.get_run_by_id(run_id)
        if run is None or run.status in FINISHED_STATUSES:
            living.forget(run_id)
    return Reaped(tuple(text for text in said if text), slots)


def end_dead(instance: dg.DagsterInstance, record: RunRecord) -> str | None:
    """End a run if its process is gone, and give its slots back; what was done in words, None if it lives."""
    living, run = living_of(instance), record.dagster_run
    if living is None or living.lives(run.run_id):
        return None
    current = instance.get_run_by_id(run.run_id)  # it may have ended since it was read
    if current is None or current.status not in UNFINISHED:
        return None
    if current.status in _MADE and time.time() - record.create_timestamp.timestamp() < START_SECONDS:
        return None
    reason = why_dead(living, run)
    if current.status == dg.DagsterRunStatus.CANCELING:
        instance.report_run_canceled(current, reason)
    else:
        instance.report_run_failed(current, reason)
    instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
    living.forget(run.run_id)
    return f"{in_words(run)} was left unfinished: {reason}"


def why_dead(living: Living, run: dg.DagsterRun) -> str:
    """What is said of a run whose process is gone."""
    process = living.process(run.run_id)
    if run.status in _MADE and not process:
        return f"no process took it up within {START_SECONDS} s. Run it again."
    named = f"its process {process}" if process else "its process"
    return (
        f"{named} is gone without a word (killed, out of memory, a closed terminal, a reboot). "
        "What it had finished stays; the next run of the same partition does the rest."
    )


def in_words(run: dg.DagsterRun) -> str:
    """A run as messages name it: `run 1a2b3c4d of hourly_logs [2026-03-02-00:00]`."""
    tags = run.tags
    ends = [tags.get(f"dagster/asset_partition_range_{end}") for end in ("start", "end")]
    partition = tags.get("dagster/partition") or "..".join(end for end in ends if end)
    return f"run {run.run_id[:8]} of {run.job_name}" + (f" [{partition}]" if partition else "")


def _free_ended(instance: dg.DagsterInstance, living: Living) -> int:
    """Give back slots of runs that have ended or are forgotten; a cancelled one may still be at work."""
    log, freed = instance.event_log_storage, 0
    for run_id in log.get_concurrency_run_ids():
        run = instance.get_run_by_id(run_id)
        if (run is None or run.status in FINISHED_STATUSES) and not living.lives(run_id):
            log.free_concurrency_slots_for_run(run_id)
            freed += 1
    return freed
