"""What went wrong in a run, in few lines: for the command line and for whoever is told elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import dagster as dg

from orchestration.spans import shortened

MOST_LINES = 10


def what_failed(events: Iterable[dg.DagsterEvent]) -> str:
    """What failed steps and blocking checks said, each once, ten lines at most; empty if nothing failed."""
    texts = []
    for event in events:
        if event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            check = event.asset_check_evaluation_data
            if not check.passed and check.blocking and check.severity == dg.AssetCheckSeverity.ERROR:
                texts.append(_check_text(check))
        elif event.is_step_failure:
            data = event.step_failure_data
            reason = data.user_failure_data.description if data.user_failure_data else None
            if reason or (data.error and "blocking asset check" not in data.error.message):
                texts.append(reason or f"{event.step_key}: {data.error.message}")  # type: ignore[union-attr]
    # A remedy is said once, behind the causes that it is for.
    remedies = [line for text in texts for line in text.splitlines() if line.startswith("What to do")]
    causes = [line for text in texts for line in text.splitlines() if not line.startswith("What to do")]
    return "\n".join(part for part in (shortened(causes, MOST_LINES), shortened(remedies, 2)) if part)


def failed_checks(events: Sequence[dg.DagsterEvent]) -> list[str]:
    """What failed checks said that are no mere warnings and stop nothing."""
    checks = [
        event.asset_check_evaluation_data
        for event in events
        if event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION
    ]
    failed = [check for check in checks if not check.passed and not check.blocking]
    return [_check_text(check) for check in failed if check.severity == dg.AssetCheckSeverity.ERROR]


def _check_text(check: dg.AssetCheckEvaluation) -> str:
    where = f"[{check.partition}]" if check.partition else ""
    return f"{check.asset_key.to_user_string()}{where}, check {check.check_name}: {check.description}"
