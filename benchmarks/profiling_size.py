"""Cost at size: a simulated shop of N accounts through ingest, heatmaps, training and prospecting.

    python -m benchmarks.profiling_size --accounts 100000 [--json] [--home FOLDER] [--stages train,prospect]

The shop is that of `simulator/shop` with its purchases alone (no points, surveys or labels: the default
profiler reads none of them), a year of some 40 purchases an account, 3,000 brands, written to a landing
folder day by day. Then the real path: the landing folder through the gate into the warehouse, a year of
heatmaps, `meta_profile_prior`, and one request for an audience with expected lift, files, page and MLflow
run. Every stage runs in a process of its own, in which wall and processor seconds (its children's included)
and peak resident memory are measured; what it wrote is counted on the disk. No peer: the claim is that memory
stays bounded and that time grows no faster than the accounts.

`--home` keeps the folder (default: a temporary one), so that a stage can be run again with `--stages`.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from assets.profiling.sources import ProfileSource
    from simulator.feed.settings import SimulatorSettings
    from warehouse.home import Home

ACCOUNTS = 10_000
SYSTEM, SOURCE = "meta_profile_prior", "landing"
FIRST_DAY, DAYS_BEFORE = "2025-03-03", 364  #: of the last day, and the days of shopping before it
AS_OF = "2025-03-04"
TOP = 10_000  #: size of the audience
MANY = 0.05  #: of the accounts that the brand asked for has as customers, at most
SECONDS_BETWEEN_LINES = 10.0

Figures = dict[str, Any]


class Lines:
    """Progress as lines on the error output, with the rate since a stage of work began."""

    def __init__(self) -> None:
        self.began: dict[str, float] = {}
        self.latest = self.printed = time.monotonic()

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Tell of a step; all but the last are told at most every `SECONDS_BETWEEN_LINES`."""
        now = time.monotonic()
        began = self.began.setdefault(stage, self.latest)
        self.latest = now
        if done >= total or now - self.printed >= SECONDS_BETWEEN_LINES:
            self.printed = now
            rate = done / max(now - began, 1e-3)
            peak = peak_gib()
            print(f"{stage}: {done:,} of {total:,}, {rate:,.1f} a second, {peak:.2f} GiB", file=sys.stderr)


def shop_settings(accounts: int) -> SimulatorSettings:
    """A shop of a year whose accounts buy some 40 items in it: unequally, and few of them at once."""
    from simulator.feed.settings import PopulationSettings, SimulatorSettings
    from simulator.shop.settings import ShopSettings

    return SimulatorSettings(
        days=1,
        first_day=FIRST_DAY,
        population=PopulationSettings(users=accounts, daily_arrivals=0.0),
        shop=ShopSettings(days_before=DAYS_BEFORE, baskets_per_year=14, brands=3_000),
    )


def simulate(home: Home, accounts: int, lines: Lines) -> Figures:
    """The landing folder: one Parquet file of purchases a day."""
    import pyarrow.parquet as parquet

    from simulator.feed.fill import describe_simulation
    from simulator.shop.shop import SimulatedShop
    from simulator.shop.writer import fill_shop

    settings, landing = shop_settings(accounts), landing_of(home)
    fill_shop(landing, SimulatedShop(settings), tables=("purchases",), progress=lines)
    describe_simulation(FIRST_DAY, settings.days, settings.shop, feed=False).save(landing)
    rows = sum(parquet.read_metadata(file).num_rows for file in landing.rglob("*.parquet"))
    return {"rows": rows, "bytes": size_of(landing)}


def ingest(home: Home, accounts: int, lines: Lines) -> Figures:  # noqa: ARG001
    """Gate and load."""
    from assets.logs.sources import open_source
    from warehouse.store.warehouse import Warehouse

    source = open_source(SOURCE, home, landing_of(home), progress=lines)
    source.load(("purchases",), lines)
    with Warehouse(source.home.warehouse, read_only=True) as warehouse:
        loaded = warehouse.loaded("purchases")
    rows, kept = int(loaded["rows_in"].sum()), int(loaded["kept"].sum())
    return {"rows": rows, "quarantined": rows - kept, "bytes": size_of(source.home.warehouse)}


