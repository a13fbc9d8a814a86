"""The home of `benchmarks.serving`: two systems of the real size, few users, an hour adapted."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np

BASE, DAY = "2026-03-02", "2026-03-03"
HOURS = 3  #: of the day that are loaded; the first is adapted to
SYSTEMS = ("deepfm", "lsttm_spectral")
USERS, ITEMS_A_DAY, BODIES = 1300, 120, 200


def make(root: Path) -> None:
    """Land two days, train on the first and adapt to an hour, unless that was done."""
    os.environ["HOURFOLD_HOME"] = str(root)
    if (root / "made").exists():
        return
    from assets.logs.ingest import ingest
    from orchestration.session import Session
    from simulator import SimulatorSettings
    from simulator.feed.fill import fill
    from warehouse.home import Deployment, Home

    home, settings = Home(root), SimulatorSettings()
    deployment = Deployment(source="simulator", first_day=BASE, systems=SYSTEMS, size="real")
    population = settings.population.model_copy(update={"users": USERS})
    news = settings.news.model_copy(update={"items_per_day": ITEMS_A_DAY})
    small = settings.model_copy(update={"population": population, "news": news})
    fill(deployment.landing_folder(home), small, days=2, first_day=BASE)
    deployment.save(home)
    paths, hours = deployment.paths(home), [f"{DAY}-{hour:02d}:00" for hour in range(HOURS)]
    for table in ("users", "items"):
        ingest(paths, table)
    for table in ("exposures", "external_clicks"):
        ingest(paths, table, [*deployment.service_zone.hours_of_day(BASE), *hours])
    with Session(deployment, home) as session:
        session.run("daily", BASE)
        session.run("hourly", hours[0])
    (root / "made").touch()


def point(root: Path, system: str) -> str:
    """Make a system's version the champion; the name of the registered model."""
    from assets.common import model_registry
    from assets.common.resources import TrackingResource
    from assets.ranking.states import States
    from warehouse.home import Deployment, Home

    home = Home(root)
    tracking = TrackingResource(root=str(root)).open()
    states = States(Deployment.load(home).paths(home).models)
    record = states.finished(states.daily(system, BASE))
    version = model_registry.version_of(tracking, system, BASE, record.state_hash)
    assert version is not None, f"{root} holds no version of {system}"
    model_registry.point(tracking, model_registry.CHAMPION, version, {})
    return model_registry.model_name(tracking)


def bodies(root: Path, candidates: int) -> list[bytes]:
    """Requests of different users of the log, each with as many different items of it, shown in hour 1."""
    from warehouse.home import Deployment, Home
    from warehouse.store.warehouse import Warehouse

    home, random = Home(root), np.random.default_rng(0)
    with Warehouse(Deployment.load(home).paths(home).warehouse, read_only=True) as warehouse:
        users, items = (
            warehouse.connection.execute(f"SELECT {one}_id FROM {one}_index ORDER BY 1").fetchnumpy()[
                f"{one}_id"
            ]
            for one in ("user", "item")
        )
    out = []
    for number, user in enumerate(random.choice(users, BODIES)):
        list_of = {"user_id": str(user), "shown_at": f"{DAY}T01:10:00Z", "request_id": f"r{number}"}
        chosen = random.choice(items, candidates, replace=False)
        rows = [list_of | {"item_id": str(item)} for item in chosen]
        out.append(json.dumps({"dataframe_records": rows}).encode())
    return out
