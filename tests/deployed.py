"""A tiny simulated deployment, made once for all test processes: two days landed, the first one trained on.

Tests get a copy of their own. Day one (`BASE`) is loaded whole, of day two (`DAY`) only `HOURS`.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from assets.common.resources import HomeResource, TrackingResource, WarehouseResource
from warehouse.home import SYSTEMS, Deployment, Home

BASE, DAY = "2026-03-02", "2026-03-03"
HOURS = [f"{DAY}-{hour:02d}:00" for hour in range(4)]


@dataclass(frozen=True)
class Deployed:
    """A home ready for hourly runs."""

    home: Home
    deployment: Deployment

    @property
    def resource(self) -> HomeResource:
        return HomeResource(root=str(self.home.root))

    @property
    def warehouse(self) -> WarehouseResource:
        return WarehouseResource(root=str(self.home.root))

    @property
    def tracking(self) -> TrackingResource:
        return TrackingResource(root=str(self.home.root))

    @property
    def landing(self) -> Path:
        return self.deployment.landing_folder(self.home)

    @property
    def models(self) -> Path:
        return self.deployment.paths(self.home).models


def systems() -> tuple[str, ...]:
    """What a deployment trains unless told otherwise."""
    return SYSTEMS


def deployed(shared: Path, copy: Path) -> Deployed:
    """A copy of the deployment, which is made in `shared` once, whichever test process asks first."""
    original = shared / "deployed"
    with FileLock(shared / "deployed.lock"):
        if not (shared / "deployed.done").exists():
            _make(original)
            (shared / "deployed.done").touch()
    shutil.copytree(original, copy)
    os.environ["HOURFOLD_HOME"] = str(copy)
    home = Home(copy)
    return Deployed(home, Deployment.load(home))


def _make(root: Path) -> None:
    from assets.logs.ingest import ingest
    from orchestration.jobs import DAILY
    from orchestration.session import Session
    from simulator import SimulatorSettings
    from simulator.feed.fill import fill

    home = Home(root)
    deployment = Deployment(source="simulator", first_day=BASE, systems=systems(), size="tiny")
    settings = SimulatorSettings()
    population = settings.population.model_copy(update={"users": 400})
    news = settings.news.model_copy(update={"items_per_day": 60})
    small = settings.model_copy(update={"population": population, "news": news})
    landing = deployment.landing_folder(home)
    fill(landing, small, days=2, first_day=BASE)
    paths = deployment.paths(home)
    for table in ("users", "items"):
        ingest(paths, table)
    zone = deployment.service_zone
    for table in ("exposures", "external_clicks"):
        ingest(paths, table, [*zone.hours_of_day(BASE), *HOURS])
    with Session(deployment, home) as session:
        session.run(DAILY, BASE)
