"""What went wrong in a run, in few lines: for the command line and for whoever is told elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg
from dagster._core.events import JobFailureData, RunFailureReason

from orchestration.spans import shortened


def what_failed(events: Sequence[dg.DagsterEvent]) -> str:
    """What failed steps and blocking checks said, each once, ten lines at most; empty if nothing failed."""
    reasons: dict[str | None, str] = {}  # step → what it said of its failure
    for event in events:
        if event.is_step_failure:
            data = event.step_failure_data
            reason = data.user_failure_data.description if data.user_failure_data else None
            if reason or (data.error and "blocking asset check" not in data.error.message):
                reasons[event.step_key] = reason or f"{event.step_key}: {data.error.message}"  # type: ignore[union-attr]
    checks = [
        _check_text(event.asset_check_evaluation_data)
        for event in events
        if _is_failed_check(event, blocking=True) and event.step_key not in reasons
    ]
    return shortened([*checks, *reasons.values()])


def interrupted(events: Sequence[dg.DagsterEvent]) -> bool:
    """Whether a run ended because somebody interrupted its process."""
    ends = [event.event_specific_data for event in events]
    return any(
        isinstance(end, JobFailureData) and end.failure_reason == RunFailureReason.UNEXPECTED_TERMINATION
        for end in ends
    )


def failed_checks(events: Sequence[dg.DagsterEvent]) -> list[str]:
    """What failed checks said that are no mere warnings and stop nothing."""
    return [
        _check_text(event.asset_check_evaluation_data)
        for event in events
        if _is_failed_check(event, blocking=False)
    ]


def _is_failed_check(event: dg.DagsterEvent, *, blocking: bool) -> bool:
    if event.event_type != dg.DagsterEventType.ASSET_CHECK_EVALUATION:
        return False
    check = event.asset_check_evaluation_data
    severe = check.severity == dg.AssetCheckSeverity.ERROR
    return not check.passed and severe and check.blocking == blocking


def _check_text(check: dg.AssetCheckEvaluation) -> str:
    where = f"[{check.partition}]" if check.partition else ""
    return f"{check.asset_key.to_user_string()}{where}, check {check.check_name}: {check.description}"
