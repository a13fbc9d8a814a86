"""What the assets are given: the home and its deployment, the warehouse, the tracker, a progress listener."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Self

import dagster as dg

from models.progress import Progress
from warehouse.home import Deployment, Home, SourceHome
from warehouse.landing.contract import PROFILING_TABLES

if TYPE_CHECKING:
    from assets.common.tracking import Tracking
    from warehouse.landing.description import SourceDescription
    from warehouse.store.warehouse import Warehouse


class HomeResource(dg.ConfigurableResource):
    """The folder with all state, and what the deployment in it was set up as."""

    root: str
    of_shop: bool = False  #: the profiler's view, where it reads another source than the ranking

    @property
    def home(self) -> Home:
        """The home as the other packages know it."""
        return Home(Path(self.root))

    @property
    def deployment(self) -> Deployment:
        """Read anew each time, so that a long-lived code server sees a change."""
        deployment = Deployment.load(self.home)
        return deployment.of_shop(self.home) if self.of_shop else deployment

    @property
    def shop(self) -> Self:
        """The same, of the source that the profiler reads."""
        return type(self)(root=self.root, of_shop=True)

    def of_table(self, table: str) -> Self:
        """The same, of the source that a table is read from."""
        return self.shop if table in PROFILING_TABLES else self

    @property
    def paths(self) -> SourceHome:
        """The folders of the deployment's source."""
        return self.deployment.paths(self.home)

    @property
    def description(self) -> SourceDescription:
        """What the landing folder holds; it has no `source.json` before its first load."""
        from warehouse.landing.reading import describe

        return describe(self.deployment.landing_folder(self.home))


class WarehouseResource(HomeResource):
    """The DuckDB file of the deployment's source. Open it, read or write, close it: never while training."""

    def open(self, read_only: bool = True) -> Warehouse:
        """The warehouse, as a context manager; a reader waits for no one only while nobody writes."""
        from warehouse.store.warehouse import Warehouse

        return Warehouse(self.paths.warehouse, read_only=read_only)


class TrackingResource(HomeResource):
    """The MLflow store of the home."""

    def open(self, purpose: str = "ranking") -> Tracking:
        """A tracker that names runs after the deployment's source, in the experiment of this purpose."""
        from assets.common.tracking import Tracking

        return Tracking(self.home.mlflow, self.deployment.source, self.description.simulated, purpose)


class ProgressReport:
    """Passes progress on to the listener, and to the run's log at every tenth; adds up where time went."""

    def __init__(self, listener: Progress | None = None) -> None:
        self.listener = listener
        #: phase of work → seconds, over all runs that were given this object
        self.seconds: dict[str, float] = {}

    def spent(self, seconds: Mapping[str, float]) -> None:
        """Add the phases of one asset."""
        for phase, value in seconds.items():
            self.seconds[phase] = self.seconds.get(phase, 0.0) + value

    def to(self, log: dg.DagsterLogManager, prefix: str = "") -> Progress:
        """A callback for one computation; `prefix` tells computations of the same kind apart."""

        def report(stage: str, done: int, total: int) -> None:
            stage = f"{prefix} {stage}".strip()
            if self.listener is not None:
                self.listener(stage, done, total)
            if total and done * 10 // total != (done - 1) * 10 // total:
                log.info(f"{stage}: {done} of {total}")

        return report
