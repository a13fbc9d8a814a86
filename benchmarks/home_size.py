"""Claim: a home that is left running weighs the same on every day once the days that it keeps are full.

A tiny simulated feed is lived day by day in this process, as the schedules would: logs, the night's training
and promotion, the hours, the clean-up. After each day the home is weighed by kind. Logs grow, as they must,
and are left out; so is what Dagster remembers of partitions that were made, which is told by itself: some
kilobytes an hour. What grows beyond is told for each user or item that was met for the first time: states and
rankers hold the totals of all time, a row for each. Dagster dates its runs by the clock of the machine, so
what counts as old among them is set day by day. The hours of a day are cut to a few: with all 24 a day takes
minutes.

    python -m benchmarks.home_size [--days 60] [--keep 4] [--window 8] [--hours 3] [--json]
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from warehouse.home import SourceHome
    from warehouse.keeping import KeepSettings

FIRST_DAY = "2026-03-02"
USERS, ITEMS_A_DAY, EVENING = 300, 40, 18
MIB = 2**20
REMEMBERED = "Dagster: what was made"

Sizes = dict[str, int]  #: kind → bytes


def keeping(days: int) -> KeepSettings:
    """Every kind for this many days; hours and states of instances for the least that there is."""
    from warehouse.keeping import KeepSettings

    names = set(KeepSettings.model_fields) - {"reports"}
    least = {"hourly_states": max(days, 4), "instance_states": max(days, 5)}
    return KeepSettings(**dict.fromkeys(names, days) | least)


def landed(landing: Path, days: int, hours: int) -> None:
    """A simulated feed, of each day `hours` hours of the evening."""
    from simulator import SimulatorSettings
    from simulator.feed.fill import fill

    settings = SimulatorSettings()
    population = settings.population.model_copy(update={"users": USERS})
    news = settings.news.model_copy(update={"items_per_day": ITEMS_A_DAY})
    fill(
        landing,
        settings.model_copy(update={"population": population, "news": news}),
        days=days,
        first_day=FIRST_DAY,
    )
    for folder in landing.glob("*/date=*/hour=*"):
        if not EVENING <= int(folder.name.removeprefix("hour=")) < EVENING + hours:
            shutil.rmtree(folder)


def narrow(source: SourceHome, systems: tuple[str, ...], window: int) -> None:
    """Let trainings read `window` days, and pairs live so long, by what stands for a study of the home."""
    from assets.common.tuned import FILE, Tuned, TunedSystem

    settings = dict.fromkeys(("training.window_days", "training.click_days", "features.pair_days"), window)
    chosen = TunedSystem(settings=settings, auc=None, default_auc=None)
    tuned = Tuned(size="tiny", days=(), trials=0, data_hash="", systems=dict.fromkeys(systems, chosen))
    tuned.save(source.root / FILE)


@contextmanager
def narrow_graph(window: int) -> Iterator[None]:
    """Let long-term graphs hold the clicks of `window` days: no study of a home sets this."""
    from models.ranking import registry

    actual = registry.long_term_settings
    narrowed = actual("tiny").model_copy(update={"click_days": window})
    registry.long_term_settings = lambda _size: narrowed
    try:
        yield
    finally:
        registry.long_term_settings = actual


def lived(
    root: Path, days: int, keep: KeepSettings, hours: int, systems: tuple[str, ...], window: int
) -> tuple[list[Sizes], list[int]]:
    """The sizes of a home after each of `days` days, and how many users and items it had met by then."""
    from assets.upkeep import dagster_runs
    from assets.upkeep.sizes import sizes
    from orchestration.jobs import UPKEEP
    from orchestration.run import run_hours
    from orchestration.session import Session
    from warehouse.home import Deployment, Home

    home = Home(root)
    deployment = Deployment(first_day=FIRST_DAY, systems=systems, size="tiny", keep=keep)
    zone, landing = deployment.service_zone, deployment.landing_folder(home)
    narrow(deployment.paths(home), systems, window)
    landed(landing, days + 1, hours)  # the first one is trained on alone
    start = zone.day_start_ms(FIRST_DAY)
    weighed, met, begun = [], [], []
    actual = dagster_runs.present
    with narrow_graph(window), Session(deployment, home) as session:
        for number in range(1, days + 1):
            begun.append(actual())
            run_hours(session, zone.day_key(start + number * 86_400_000)).check()
            dagster_runs.present = _clock(begun, keep.dagster_runs or days)
            session.run(UPKEEP)
            weighed.append(sizes(home, [deployment.paths(home)]))
            met.append(ever_met(deployment.paths(home), start + (number + 1) * 86_400_000))
    dagster_runs.present = actual
    return weighed, met


def ever_met(source: SourceHome, end_ms: int) -> int:
    """Users and items that were described before an instant; descriptions of later days have landed too."""
    from warehouse.store.warehouse import Warehouse

    with Warehouse(source.warehouse, read_only=True) as opened:
        return sum(
            int(opened.connection.execute(query, [end_ms]).fetchall()[0][0])
            for query in (
                "SELECT count(DISTINCT user_index) FROM users WHERE valid_from < ?",
                "SELECT count(DISTINCT item_index) FROM items WHERE valid_from < ?",
            )
        )


def _clock(begun: list[datetime], keep: int):
    """A clock by which runs are old that were made before the last `keep` days of the simulation."""
    oldest = begun[max(0, len(begun) - keep)]
    return lambda: oldest + timedelta(days=keep)


def full_after(keep: int, window: int) -> int:
    """The day from which on nothing is younger than it is kept.

    The graphs of a window begin a day before it, states of instances are kept for five days at least, and
    pairs that are too old are left out when their runs are merged, every eighth day.
    """
    from models.ranking.features.pair_counts import BLOCK

    return max(keep, window + 1 + BLOCK, 5) + 2


def bounded(weighed: Sizes) -> int:
    """What must be flat: all but logs and what Dagster remembers."""
    from assets.upkeep.sizes import GROWS

    return sum(size for kind, size in weighed.items() if kind not in (*GROWS, REMEMBERED))


def figures(weighed: list[Sizes], met: list[int], full: int) -> dict[str, object]:
    """The sizes when the window is full (day number `full`) and at the end, by kind; and what still grows."""
    first, last = weighed[full - 1], weighed[-1]
    days = max(len(weighed) - full, 1)
    new = met[-1] - met[full - 1]
    grown = bounded(last) - bounded(first)
    return {
        "days": len(weighed),
        "full after": full,
        "MiB when full": bounded(first) / MIB,
        "MiB at the end": bounded(last) / MIB,
        "ratio": bounded(last) / bounded(first),
        "Dagster remembers, KiB a day": (last[REMEMBERED] - first[REMEMBERED]) / 1024 / days,
        "users and items ever met": [met[full - 1], met[-1]],
        "bytes for each new user or item": grown / new if new else 0.0,
        "MiB by kind": {kind: [first[kind] / MIB, last[kind] / MIB] for kind in last},
        "KiB a day by kind": {kind: (last[kind] - first[kind]) / 1024 / days for kind in last},
        "MiB by day": [bounded(day) / MIB for day in weighed],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--days", type=int, default=60, help="days to live")
    parser.add_argument("--keep", type=int, default=4, help="days for which each kind is kept")
    parser.add_argument("--window", type=int, default=8, help="days that a training and its graphs read")
    parser.add_argument("--hours", type=int, default=3, help="hours of each day, from six in the evening on")
    parser.add_argument("--systems", default="deepfm_external,lsttm", help="names with commas")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    chosen = parser.parse_args()
    full = full_after(chosen.keep, chosen.window)
    if full >= chosen.days:
        parser.error(f"everything is full after {full} days: live more than that")
    with tempfile.TemporaryDirectory() as folder:
        weighed, met = lived(
            Path(folder) / "home",
            chosen.days,
            keeping(chosen.keep),
            chosen.hours,
            tuple(chosen.systems.split(",")),
            chosen.window,
        )
    result = figures(weighed, met, full)
    if chosen.json:
        print(json.dumps(result))
        return
    slopes: dict[str, float] = result["KiB a day by kind"]  # type: ignore[assignment]
    for kind, (first, last) in result["MiB by kind"].items():  # type: ignore[attr-defined]
        print(f"{kind:24} {first:9.2f} → {last:9.2f} MiB {slopes[kind]:+9.1f} KiB a day")
    before, after = result["users and items ever met"]  # type: ignore[misc]
    print(
        f"without logs {result['MiB when full']:.1f} MiB on day {result['full after']}, "
        f"{result['MiB at the end']:.1f} on day {result['days']}: {result['ratio']:.3f}"
    )
    print(
        f"users and items ever met: {before:,} → {after:,}; "
        f"{result['bytes for each new user or item']:,.0f} bytes for each new one"
    )


if __name__ == "__main__":
    main()
