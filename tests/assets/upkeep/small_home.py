"""A home with folders as trainings and hours leave them, without any training."""

from __future__ import annotations

import atexit
import json
import shutil
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from assets.common.resources import HomeResource, TrackingResource, WarehouseResource
from assets.common.tracking import Tracking
from assets.ranking.states import StateRecord, States
from warehouse.home import Deployment, Home
from warehouse.keeping import KeepSettings, first_day
from warehouse.landing.description import SourceDescription
from warehouse.store.warehouse import Warehouse

SYSTEMS = ("deepfm_external", "lsttm")
LAST = "2026-03-20"
VERSION = "0123456789ab"
KEEP = KeepSettings(
    hourly_states=4,
    daily_models=3,
    long_term_graphs=5,
    instances=6,
    instance_states=5,
    checkpoints=1,
    plots=2,
)


def days(count: int, last: str = LAST) -> list[str]:
    """The `count` days that end with `last`, in order."""
    return [first_day(last, number) for number in range(count, 0, -1)]


def record(system: str, partition: str, **changes: object) -> StateRecord:
    return StateRecord(
        system=system, partition=partition, seed=0, settings={}, git_revision="test", **changes
    )


def write_daily(states: States, system: str, day: str) -> StateRecord:
    with states.write(states.daily(system, day), record(system, day)) as path:
        path.write_bytes(f"{system} {day}".encode() * 50)
    return states.finished(states.daily(system, day))


def write_hour(states: States, base: StateRecord, hour: str, before: Sequence[str] = ()) -> None:
    """A state after `hour` that leans on those after the hours `before` it."""
    made = record(base.system, hour, base_partition=base.partition, base_hash=base.state_hash)
    with states.write(states.hourly(base.system, hour), made) as path:
        path.mkdir()
        chain = [[f"../../{key.replace(':', '-')}/ranker", key, f"events of {key}"] for key in before]
        (path / "hour.json").write_text(json.dumps({"events": f"events of {hour}", "chain": chain}))
        (path / "moved.pt").write_bytes(hour.encode() * 20)


def write_day(paths, day: str, hours: int = 2) -> None:
    """Everything a night and a day leave, small."""
    states = States(paths.models)
    for system in SYSTEMS:
        base = write_daily(states, system, day)
        following = first_day(day, 0)
        keys = [f"{following}-{hour:02d}:00" for hour in range(hours)]
        for number, hour in enumerate(keys):
            write_hour(states, base, hour, keys[:number])
        checkpoint = states.checkpoint(system, day)
        checkpoint.parent.mkdir(parents=True, exist_ok=True)
        checkpoint.write_text("an epoch")
    with states.write(states.long_term(day), record("long_term_graph", day)) as path:
        path.write_bytes(day.encode() * 30)
    partition = paths.instances / VERSION / day
    (partition / "state").mkdir(parents=True)
    (partition / "state" / "totals").write_bytes(b"1" * 500)
    (partition / "rows.arrow").write_bytes(b"2" * 800)
    (partition / "manifest.json").write_text("{}")
    (paths.reports / f"auc_by_hour_{day}.svg").write_text("svg")


def small_home(root: Path, count: int, keep: KeepSettings, last: str = LAST) -> HomeResource:
    """A home with `count` days through `last`, an empty warehouse and no runs."""
    home = Home(root)
    deployment = Deployment(first_day=days(count, last)[0], systems=SYSTEMS, size="tiny", keep=keep)
    deployment.save(home)
    paths = deployment.paths(home)
    paths.reports.mkdir(parents=True)
    paths.landing.mkdir(parents=True)
    SourceDescription(name="simulator", simulated=True, first_day=days(count, last)[0], last_day=last).save(
        paths.landing
    )
    for day in days(count, last):
        write_day(paths, day)
    shutil.copytree(_empty_store(), home.mlflow)
    with Warehouse(paths.warehouse):
        pass
    return HomeResource(root=str(root))


@cache
def _empty_store() -> Path:
    """An MLflow store without runs: making its tables takes seconds, so it is made once."""
    root = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    assert Tracking(root / "mlflow", "simulator", True).experiment
    return root / "mlflow"


def tracking_of(home: HomeResource):
    return TrackingResource(root=home.root).open()


def warehouse_of(home: HomeResource) -> WarehouseResource:
    return WarehouseResource(root=home.root)


def names(folder: Path) -> list[str]:
    """What stands in a folder under its own name."""
    return sorted(path.name for path in folder.glob("*") if not path.name.startswith("."))
