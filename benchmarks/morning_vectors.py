"""What training on each day's own long-term vectors changes, against the last morning's for all days.

    python -m benchmarks.morning_vectors --source kuairand --data FOLDER --pickle LOG --days 2022-05-02
    python -m benchmarks.morning_vectors --log LOG --days 2022-05-02 --workers 60 --out FILE

A process for each (system, day, seed, variant), on one thread. Variants:

- `mornings`: an instance of day d reads the vectors of the graph through d − 1, as served;
- `last`: all instances read the last morning's, which have seen their clicks; the same graphs otherwise;
- `scratch`: as `last`, of a graph that is trained from scratch that morning.

Each system lives through the day hour by hour. Printed, and written as JSON: the day's AUC, the AUC of its
exposures to users without a vector, and how many training exposures have such a user and how often they
click. `--pickle` writes what `--log` reads on a machine without a warehouse: an EventLog and, for each day,
its users and items, those that each hour mentions, and its start; read files of your own alone. What it has
shown is in docs/decisions, 0037.
"""

from __future__ import annotations

import argparse
import json
import pickle
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from assets.experiments.comparison.prepare import prepare
from assets.experiments.comparison.settings import CompareSettings
from assets.experiments.source_logs import read_day
from assets.experiments.workers import Emit, WorkProgress, run_units
from models.metrics import auc
from models.ranking.day import ServedDay
from models.ranking.features.event_log import DAY_MS, HOUR_MS, EventLog
from models.ranking.lsttm.long_term_days import LongTermDays
from models.ranking.lsttm.long_term_graph import train_long_term
from models.ranking.lsttm.long_term_mornings import train_long_term_days
from models.ranking.registry import SYSTEMS, long_term_settings

SYSTEMS_READING = ("lsttm", "lsttm_no_meta", "lsttm_typed", "lsttm_spectral")
VARIANTS = ("mornings", "last", "scratch")


@dataclass(frozen=True)
class Unit:
    """What one process does."""

    log: Path
    day: str
    system: str
    seed: int
    variant: str
    size: str


def day_of(path: Path, day: str) -> tuple[EventLog, list[EventLog]]:
    """Everything received before a day, and its hours, from a pickle."""
    with path.open("rb") as file:
        log, days = pickle.load(file)
    users, items, parts, start = days[day]
    history = replace(log.between(log.start_ms, start), users=users, items=items)
    hours = [
        replace(
            log.between(start + hour * HOUR_MS, start + (hour + 1) * HOUR_MS), users=of_users, items=of_items
        )
        for hour, (of_users, of_items) in enumerate(parts)
    ]
    return history, hours


def write_pickle(path: Path, given: argparse.Namespace) -> None:
    """The log of a source and what each day knows of users and items, as `day_of` reads it."""
    settings = CompareSettings(source=given.source, systems=(given.systems[0],), days=tuple(given.days))
    logs, days = prepare(settings, given.data), {}
    log: EventLog | None = None
    for day in sorted(given.days):
        history, hours = read_day(logs, day)
        entities = [(hour.users, hour.items) for hour in hours]
        days[day] = (history.users, history.items, entities, hours[0].start_ms)
        log = _joined(history, hours)
    path.write_bytes(pickle.dumps((log, days), protocol=pickle.HIGHEST_PROTOCOL))


def _joined(history: EventLog, hours: Sequence[EventLog]) -> EventLog:
    def column(part: str, name: str) -> np.ndarray:
        return np.concatenate([getattr(getattr(log, part), name) for log in (history, *hours)])

    exposures, external = (
        type(part)(**{name: column(field, name) for name in vars(part)})
        for field, part in (("exposures", history.exposures), ("external", history.external))
    )
    return replace(history, exposures=exposures, external=external, end_ms=hours[-1].end_ms)


def vectors_of(unit: Unit, history: EventLog, window: int | None) -> LongTermDays:
    """The long-term vectors of a variant."""
    size: Any = unit.size
    settings = long_term_settings(size)
    if unit.variant == "scratch":
        return LongTermDays.single(train_long_term(history, settings, seed=unit.seed))
    days = train_long_term_days(history, settings, seed=unit.seed, days=window)
    return days if unit.variant == "mornings" else LongTermDays.single(days)


