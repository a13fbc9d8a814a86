"""Claim: an hour costs its hour, whatever the history before it holds.

A small simulated source, three tiny systems: the hourly job of Dagster (gate and load exposures and external
clicks, score, adapt) runs in this process on the same hours of one home, once with a single day before them
and once with several times as many (landed files, loaded rows, users, items, scores and metrics of each). All
are copies of one home with the same base models, so that all that differs is the history around them. Printed
is CPU time by part, without what a part calls in another. Aim: equal within 10 %.

    python -m benchmarks.hour_cost --history 1 64 --json
"""

from __future__ import annotations

import argparse
import functools
import importlib
import json
import logging
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BASE, DAY = "2026-03-02", "2026-03-03"
FIRST_HOUR, WARM, MEASURED = 10, 2, 6
USERS, ITEMS_A_DAY = 1300, 120

#: What is metered: part → functions; a part does not count what it calls in another one.
PARTS: dict[str, tuple[str, ...]] = {
    "list and read files": (
        "warehouse.landing.reading.read",
        "warehouse.landing.reading.fingerprints",
        "warehouse.landing.layout.listing",
    ),
    "gate": ("expectations.gate.gate",),
    "data docs": ("expectations.data_docs.render",),
    "what the gate asks the warehouse": ("assets.logs.judging._context", "assets.logs.judging._existing_ids"),
    "load": ("warehouse.store.warehouse.Warehouse.load",),
    "open the warehouse": ("warehouse.store.warehouse.Warehouse.__init__",),
    "read the hour": ("assets.ranking.hour.open_hour",),
    "open rankers": ("models.ranking.ranker.Ranker.load", "models.ranking.ranker.Ranker.load_hour"),
    "score": ("models.ranking.day.ServedDay.score",),
    "adapt": ("models.ranking.day.ServedDay.adapt",),
    "save states": ("models.ranking.ranker.Ranker.save_hour",),
    "scores and figures to the warehouse": ("assets.ranking.hourly_auc._store",),
    "plots": ("assets.common.plots._figure",),
    "MLflow": ("assets.common.tracking.Tracking.record",),
    "rest of the assets": (
        "assets.ranking.hourly_auc.score_hour",
        "assets.ranking.hourly_ranker.adapt_hour",
        "assets.logs.loading.load_partitions",
    ),
}
REST = "Dagster and the rest"


