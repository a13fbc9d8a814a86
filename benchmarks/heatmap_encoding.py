"""Claims: 10 million events become heatmaps twice as fast as by the better of the straightforward pandas and
polars ways, and about as fast as by one DuckDB statement over the year, in memory that does not grow with
the users; moving the date by a day costs a fiftieth.

The project's own way is a statement of DuckDB's too, a month at a time (warehouse/heatmaps/encoding.py).

A simulated shop: 100,000 users of very unequal activity, baskets of 6 purchases on average, 60 genres of
Zipf-like popularity, one purchase in fifty cancelled, New York's clock. Ours reads the warehouse's DuckDB
file and writes segments; the peers (benchmarks/heatmap_peers.py) read the same events from one Parquet file
and write one Parquet file, one row a user, in the same types. All are given the same channels: 24 genres and
`other`, bought and cancelled, and payments. All cells are compared before anything is reported.

Every way runs in a process of its own, on one thread; the quickest of its runs counts. Timed is processor
time, which other programs distort less than the clock. polars is not among the project's own dependencies: it
comes with the extra `bench`.

    python -m benchmarks.heatmap_encoding [events [users]]
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet

from benchmarks.heatmap_peers import with_duckdb, with_pandas, with_polars
from benchmarks.simulated_purchases import GENRES, ZONE, prepared

if TYPE_CHECKING:
    from warehouse.store.warehouse import Warehouse

EVENTS, USERS = 10_000_000, 100_000
AS_OF, MONTH_BEFORE = "2018-01-01", "2017-12-01"
REPEATS = 3
MODALITY = "shopping"
#: Before anything is imported: every contender has one thread.
ONE_THREAD = {"POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

Spent = tuple[float, float]  #: processor seconds, peak memory in GiB


def opened(folder: Path) -> Warehouse:
    """The warehouse, on one thread."""
    from warehouse.store.warehouse import Warehouse

    found = Warehouse(folder / "warehouse.duckdb", read_only=True)
    found.connection.execute("SET threads = 1")
    return found


def encode(warehouse: Warehouse, out: Path, as_of: str, fitted_at: str) -> None:
    """The project's way: what is missing of the year before a date."""
    from warehouse.heatmaps.settings import default_settings
    from warehouse.heatmaps.store import encode_heatmaps
    from warehouse.landing.local_time import LocalZone

    zone, settings = LocalZone(ZoneInfo(ZONE)), default_settings("balances")
    encode_heatmaps(warehouse, out, zone, settings, as_of, fitted_at=fitted_at)


def fit(folder: Path, out: Path, as_of: str) -> dict[str, list[int]]:
    """Fix the channels of `out`; by event, the channel of each genre."""
    from warehouse.heatmaps.manifest import save_vocabulary
    from warehouse.heatmaps.settings import default_settings
    from warehouse.heatmaps.vocabulary import HeatmapVocabulary
    from warehouse.landing.local_time import LocalZone

    with opened(folder) as warehouse:
        zone = LocalZone(ZoneInfo(ZONE))
        found = HeatmapVocabulary.fit(warehouse, default_settings("balances"), zone, as_of, 365)
    save_vocabulary(out, found)
    number = {channel.name: place for place, channel in enumerate(found.channels)}
    channels = {
        event: [number.get(f"{event} g{genre:02d}", number[f"{event} other"]) for genre in range(GENRES)]
        for event in ("bought", "cancelled")
    }
    return channels | {"payments": [number["payments"]]}


def ours(folder: Path, out: Path) -> None:
    shutil.rmtree(out / "segments", ignore_errors=True)
    with opened(folder) as warehouse:
        encode(warehouse, out, AS_OF, AS_OF)


WAYS: dict[str, Callable[..., None]] = {
    "ours": ours,
    "pandas": with_pandas,
    "polars": with_polars,
    "duckdb": with_duckdb,
}


def measured(way: str, *arguments: object) -> Spent:
    """What one way takes in this process, imports aside."""
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    if way != "ours":
        __import__(way)
    began = time.process_time()
    WAYS[way](*arguments)
    spent = time.process_time() - began
    return spent, peak_gib()


def peak_gib() -> float:
    """Peak resident memory of this process; `ru_maxrss` would still know that of the parent."""
    status = Path("/proc/self/status")
    if status.exists():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(lines["VmHWM"].split()[0]) / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**30  # macOS: bytes


def moving(folder: Path, out: Path) -> dict[str, float]:
    """Processor seconds of encoding a year anew, and of moving it on through December day by day."""
    pa.set_cpu_count(1)
    fit(folder, out, MONTH_BEFORE)
    days = np.arange(np.datetime64(MONTH_BEFORE), np.datetime64(AS_OF) + 1).astype(str).tolist()
    spent = []
    with opened(folder) as warehouse:
        for day in days:
            began = time.process_time()
            encode(warehouse, out, day, MONTH_BEFORE)
            spent.append(time.process_time() - began)
    anew, *ordinary, month_end = spent
    return {
        "anew": anew,
        "day": statistics.median(ordinary),
        "month_end": month_end,
        "mean": statistics.mean(spent[1:]),
    }


