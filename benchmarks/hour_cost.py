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

from benchmarks.hour_homes import DAY, lengthen, loaded_rows, make

FIRST_HOUR, WARM, MEASURED = 10, 2, 6
USERS = 1300

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