@dataclass
class Meter:
    """CPU seconds by part, each without the parts that it calls."""

    seconds: dict[str, float] = field(default_factory=dict)
    stack: list[str] = field(default_factory=lambda: [REST])
    since: float = 0.0

    def _charge(self) -> None:
        now = time.process_time()
        self.seconds[self.stack[-1]] = self.seconds.get(self.stack[-1], 0.0) + now - self.since
        self.since = now

    def wrap(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, charging its time to `part`."""

        @functools.wraps(function)
        def metered(*arguments: Any, **named: Any) -> Any:
            self._charge()
            self.stack.append(part)
            try:
                return function(*arguments, **named)
            finally:
                self._charge()
                self.stack.pop()

        return metered

    def measure(self, work: Callable[[], object]) -> dict[str, float]:
        """CPU seconds by part of one piece of work."""
        self.seconds, self.since = {}, time.process_time()
        work()
        self._charge()
        return dict(self.seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--history", type=int, nargs="+", default=[1, 64], help="days before the hours")
    parser.add_argument("--users", type=int, default=USERS)
    parser.add_argument(
        "--one-process",
        action="store_true",
        help="keep rankers open from hour to hour, as `hourfold day` does",
    )
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = os.environ["DAGSTER_DISABLE_TELEMETRY"] = "true"
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory(prefix="hour-cost-") as folder:
        figures = measure(Path(folder), chosen.history, chosen.users, chosen.one_process)
    print(json.dumps(figures) if chosen.json else as_table(figures))


def measure(folder: Path, histories: list[int], users: int, one_process: bool) -> dict[str, Any]:
    """Median CPU milliseconds of an hour by part, for each history."""
    from assets.ranking import hand_over

    original = folder / "original"
    make(original, users)
    homes = {}
    for days in histories:
        homes[days] = folder / f"history{days}"
        shutil.copytree(original, homes[days])
        lengthen(homes[days], days)
    shutil.rmtree(original)
    meter = Meter()
    rows: dict[int, list[dict[str, float]]] = {days: [] for days in histories}
    exposures = []
    with sessions(homes) as opened:
        with metered(meter):
            for number in range(WARM + MEASURED):
                for days in histories:
                    os.environ["HOURFOLD_HOME"] = str(homes[days])
                    if not one_process:
                        hand_over.forget()
                    spent = meter.measure(functools.partial(opened[days].run, "hourly", hour_key(number)))
                    if number >= WARM:
                        rows[days].append(spent)
        exposures = [loaded_rows(homes[histories[0]], hour_key(n)) for n in range(WARM, WARM + MEASURED)]
    names = [*PARTS, REST]
    return {
        "exposures an hour": round(statistics.mean(exposures)),
        "cpu_ms": {
            days: {
                name: round(1000 * statistics.median(one.get(name, 0.0) for one in spent), 1)
                for name in names
            }
            | {"all": round(1000 * statistics.median(sum(one.values()) for one in spent), 1)}
            for days, spent in rows.items()
        },
    }


def hour_key(number: int) -> str:
    return f"{DAY}-{FIRST_HOUR + number:02d}:00"


@contextmanager
def sessions(homes: dict[int, Path]) -> Iterator[dict[int, Any]]:
    """A session a home."""
    from orchestration.session import Session
    from warehouse.home import Deployment, Home

    opened = {}
    for days, root in homes.items():
        os.environ["HOURFOLD_HOME"] = str(root)
        opened[days] = Session(Deployment.load(Home(root)), Home(root))
    try:
        yield opened
    finally:
        for session in opened.values():
            session.__exit__()


@contextmanager
def metered(meter: Meter) -> Iterator[None]:
    """Every function of PARTS charges its part."""
    originals = []
    for part, names in PARTS.items():
        for name in names:
            owner, attribute = _owner(name)
            if owner is None:
                continue
            raw = owner.__dict__[attribute]
            wrapped: Any = (
                classmethod(meter.wrap(part, raw.__func__))
                if isinstance(raw, classmethod)
                else meter.wrap(part, raw)
            )
            for holder in _holders(owner, attribute, raw):
                originals.append((holder, attribute, raw))
                setattr(holder, attribute, wrapped)
    try:
        yield
    finally:
        for owner, attribute, raw in originals:
            setattr(owner, attribute, raw)


def _holders(owner: Any, attribute: str, raw: Any) -> list[Any]:
    """The owner, and the modules of this project that imported the function from it."""
    rooms = ("assets.", "warehouse.", "expectations.", "models.", "orchestration.")
    importers = [m for name, m in list(sys.modules.items()) if name.startswith(rooms)]
    return [owner, *(m for m in importers if m is not owner and vars(m).get(attribute) is raw)]


def _owner(name: str) -> tuple[Any, str]:
    """The module or class that holds a dotted name, and the last part of the name."""
    parts = name.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        try:
            owner: Any = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for part in parts[cut:-1]:
            owner = getattr(owner, part)
        return (owner, parts[-1]) if parts[-1] in vars(owner) else (None, parts[-1])
    raise LookupError(name)


def make(root: Path, users: int) -> None:
    """Two days landed, the first loaded and trained on."""
    from assets.logs.ingest import ingest
    from orchestration.session import Session
    from simulator import SimulatorSettings
    from simulator.feed.fill import fill
    from warehouse.home import SYSTEMS, Deployment, Home

    home = Home(root)
    os.environ["HOURFOLD_HOME"] = str(root)
    deployment = Deployment(source="simulator", first_day=BASE, systems=SYSTEMS, size="tiny")
    settings = SimulatorSettings()
    small = settings.model_copy(
        update={
            "population": settings.population.model_copy(update={"users": users}),
            "news": settings.news.model_copy(update={"items_per_day": ITEMS_A_DAY}),
        }
    )
    fill(deployment.landing_folder(home), small, days=2, first_day=BASE)
    paths = deployment.paths(home)
    for table in ("users", "items"):
        ingest(paths, table)
    for table in ("exposures", "external_clicks"):
        ingest(paths, table, deployment.service_zone.hours_of_day(BASE))
    with Session(deployment, home) as session:
        session.run("daily", BASE)


def lengthen(root: Path, days: int) -> None:
    """Put `days` − 1 more days before BASE: files, rows, users, items, scores, metrics, all made of BASE's."""
    import datetime as dt

    from warehouse.home import Deployment, Home
    from warehouse.store.id_index import path_of
    from warehouse.store.warehouse import Warehouse

    home = Home(root)
    deployment = Deployment.load(home)
    paths, first = deployment.paths(home), dt.date.fromisoformat(BASE)
    earlier = [(back, str(first - dt.timedelta(days=back))) for back in range(1, days)]
    for table in ("exposures", "external_clicks"):
        source = paths.landing / table / f"date={BASE}"
        for _, day in earlier:
            shutil.copytree(source, paths.landing / table / f"date={day}", copy_function=os.link)
    path_of(paths.warehouse).unlink(missing_ok=True)  # the rows below are written past it: it is made anew
    deployment.model_copy(update={"first_day": str(first - dt.timedelta(days=days - 1))}).save(home)
    with Warehouse(paths.warehouse) as warehouse:
        counted = [f"SELECT count(*) FROM {one}_index" for one in ("user", "item")]
        users, items = (warehouse.connection.execute(text).fetchall()[0][0] for text in counted)
        for back, day in earlier:
            values = {"back": back, "day": day, "base": BASE, "users": users, "items": items}
            for text in _LENGTHEN:
                warehouse.connection.execute(text, {k: v for k, v in values.items() if f"${k}" in text})


def loaded_rows(root: Path, hour: str) -> int:
    from warehouse.home import Deployment, Home
    from warehouse.store.warehouse import Warehouse

    with Warehouse(Deployment.load(Home(root)).paths(Home(root)).warehouse, read_only=True) as warehouse:
        loaded = warehouse.loaded("exposures").set_index("partition")["kept"]
        return int(loaded[hour])


_DAY_MS = 86_400_000
_LENGTHEN = (
    f"""INSERT INTO exposures BY NAME SELECT * REPLACE (
        $day || substr(partition, 11) AS partition, exposure_id || '-' || $back AS exposure_id,
        shown_at - $back::BIGINT * {_DAY_MS} AS shown_at) FROM exposures WHERE partition LIKE $base || '%'""",
    f"""INSERT INTO external_clicks BY NAME SELECT * REPLACE (
        $day || substr(partition, 11) AS partition, occurred_at - $back::BIGINT * {_DAY_MS} AS occurred_at,
        received_at - $back::BIGINT * {_DAY_MS} AS received_at)
        FROM external_clicks WHERE partition LIKE $base || '%'""",
    f"""INSERT INTO batches BY NAME SELECT * REPLACE (
        $day || substr(partition, 11) AS partition, start_ms - $back::BIGINT * {_DAY_MS} AS start_ms,
        json_merge_patch(statistics, json_object('start_ms', start_ms - $back::BIGINT * {_DAY_MS}))
        AS statistics)
        FROM batches WHERE partition LIKE $base || '%' AND table_name IN ('exposures', 'external_clicks')""",
    """INSERT INTO user_index SELECT user_id || '-' || $back, user_index + $back * $users FROM user_index
        WHERE user_index < $users""",
    """INSERT INTO users BY NAME SELECT * REPLACE (user_index + $back * $users AS user_index) FROM users
        WHERE user_index < $users""",
    """INSERT INTO item_index SELECT item_id || '-' || $back, item_index + $back * $items FROM item_index
        WHERE item_index < $items""",
    """INSERT INTO items BY NAME SELECT * REPLACE (item_index + $back * $items AS item_index) FROM items
        WHERE item_index < $items""",
    """INSERT INTO predictions SELECT exposure_id, system, 'v', partition, 0.5,
        rpad(replace(substr(partition, 1, 13), '-', ''), 10, '0')::BIGINT FROM exposures,
        (SELECT unnest(['deepfm_external', 'lsttm', 'lsttm_spectral']) AS system)
        WHERE partition LIKE $day || '%'""",
    """INSERT INTO metrics SELECT name, system, $day || '-' || lpad(hour::VARCHAR, 2, '0') || ':00', 0.5,
        '{"reason": ""}', replace($day, '-', '')::BIGINT * 100 + hour
        FROM (SELECT unnest(['deepfm_external', 'lsttm', 'lsttm_spectral']) AS system),
        (SELECT unnest(['auc', 'auc_se', 'auc_static', 'aupr', 'log_loss', 'gauc', 'exposures', 'gate_short',
        'failed']) AS name), (SELECT unnest(range(24)) AS hour)""",
)


def as_table(figures: dict[str, Any]) -> str:
    """One line a part, one column a history."""
    by_history = figures["cpu_ms"]
    head = f"{'part, CPU ms an hour':40}" + "".join(f"{f'history {days}':>14}" for days in by_history)
    lines = [
        f"{name:40}" + "".join(f"{values[name]:14.1f}" for values in by_history.values())
        for name in [*PARTS, REST, "all"]
    ]
    return "\n".join([f"{figures['exposures an hour']} exposures an hour", head, *lines])


if __name__ == "__main__":
    main()