def heatmaps(home: Home, accounts: int, lines: Lines) -> Figures:  # noqa: ARG001
    """Encode the year before the as-of date."""
    from warehouse.heatmaps.settings import default_settings
    from warehouse.heatmaps.store import encode_heatmaps
    from warehouse.landing.local_time import LocalZone
    from warehouse.store.warehouse import Warehouse

    source = opened(home)
    zone, settings = LocalZone(source.description.local), default_settings(source.description.points)
    with Warehouse(source.home.warehouse, read_only=True) as warehouse:
        report = encode_heatmaps(warehouse, source.home.heatmaps, zone, settings, AS_OF)
    return {"segments": len(report.encoded), "bytes": size_of(source.home.heatmaps)}


def train(home: Home, accounts: int, lines: Lines) -> Figures:  # noqa: ARG001
    """Read all that was known before the as-of date, and train the default profiler on it."""
    source = opened(home)
    began = time.perf_counter()
    data = source.read(AS_OF)
    read = {"read_seconds": time.perf_counter() - began, "read_gib": resident_gib()}
    source.trainer(progress=lines).train(SYSTEM, AS_OF)
    return {
        "rows": len(data.purchases),
        "users": len(data),
        "bytes_a_purchase": round(data.purchases.nbytes / max(len(data.purchases), 1), 1),
        **read,
        "bytes": size_of(source.home.models),
    }


