"""How Dagster's daemon knows that the process of a run is gone."""

from __future__ import annotations

import dagster as dg
from dagster._core.launcher import CheckRunHealthResult, DefaultRunLauncher, WorkerStatus

from orchestration.reaping import living_of, why_dead


class HomeRunLauncher(DefaultRunLauncher):
    """`DefaultRunLauncher`, which cannot say it: run monitoring then waits for hours before it ends a run."""

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Where the run storage keeps which runs live."""
        return living_of(self._instance) is not None

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Whether a process executes the run, whoever started it."""
        living = living_of(self._instance)
        if living is None or living.lives(run.run_id):
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(WorkerStatus.FAILED, why_dead(living, run))
