"""MLflow as this project uses it: runs found again by tag, few calls, a registered model a system.

A run's identity is a tag made of what it is about (kind, source, system, partition) and of its settings and
seed. It is looked up before it is created, so that re-materialising overwrites figures and never leaves a
second run. Parameters cannot change in MLflow, so a changed setting is another run; what may change between
two materialisations (git revision, data hash, base partition) is a tag. A metric that stands already with the
same value is not logged again.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assets.common.known_runs import RUNS, KnownRun, remember
from assets.common.links import LOCAL_MLFLOW, dagster_tags, mlflow_server
from assets.common.mlflow_session import one_session
from assets.common.mlflow_store import artifact_root, make_store, re_root, store_uris, team_uri
from assets.common.provenance import git_revision, settings_digest
from warehouse.home import Home

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

EXPERIMENT = "ranking"
PROFILING = "profiling"  #: the profiler keeps an experiment and registered models of its own
KEY = "hourfold.key"
LONGEST_DIGEST = 36  #: characters that MLflow takes of a data set's hash
LONGEST_TAG = 5000  #: characters of a tag that a run is made with; longer ones are checked and cut by MLflow
MOST_PARAMS, MOST_METRICS = 100, 900  #: what MLflow takes in one call, the second with room for tags


@dataclass(frozen=True)
class RunRecord:
    """One run to be found or made, and what to write on it."""

    kind: str  #: day, hour, training, long_term; audience
    system: str
    partition: str
    seed: int
    settings: Mapping[str, str]  #: flat; the same for all runs of a system
    tags: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float | None] = field(default_factory=dict)  #: None and NaN are left out
    steps: Mapping[int, Mapping[str, float | None]] = field(default_factory=dict)  #: step → figures there
    curves: Mapping[str, Sequence[float]] = field(default_factory=dict)  #: name → values at steps 0, 1, …
    parent: str | None = None  #: run id
    name: str | None = None  #: as the page lists it, before the source; default: partition, system and kind
    #: folder in the run → local file, or folder of files
    artifacts: Mapping[str, Path] = field(default_factory=dict)
    started: float | None = None  #: when the work began, Unix seconds; default: when the tracker was opened


class Tracking:
    """The MLflow store of one home, seen from one source and one purpose (the experiment's name)."""

    def __init__(self, folder: Path, source: str, simulated: bool, purpose: str = EXPERIMENT) -> None:
        self.folder, self.source, self.simulated, self.purpose = folder, source, simulated, purpose
        self.opened = time.time()  #: an asset opens its tracker as its work begins
        self.urls: dict[str, str] = {}  #: `<system>: MLflow <kind>` → page of the run that was recorded

    @property
    def label(self) -> str:
        """The source as names show it; a simulated one is always called so."""
        if not self.simulated:
            return self.source
        return "simulated" if self.source == "simulator" else f"{self.source}-simulated"

    @cached_property
    def client(self) -> MlflowClient:
        """A client of the store; importing MLflow takes seconds, hence only when used."""
        os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
        from mlflow.tracking import MlflowClient

        if team_uri() is None:
            make_store(self.folder)
            re_root(self.folder)
        tracking, registry = store_uris(self.folder)
        return MlflowClient(tracking_uri=tracking, registry_uri=registry)

    @cached_property
    def experiment(self) -> str:
        """The experiment's id; its artifacts lie inside the home, or where a team's server puts them."""
        experiment = self.client.get_experiment_by_name(self.purpose)
        if experiment is not None:
            return str(experiment.experiment_id)
        root = artifact_root(self.folder)
        return str(self.client.create_experiment(self.purpose, artifact_location=root))

    def url(self, run_id: str) -> str:
        """The page of a run of this experiment; on this machine's usual port where no server is known."""
        return f"{mlflow_server() or LOCAL_MLFLOW}/#/experiments/{self.experiment}/runs/{run_id}"

    def key(self, record: RunRecord) -> str:
        """The identity of a run."""
        digest = settings_digest(record.settings, record.seed)
        return "/".join((record.kind, self.source, record.system, record.partition, digest))

    def _address(self, record: RunRecord) -> tuple[str, ...]:
        return (*store_uris(self.folder), self.experiment, self.key(record))

    def find(self, record: RunRecord) -> Run | None:
        """The run of this identity, if there is one."""
        runs = self.client.search_runs(
            [self.experiment], filter_string=f"tags.`{KEY}` = '{self.key(record)}'", max_results=1
        )
        return runs[0] if runs else None

    def record(self, record: RunRecord) -> str:
        """Write `record` on its run, made if it is not there yet; returns the run's id."""
        from mlflow.exceptions import MlflowException

        address = self._address(record)
        known = RUNS.pop(address, None)
        with one_session(self.client):
            if known is not None:
                try:
                    self._write(known, record, [])
                except MlflowException:  # somebody has deleted it since
                    known = None
            if known is None:
                known, params = self._found_or_made(record)
                self._write(known, record, params)
        remember(address, known)
        self.urls[f"{record.system}: MLflow {record.kind}"] = self.url(known.run_id)
        return known.run_id

    def _found_or_made(self, record: RunRecord) -> tuple[KnownRun, list[Any]]:
        """The run of this identity, and the parameters that it lacks: all, or those that a kill left out."""
        from mlflow.entities import Param

        run = self.find(record)
        if run is None:
            about = {name: value for name, value in self._about(record).items() if len(value) <= LONGEST_TAG}
            tags = {KEY: self.key(record), **about}
            tags |= {"mlflow.parentRunId": record.parent} if record.parent else {}
            started = int(1000 * (self.opened if record.started is None else record.started))
            run = self.client.create_run(
                self.experiment, start_time=started, tags=tags, run_name=self.name_of(record)
            )
        values = {"seed": str(record.seed), "system": record.system, "source": self.source}
        values |= dict(record.settings)
        lacking = [name for name in values if name not in run.data.params]
        return KnownRun.of(run), [Param(name, values[name][:6000]) for name in lacking]

    def _write(self, known: KnownRun, record: RunRecord, params: Sequence[Any]) -> None:
        """All of `record` that the run does not carry yet."""
        from mlflow.entities import RunTag

        run_id, about = known.run_id, self._about(record)
        fresh = {name: value for name, value in about.items() if known.tags.get(name) != value}
        tags = [RunTag(name, value) for name, value in fresh.items()]
        metrics = self._changed(known, record)
        self.client.log_batch(run_id, metrics=metrics[:MOST_METRICS], params=params[:MOST_PARAMS], tags=tags)
        for start in range(MOST_METRICS, len(metrics), MOST_METRICS):
            self.client.log_batch(run_id, metrics=metrics[start : start + MOST_METRICS])
        for start in range(MOST_PARAMS, len(params), MOST_PARAMS):
            self.client.log_batch(run_id, params=params[start : start + MOST_PARAMS])
        self._log_data(known, record)
        for folder, path in record.artifacts.items():
            if path.is_dir():
                self.client.log_artifacts(run_id, str(path), folder)
            else:
                self.client.log_artifact(run_id, str(path), folder)
        self.client.set_terminated(run_id)  # its end is when something was written on it last
        known.tags.update(fresh)
        known.take(metrics)

    def _about(self, record: RunRecord) -> dict[str, str]:
        """The tags of a run, but for its identity."""
        return {
            "source": self.source,
            "simulated": str(self.simulated).lower(),
            "system": record.system,
            "kind": record.kind,
            "partition": record.partition,
            "git_revision": git_revision(),
            **dagster_tags(),
            **record.tags,
        }

    def name_of(self, record: RunRecord) -> str:
        """A run as lists show it, what differs first: `2025-03-11 lsttm_spectral day (kuairand)`."""
        return f"{record.name or f'{record.partition} {record.system} {record.kind}'} ({self.label})"

    def amend(self, record: RunRecord) -> str | None:
        """Add figures and tags to a run that is over, whose times stay; its id, or None without a run."""
        from mlflow.entities import RunTag

        run = self.find(record)
        RUNS.pop(self._address(record), None)
        if run is None:
            return None
        tags = [RunTag(name, value) for name, value in record.tags.items()]
        changed = self._changed(KnownRun.of(run), record)
        self.client.log_batch(run.info.run_id, metrics=changed, tags=tags)
        return str(run.info.run_id)

    def _log_data(self, known: KnownRun, record: RunRecord) -> None:
        """Name what was read as an input of the run: the source, the data's hash, the warehouse's file."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        digest = record.tags.get("data_hash", "")[:LONGEST_DIGEST]
        if not digest or digest in known.digests:
            return
        home = Home(self.folder.parent)
        file = home.source(self.source).warehouse.relative_to(home.root)
        source = Dataset(self.label, digest, "local", json.dumps({"uri": str(file)}))
        context = InputTag("mlflow.data.context", "training" if "train" in record.kind else "evaluation")
        self.client.log_inputs(known.run_id, [DatasetInput(source, [context])])
        known.digests.add(digest)

    def _changed(self, known: KnownRun, record: RunRecord) -> list[Any]:
        """The metrics that the run does not carry yet with this value at this step.

        A step beyond the newest one of a metric is new, and the newest one's value is known: only for older
        steps the history is asked.
        """
        from mlflow.entities import Metric

        figures = [(name, 0, value) for name, value in record.metrics.items()]
        figures += [(name, step, value) for step, at in record.steps.items() for name, value in at.items()]
        figures += [
            (name, step, value) for name, curve in record.curves.items() for step, value in enumerate(curve)
        ]
        newest = (-1, float("nan"))
        older = {name for name, step, _ in figures if step < known.newest.get(name, newest)[0]}
        stored = {(name, step): value for name, (step, value) in known.newest.items()}
        for name in older:
            history = self.client.get_metric_history(known.run_id, name)
            for point in sorted(history, key=lambda point: point.timestamp):
                stored[name, point.step] = point.value
        now = int(time.time() * 1000)
        return [
            Metric(name, float(value), now, step)
            for name, step, value in figures
            if value is not None and math.isfinite(value) and stored.get((name, step)) != float(value)
        ]