def work(unit: Unit, emit: Emit) -> None:
    """Train, live through the day, and emit the figures."""
    torch.set_num_threads(1)
    history, hours = day_of(unit.log, unit.day)
    system = getattr(SYSTEMS[unit.system], unit.size)
    window = system.training.window_days
    vectors = vectors_of(unit, history, window)
    served = ServedDay.train(system, history, seed=unit.seed, long_term=vectors)
    scores = np.concatenate([scored.probability for scored in served.live(hours)])
    shown = [hour.exposures for hour in hours]
    clicked, user, at = (
        np.concatenate([getattr(part, name) for part in shown]) for name in ("clicked", "user", "shown_at")
    )
    without = ~vectors.vectors(user, at).any(-1)
    start = history.start_ms if window is None else max(history.start_ms, history.end_ms - window * DAY_MS)
    past = history.between(start, history.end_ms).exposures
    unknown = ~vectors.vectors(past.user, past.shown_at).any(-1)
    emit(
        {
            "system": unit.system,
            "day": unit.day,
            "seed": unit.seed,
            "variant": unit.variant,
            "auc": auc(clicked, scores),
            "unknown": int(without.sum()),
            "auc_unknown": auc(clicked[without], scores[without]),
            "click_rate_unknown": float(clicked[without].mean()) if without.any() else None,
            "training": len(past),
            "training_unknown": int(unknown.sum()),
            "training_click_rate_unknown": float(past.clicked[unknown].mean()) if unknown.any() else None,
            "training_click_rate": float(past.clicked.mean()),
        }
    )


def summary(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of each system and variant: the mean over days, then mean and spread over seeds."""
    out = []
    for system, variant in sorted({(row["system"], row["variant"]) for row in rows}):
        own = [row for row in rows if (row["system"], row["variant"]) == (system, variant)]
        figures: dict[str, Any] = {"system": system, "variant": variant, "runs": len(own)}
        for name in ("auc", "auc_unknown"):
            of_seeds = [
                statistics.fmean(row[name] for row in own if row["seed"] == seed and row[name] is not None)
                for seed in sorted({row["seed"] for row in own if row[name] is not None})
            ]
            figures[name] = statistics.fmean(of_seeds) if of_seeds else None
            figures[f"{name}_spread"] = statistics.stdev(of_seeds) if len(of_seeds) > 1 else None
        for name in ("training_unknown", "training_click_rate_unknown", "unknown", "click_rate_unknown"):
            values = [row[name] for row in own if row[name] is not None]
            figures[name] = statistics.fmean(values) if values else None
        out.append(figures)
    return out


def run() -> None:
    """The command."""
    given = arguments()
    if given.pickle is not None:
        write_pickle(given.pickle, given)
    log = given.log or given.pickle
    if log is None:
        raise SystemExit("name a pickle to read with --log, or to write from --source with --pickle")
    rows: list[dict[str, Any]] = []
    units = [
        Unit(log, day, system, seed, variant, given.size)
        for day in given.days
        for seed in given.seeds
        for system in given.systems
        for variant in given.variants
    ]

    def take(emitted: dict[str, Any] | WorkProgress) -> None:
        assert isinstance(emitted, dict)
        rows.append(emitted)
        print(json.dumps(emitted), flush=True)
        if given.out is not None:
            given.out.write_text(json.dumps({"rows": rows, "summary": summary(rows)}, indent=1) + "\n")

    run_units(work, units, given.workers, take)
    for figures in summary(rows):
        print(json.dumps(figures))


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.morning_vectors",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--log", type=Path, help="a pickle to read")
    add("--source", help="the source to write a pickle from, with --pickle")
    add("--data", type=Path, help="where the source's files are; the simulator needs none")
    add("--pickle", type=Path, help="the pickle to write and then read")
    add("--days", nargs="+", required=True, help="days to live through")
    add("--systems", nargs="+", default=list(SYSTEMS_READING))
    add("--seeds", type=int, nargs="+", default=[0, 1, 2])
    add("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    add("--size", choices=("real", "tiny"), default="real", help="the systems' configurations")
    add("--workers", type=int, default=1, help="processes (default 1)")
    add("--out", type=Path, help="JSON file to write after every run")
    return parser.parse_args()


if __name__ == "__main__":
    run()