def alone(function: Callable[..., object], *arguments: object) -> object:
    """Call in a fresh process."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def check(out: Path, written: Path) -> int:
    """Compare ours with a peer's file, cell by cell; how many cells."""
    from warehouse.heatmaps.reading import Heatmaps

    found = Heatmaps.open(out, AS_OF)
    users, cells = found.users, found.cells(MODALITY)
    theirs = parquet.read_table(written)
    theirs = theirs.take(pa.array(np.argsort(theirs["user"].to_numpy(), kind="stable")))
    lists = {
        name: theirs[name].combine_chunks().flatten().to_numpy()
        for name in ("day", "hour", "channel", "value")
    }
    same = np.array_equal(theirs["user"].to_numpy(), users) and all(
        np.array_equal(lists[name], getattr(cells, name)) for name in ("day", "hour", "channel")
    )
    if not (same and np.allclose(lists["value"], cells.value, rtol=1e-6, atol=0)):
        raise SystemExit(f"cells differ from those in {written.name}: nothing is reported")
    return len(cells.value)


def main() -> None:
    try:
        import polars
    except ImportError:
        print("polars is not installed, so there is nothing to compare with: pip install hourfold[bench]")
        return
    events, users = (int(text) for text in (sys.argv[1:] + [str(EVENTS), str(USERS)][len(sys.argv) - 1 :]))
    os.environ.update(ONE_THREAD)
    with tempfile.TemporaryDirectory() as temporary:
        folder = prepared(Path(temporary) / "shop", events, users)
        out = folder / "heatmaps"
        channels = fit(folder, out, AS_OF)
        ways = {
            "ours": ("ours", folder, out),
            "duckdb, one statement": ("duckdb", folder, folder / "duckdb.parquet", channels),
            "polars, in memory": ("polars", folder, folder / "polars.parquet", channels, "in-memory"),
            "polars, streaming": ("polars", folder, folder / "stream.parquet", channels, "streaming"),
        }
        # In turns, so that what else the machine does falls on all alike.
        runs = [{name: alone(measured, *way) for name, way in ways.items()} for _ in range(REPEATS)]
        runs.append({"pandas": alone(measured, "pandas", folder, folder / "pandas.parquet", channels)})
        cells = max(
            [check(out, folder / f"{name}.parquet") for name in ("polars", "stream", "pandas", "duckdb")]
        )
        every = {name: [run[name] for run in runs if name in run] for name in [*ways, "pandas"]}
        spent = {
            name: (min(s for s, _ in runs), max(peak for _, peak in runs)) for name, runs in every.items()
        }
        moved = alone(moving, folder, folder / "moving")
        many = prepared(Path(temporary) / "many", events, 10 * users)
        fit(many, many / "heatmaps", AS_OF)
        memory = alone(measured, "ours", many, many / "heatmaps")[1]
    frames = [name for name in spent if name.startswith(("polars", "pandas"))]
    best = min(frames, key=lambda name: spent[name][0])
    ratio, to_duckdb = (spent[name][0] / spent["ours"][0] for name in (best, "duckdb, one statement"))
    result = {
        "events": events,
        "users": users,
        "cells": cells,
        "polars": polars.__version__,
        "processor_seconds": {name: found[0] for name, found in spent.items()},
        "peak_gib": {name: found[1] for name, found in spent.items()} | {"ours, 10 × the users": memory},
        "best_peer": best,
        "ratio_to_best_peer": ratio,
        "ratio_to_duckdb": to_duckdb,
        "moving_seconds": moved,
        "ratio_anew_to_day": moved["anew"] / moved["day"],
        "ratio_anew_to_mean_day": moved["anew"] / moved["mean"],
    }
    print(json.dumps(result))
    for name, (seconds, peak) in spent.items():
        print(f"{name:22s} {seconds:7.2f} s of one processor, {peak:.2f} GiB at most")
    print(f"{cells:,} equal cells of {events:,} simulated events: {ratio:.1f} times as fast as {best}")
    print(f"and {to_duckdb:.2f} times as fast as DuckDB's one statement over the year")
    print(f"ten times the users, as many events: {memory:.2f} GiB instead of {spent['ours'][1]:.2f}")
    day, month_end = (1000 * moved[name] for name in ("day", "month_end"))
    print(
        f"anew {moved['anew']:.2f} s; moved by a day {day:.0f} ms, 1/{result['ratio_anew_to_day']:.0f}; by "
        f"the day that ends a month {month_end:.0f} ms; mean day 1/{result['ratio_anew_to_mean_day']:.0f}"
    )


if __name__ == "__main__":
    main()
