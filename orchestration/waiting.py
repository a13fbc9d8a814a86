"""A step that waits for a slot of a pool: it says for whom, ends a dead holder, and can be interrupted.

Dagster's own wait does none of it, and asks whether a time is over as fast as the processor goes.
"""

from __future__ import annotations

import logging
import time

import dagster as dg
from dagster._core.errors import DagsterExecutionInterruptedError
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._utils.concurrency import ConcurrencyClaimStatus
from dagster._utils.interrupts import pop_captured_interrupt

from orchestration.reaping import end_dead, in_words, living_of

TRY_SECONDS = 1.0  #: between two tries; other steps of the run have their turn then
LOOK_SECONDS = 0.1  #: how soon an interrupt ends the wait
TELL_SECONDS = 60.0

_log = logging.getLogger("hourfold")


class WaitingClaims(SqlEventLogStorage):
    """Of an event log: how a step comes to a slot."""

    _told: dict[tuple[str, str], float]  #: run and step → when it was last said whom it waits for

    def claim_concurrency_slot(
        self, concurrency_key: str, run_id: str, step_key: str, priority: int | None = None
    ) -> ConcurrencyClaimStatus:
        """As Dagster's own; blocked, it returns after a second.

        Raises DagsterExecutionInterruptedError, which ends the run, on Ctrl-C or a termination.
        """
        status = super().claim_concurrency_slot(concurrency_key, run_id, step_key, priority)
        if not status.is_claimed and self._freed(concurrency_key, run_id, step_key):
            status = super().claim_concurrency_slot(concurrency_key, run_id, step_key, priority)
        if status.is_claimed:
            self._told.pop((run_id, step_key), None)
            return status
        until = time.monotonic() + TRY_SECONDS
        while time.monotonic() < until:
            if pop_captured_interrupt():
                raise DagsterExecutionInterruptedError()
            time.sleep(LOOK_SECONDS)
        return status.with_sleep_interval(0.0)

    def _freed(self, pool: str, run_id: str, step_key: str) -> bool:
        """End dead runs that stand before a step, and say which living one does; whether any was dead."""
        instance: dg.DagsterInstance = self._instance
        info = self.get_concurrency_info(pool)
        before = {slot.run_id for slot in info.claimed_slots} | info.assigned_run_ids
        records = instance.get_run_records(dg.RunsFilter(run_ids=sorted(before - {run_id})))
        ended = [text for text in (end_dead(instance, record) for record in records) if text]
        for text in ended:
            _log.warning(text)
        if not ended:
            self._tell(pool, (run_id, step_key), [record.dagster_run for record in records])
        return bool(ended)

    def _tell(self, pool: str, step: tuple[str, str], runs: list[dg.DagsterRun]) -> None:
        now, living = time.monotonic(), living_of(self._instance)
        if not runs or now - self._told.get(step, now - TELL_SECONDS) < TELL_SECONDS:
            return
        self._told[step] = now
        holders = []
        for run in runs:
            process = living.process(run.run_id) if living else ""
            holders.append(in_words(run) + (f" (process {process})" if process else ""))
        _log.warning(
            "%s waits for %s, which has the slot of the pool `%s`. Ctrl-C ends the wait.",
            *(step[1], ", ".join(holders), pool),
        )
