"""Runs without a server: ordinary Dagster runs, in this process, on the home's own instance.

`dagster dev` shows them afterwards. Time is kept apart by what it went into: libraries, orchestration, work.
"""

from __future__ import annotations

import copy
import importlib
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

from assets.common.resources import ProgressReport
from assets.profiling.few_shot_job import REQUESTS
from models.progress import Progress
from orchestration.build import build
from orchestration.failures import failed_checks, interrupted, what_failed
from orchestration.reaping import reap
from orchestration.settings import prepare_home
from warehouse.home import Deployment, Home

_log = logging.getLogger("hourfold")


class RunFailed(RuntimeError):
    """A run did not succeed; the message is what its failed steps and checks said, remedy included."""


@dataclass
class Spent:
    """Where the wall time of a session went, in seconds."""

    imports: float = 0.0  #: loading libraries, once a process
    orchestration: float = 0.0  #: runs' wall time beyond the work inside their assets
    work: dict[str, float] = field(default_factory=dict)  #: read, gate, load, compute, write, record
    runs: int = 0

    @property
    def total(self) -> float:
        """All of it."""
        return self.imports + self.orchestration + sum(self.work.values())

    @property
    def overhead_share(self) -> float:
        """Share of imports and orchestration."""
        return (self.imports + self.orchestration) / self.total if self.total else 0.0


class Session:
    """One home's definitions and Dagster instance, open in this process."""

    def __init__(
        self, deployment: Deployment, home: Home | None = None, progress: Progress | None = None
    ) -> None:
        self.home, self.deployment, self.listener = prepare_home(home), deployment, progress
        deployment.save(self.home)
        self.spent = Spent()
        start = time.perf_counter()
        import_libraries()
        self.spent.imports += time.perf_counter() - start
        start = time.perf_counter()
        self._progress = ProgressReport(progress)
        self._definitions = build(self.home, deployment, self._progress).definitions
        self._instance = dg.DagsterInstance.from_config(str(self.home.dagster))
        for text in reap(self._instance).lines():
            _log.warning(text)
        self.spent.orchestration += time.perf_counter() - start

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *error: object) -> None:
        self._instance.dispose()

    def of_shop(self) -> Session:
        """The same session as the profiler sees it: on the deployment of the shop, where that is another."""
        view = copy.copy(self)
        view.deployment = self.deployment.of_shop(self.home)
        return view

    def add_request(self, name: str) -> None:
        """Make a request for an audience a partition that can be run."""
        self._instance.add_dynamic_partitions(REQUESTS.name or "", [name])

    def run(
        self,
        job: str,
        first: str | None = None,
        last: str | None = None,
        only: Sequence[str] | None = None,
        tags: Mapping[str, str] | None = None,
        config: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> list[str]:
        """Run a job on a partition, or on the range through `last` as one run; `only` names some assets.

        Without `first` these must be assets without partitions. `tags` are further tags of the run, `config`
        what the launchpad would be told, by asset. Returns what failed checks said that stop nothing. Raises
        RunFailed with what the run's failed steps and checks said, KeyboardInterrupt if it was interrupted.
        """
        before, start = sum(self._progress.seconds.values()), time.perf_counter()
        in_range = last is not None and last != first
        tags = dict(tags or {})
        if in_range:
            tags |= {ASSET_PARTITION_RANGE_START_TAG: str(first), ASSET_PARTITION_RANGE_END_TAG: str(last)}
        result = self._definitions.resolve_job_def(job).execute_in_process(
            instance=self._instance,
            partition_key=None if in_range else first,
            tags=tags or None,
            asset_selection=[dg.AssetKey(name) for name in only] if only else None,
            run_config={
                "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
                "ops": {asset: {"config": dict(values)} for asset, values in (config or {}).items()},
            },
            raise_on_error=False,
        )
        work = sum(self._progress.seconds.values()) - before
        self.spent.orchestration += time.perf_counter() - start - work
        self.spent.work = dict(self._progress.seconds)
        self.spent.runs += 1
        if not result.success:
            self._instance.event_log_storage.free_concurrency_slots_for_run(result.run_id)
            if interrupted(result.all_events):  # Ctrl-C is of the command, and not of this run alone
                raise KeyboardInterrupt
            raise RunFailed(
                what_failed(result.all_events) or f"run {result.run_id} failed: see it in Dagster"
            )
        return failed_checks(result.all_events)

    def page(self, asset: str) -> dict[str, Any]:
        """What the page of an asset shows of its latest run: name → value."""
        made = self._instance.fetch_materializations(dg.AssetKey(asset), limit=1).records
        shown = made[0].asset_materialization if made else None
        return {name: value.value for name, value in shown.metadata.items()} if shown else {}

    def report(self, stage: str, done: int, total: int) -> None:
        """Tell the listener, if there is one."""
        if self.listener is not None:
            self.listener(stage, done, total)


def import_libraries() -> None:
    """Load what the assets need, so that its cost is seen once and by itself."""
    for name in (
        "torch",
        "matplotlib.figure",
        "mlflow.tracking",
        "expectations.gate",
        "models.ranking.ranker",
        "models.metrics",
        "warehouse.store.warehouse",
    ):
        importlib.import_module(name)
