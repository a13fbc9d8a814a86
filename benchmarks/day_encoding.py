"""Claim: a day of exposures is encoded at most 6 µs an exposure on one core, whatever came before it, where
counts rebuilt from all history took 18–26 µs for each exposure of that history.

    python -m benchmarks.day_encoding --exposures 1000000 --json

Simulated days of `--exposures` are encoded one after another, each from the state that the day before saved;
the last one is measured: CPU time by part, memory above what the day's log takes, the size of the state. The
peer is the former way, kept here in short: one table of (key, hour) cells for each kind, built from the whole
log and searched for every exposure. It is given a single day, the least history there is, and at most a
million exposures of it, since it takes 1.5 KB for each; both must give the same codes. Figures are seconds of
one thread's CPU. Memory is the peak of what encoding the day before that allocates, its codes among it.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from benchmarks.simulated_log import simulated_log
from models.ranking.features.bins import count_bins, rate_bins
from models.ranking.features.cells import CountCells, pair_key
from models.ranking.features.count_columns import GROUPS
from models.ranking.features.day_counts import DayCounts
from models.ranking.features.day_pairs import PairOrder
from models.ranking.features.dense_counts import DayCells, DenseCounts
from models.ranking.features.event_log import HOUR_MS, EventLog
from models.ranking.features.features import Features, FeatureSettings
from models.ranking.features.pair_counts import PairCounts
from models.ranking.features.visits import UserRequests, Visits

DAYS = 3  #: encoded, the last of which is measured
PEER_EXPOSURES = 1_000_000  #: at most
#: what a part's time is: that of these functions, without what they call of another part
PARTS: dict[str, tuple[tuple[Any, str], ...]] = {
    "users, items, calendar, age": ((Features, "encode_day"),),
    "few keys: tables moved on by the hour": ((DayCounts, "_dense"),),
    "few keys: cells and totals after the day": ((DayCells, "of"), (DenseCounts, "take_day")),
    "pairs: sort": ((PairOrder, "of"),),
    "pairs: look up totals": ((PairCounts, "look_up"),),
    "pairs: counts and bins": ((DayCounts, "_pair_kinds"),),
    "groups of users": ((DayCounts, "_groups"),),
    "visits (lists are unknown here)": ((UserRequests, "of_exposures"), (Visits, "take_day")),
}


def day_log(exposures: int, day: int) -> EventLog:
    """A day of the simulated log: five exposures a user, fifty an item on average."""
    return simulated_log(
        users=max(exposures // 5, 100),
        items=max(exposures // 50, 50),
        hours=24,
        exposures_per_hour=exposures // 24,
        seed=day,
        first_hour=24 * day,
    )


class Clock:
    """CPU seconds of parts, each without the parts that it calls."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(PARTS, 0.0)
        self._running: list[str] = []
        self._since = 0.0

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch the functions of all parts."""
        with ExitStack() as stack:
            for part, functions in PARTS.items():
                for owner, name in functions:
                    stack.enter_context(mock.patch.object(owner, name, self._timed(owner, name, part)))
            yield

    def _timed(self, owner: Any, name: str, part: str) -> Any:
        bound = isinstance(vars(owner)[name], classmethod)
        function: Callable[..., Any] = getattr(owner, name)

        def timed(*arguments: Any, **named: Any) -> Any:
            self._switch(part, entering=True)
            try:
                return function(*arguments, **named)
            finally:
                self._switch(part, entering=False)

        return staticmethod(timed) if bound else timed

    def _switch(self, part: str, *, entering: bool) -> None:
        now = time.process_time()
        if self._running:
            self.seconds[self._running[-1]] += now - self._since
        if entering:
            self._running.append(part)
        else:
            self._running.pop()
        self._since = now


def measure(exposures: int, folder: Path) -> dict[str, Any]:
    """Encode the days, each from the state of the day before; the figures of the last one."""
    state, clock, peak = Features.start(FeatureSettings(), day_log(exposures, 0)), Clock(), 0
    for day in range(DAYS):
        log = day_log(exposures, day)
        if day < DAYS - 1:
            tracemalloc.start()
            state.encode_day(log)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            state.save(folder / str(day))
            state = Features.load(folder / str(day))
    began = time.process_time()
    with clock.watching():
        codes = state.encode_day(log)
    encoded = time.process_time()
    state.save(folder / str(day))
    saved = time.process_time()
    size = sum(path.stat().st_size for path in (folder / str(day)).iterdir())
    n = len(codes)
    return {
        "exposures": n,
        "fields": len(codes.layout),
        "ns an exposure": {
            "encode": 1e9 * (encoded - began) / n,
            **{part: 1e9 * seconds / n for part, seconds in clock.seconds.items()},
            "merge and write the state": 1e9 * (saved - encoded) / n,
        },
        "bytes an exposure": {"encode": peak / n, "state": size / n},
    }


def against_peer(exposures: int) -> dict[str, float]:
    """A single day by both; ns an exposure, and the ratio.

    Raises:
        AssertionError: their codes differ.
    """
    log = day_log(min(exposures, PEER_EXPOSURES), 0)
    state = Features.start(FeatureSettings(), log)
    began = time.process_time()
    codes = state.encode_day(log)
    middle = time.process_time()
    peer = all_history(log, state)
    ended = time.process_time()
    for spec, column in zip(codes.layout.specs, codes.columns, strict=True):
        if spec.name in peer:
            np.testing.assert_array_equal(column, peer[spec.name], err_msg=spec.name)
    ours, theirs = middle - began, ended - middle
    n = len(codes)
    return {
        "exposures": n,
        "ours ns": 1e9 * ours / n,
        "all history ns": 1e9 * theirs / n,
        "ratio": theirs / ours,
    }


def all_history(log: EventLog, features: Features) -> dict[str, np.ndarray]:
    """The count columns of every exposure of a log, from cells of (key, hour) over all of it.

    The former way did what stands here and looked up fields besides.
    """
    e, settings = log.exposures, features.settings
    shown = e.shown_at // HOUR_MS - log.start_ms // HOUR_MS
    tables = _tables(log, features)
    everything = np.zeros(len(e), np.int64)
    totals = tables["all"][1].query(everything, shown, (None,)).windows[0]
    overall = (totals + 1.0) / (totals[:, :1] + 2.0)
    out: dict[str, np.ndarray] = {}
    for kind in dict.fromkeys(column.kind for column in features.counts.columns):
        columns = [column for column in features.counts.columns if column.kind == kind]
        if kind in ("external_domain", GROUPS):  # known when their first day is over
            out |= {column.name: np.zeros(len(e), np.uint8) for column in columns}
            continue
        keys, cells = tables[kind]
        windows = tuple(dict.fromkeys(column.window for column in columns))
        answers = cells.query(keys, shown, windows)
        for column in columns:
            counts, m = answers.windows[windows.index(column.window)], column.measure
            if column.value == "idle":
                out[column.name] = count_bins(np.where(answers.last < 0, 0, shown - answers.last))
            elif column.value == "rate":
                out[column.name] = rate_bins(counts[:, m], counts[:, 0], overall[:, m], settings.smoothing)
            else:
                out[column.name] = count_bins(counts[:, m])
    return out


def _tables(log: EventLog, features: Features) -> dict[str, tuple[np.ndarray, CountCells]]:
    """Of each kind: the key of every exposure, and the cells of all events."""
    e, x = log.exposures, log.external
    origin = log.start_ms // HOUR_MS
    fields, external_fields = log.items.fields[e.item], log.items.fields[x.item]
    shown = {"all": np.zeros(len(e), np.int64), "user": pair_key(e.user), "item": pair_key(e.item)}
    shown["user_item"] = pair_key(e.user, e.item)
    clicked = {"external_user": (shown["user"], pair_key(x.user))}
    clicked["external_item"] = shown["item"], pair_key(x.item)
    for f in range(fields.shape[1]):
        shown[f"field{f}"] = pair_key(fields[:, f])
        shown[f"user_field{f}"] = pair_key(e.user, fields[:, f])
        keys = pair_key(x.user, external_fields[:, f])
        clicked[f"external_user_field{f}"] = shown[f"user_field{f}"], keys
    measures = np.stack([np.ones(len(e), bool), e.clicked, features.counts.long(e)], axis=1).astype(np.int64)
    tables = {}
    for kind, keys in shown.items():
        tables[kind] = keys, CountCells(3)
        tables[kind][1].append(keys, e.shown_at // HOUR_MS - origin, measures)
    for kind, (asked, keys) in clicked.items():
        tables[kind] = asked, CountCells(1)
        tables[kind][1].append(keys, x.received_at // HOUR_MS - origin, np.ones((len(x), 1), np.int64))
    return tables


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Encoding a day of exposures.")
    parser.add_argument("--exposures", type=int, default=1_000_000, help="of a day")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args([] if arguments is None else arguments)
    folder = Path(tempfile.mkdtemp())
    try:
        figures = measure(options.exposures, folder) | {"peer": against_peer(options.exposures)}
    finally:
        shutil.rmtree(folder)
    if options.json:
        print(json.dumps(figures))
        return
    print(f"   a day of {figures['exposures']:,} exposures, {figures['fields']} fields")
    for part, value in figures["ns an exposure"].items():
        print(f"   {value:8.0f} ns  {part}")
    for part, value in figures["bytes an exposure"].items():
        print(f"   {value:8.0f} bytes  {part}")
    peer = figures["peer"]
    print(
        f"   a first day of {peer['exposures']:,}: {peer['ours ns']:.0f} ns, counts from all history "
        f"{peer['all history ns']:.0f} ns: {peer['ratio']:.1f}x"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