def prospect(home: Home, accounts: int, lines: Lines) -> Figures:
    """One request: the customers of a middling brand, from the list to files, page and MLflow run."""
    import numpy as np

    from assets.common.tracking import PROFILING, Tracking
    from assets.profiling.audience.requests import AudienceSettings
    from assets.profiling.audience.run import carry_out

    source, out = opened(home), home.root / "audience"
    brand, ids = asked(home)
    customers = home.root / "customers.csv"
    np.savetxt(customers, ids, fmt="%s", header="user_id", comments="")
    request = AudienceSettings(customers=str(customers), as_of=AS_OF, top=min(TOP, accounts // 10))
    tracking = Tracking(home.mlflow, source.name, source.description.simulated, PROFILING)
    made = carry_out(request, source, tracking, out, whole_folder=True, progress=lines)
    return {
        "brand": brand,
        "customers": made.result.known,
        "candidates": made.result.audience.candidates,
        "rows": len(made.result.audience),
        "lift": made.result.no_lift or made.result.lift.curve.at(made.result.share)[0] / made.result.share,
        "bytes": size_of(out),
    }


STAGES: dict[str, Callable[[Home, int, Lines], Figures]] = {
    "simulate": simulate,
    "ingest": ingest,
    "heatmaps": heatmaps,
    "train": train,
    "prospect": prospect,
}


def asked(home: Home) -> tuple[str, list[str]]:
    """The largest brand with at most `MANY` of the accounts as customers, and their ids, by one query."""
    from warehouse.store.warehouse import Warehouse

    chosen = """
        WITH sizes AS (
            SELECT brand, count(DISTINCT user_index) AS users FROM purchases
            WHERE NOT cancelled AND brand IS NOT NULL GROUP BY brand
        )
        SELECT brand FROM sizes WHERE users <= ? * (SELECT count(*) FROM user_index)
        ORDER BY users DESC, brand LIMIT 1
    """
    with Warehouse(home.source(SOURCE).warehouse, read_only=True) as warehouse:
        code = warehouse.connection.execute(chosen, [MANY]).fetchall()[0][0]
        rows = warehouse.connection.execute(
            "SELECT DISTINCT user_id FROM purchases JOIN user_index USING (user_index) "
            "WHERE brand = ? AND NOT cancelled ORDER BY user_id",
            [code],
        ).fetchall()
        return warehouse.category_names("purchases", "brand")[code], [user for (user,) in rows]


def opened(home: Home) -> ProfileSource:
    """The shop as the profiler sees it."""
    from assets.profiling.sources import ProfileSource

    return ProfileSource.opened(home, SOURCE, landing_of(home))


def landing_of(home: Home) -> Path:
    """The landing folder, beside the home's own folders."""
    return home.root / "shop"


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files below a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def peak_gib() -> float:
    """Peak resident memory of this process in GiB; `ru_maxrss` would still know that of the parent."""
    return _status("VmHWM")


def resident_gib() -> float:
    """Resident memory of this process now, in GiB."""
    return _status("VmRSS")


def _status(field: str) -> float:
    status = Path("/proc/self/status")
    if not status.exists():  # macOS, where maxrss is in bytes
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**30
    lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
    return int(lines[field].split()[0]) / 2**20


def measured(stage: str, home: Home, accounts: int) -> Figures:
    """What one stage takes in this process, imports included."""
    began = time.perf_counter()
    figures = STAGES[stage](home, accounts, Lines())
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return {
        "seconds": round(time.perf_counter() - began, 2),
        "cpu_seconds": round(sum(one.ru_utime + one.ru_stime for one in spent), 2),
        "peak_gib": round(peak_gib(), 3),
        **figures,
    }


def run(accounts: int, root: Path, stages: tuple[str, ...] = tuple(STAGES)) -> Figures:
    """All stages, a process each; the first that fails ends the run with its own message."""
    figures: dict[str, Figures] = {}
    for stage in stages:
        command = [sys.executable, "-m", "benchmarks.profiling_size", "--accounts", str(accounts)]
        command += ["--home", str(root), "--alone", stage]
        print(f"-- {stage}", file=sys.stderr, flush=True)
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=_environment(root))
        if done.returncode:
            raise SystemExit(f"stage {stage} failed with status {done.returncode}")
        figures[stage] = json.loads(done.stdout.splitlines()[-1])
        print(f"-- {line(stage, figures[stage])}", file=sys.stderr, flush=True)
    return {"accounts": accounts, "simulated": True, "system": SYSTEM, "as_of": AS_OF, "stages": figures}


def _environment(root: Path) -> Mapping[str, str]:
    return {**os.environ, "HOURFOLD_HOME": str(root)}


def table(result: Figures) -> str:
    """The figures as lines."""
    lines = [line(stage, figures) for stage, figures in result["stages"].items()]
    return "\n".join([f"simulated shop of {result['accounts']:,} accounts", *lines])


def line(stage: str, figures: Figures) -> str:
    """The figures of one stage."""
    rows = f"{figures['rows']:,} rows, " if "rows" in figures else ""
    return (
        f"{stage:9s} {figures['seconds']:8.1f} s, {figures['cpu_seconds']:8.1f} s of processors, peak "
        f"{figures['peak_gib']:.2f} GiB; {rows}{figures['bytes'] / 2**20:,.1f} MiB"
    )


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--accounts", type=int, default=ACCOUNTS)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of lines")
    parser.add_argument("--home", type=Path, help="folder to keep; default: a temporary one")
    parser.add_argument("--stages", default=",".join(STAGES), help="some of the stages, by comma")
    parser.add_argument("--alone", choices=tuple(STAGES), help=argparse.SUPPRESS)
    return parser.parse_args([] if sys.argv[0].endswith("benchmarks/__main__.py") else None)


def main() -> None:
    from warehouse.home import Home

    chosen = arguments()
    if chosen.alone:
        print(json.dumps(measured(chosen.alone, Home(chosen.home), chosen.accounts), default=float))
        return
    with tempfile.TemporaryDirectory() as temporary:
        root = (chosen.home or Path(temporary)).resolve()
        result = run(chosen.accounts, root, tuple(chosen.stages.split(",")))
    print(json.dumps(result) if chosen.json else table(result))


if __name__ == "__main__":
    main()
