"""Why a system gains or loses on a day: its gate, what the hourly step moves, new items, the inner step.

    python -m benchmarks.lsttm_diagnosis --source kuairand --data FOLDER --day 2022-05-02 --systems lsttm
    python -m benchmarks.lsttm_diagnosis --source simulator --day 2025-03-09 --systems lsttm_printed,lsttm

The logs are brought through the gate into the home (`HOURFOLD_HOME`), unless they are there. Each system
is trained on all days before, with the registry's settings and `--set`, not with tuned ones; then the day is
lived through hour by hour. Prints tables, and writes them with `--out` as JSON. Tables that a system has
nothing for (no gate, no gradient) are left out. Nothing is measured against a peer, so that `python -m
benchmarks` leaves it out. What it has shown is in docs/decisions, 0024.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from assets.experiments.comparison.prepare import prepare
from assets.experiments.comparison.settings import CompareSettings, systems_named
from assets.experiments.comparison.systems import chosen_long_term, chosen_systems
from assets.experiments.source_logs import read_day
from assets.logs.ingest import BatchRejected
from models.ranking.features.event_log import EventLog
from models.ranking.lsttm.diagnosis import ACTIVITY_EDGES, AGE_EDGES, walk
from models.ranking.lsttm.inner_curve import inner_curve
from models.ranking.lsttm.long_term_mornings import train_long_term_days
from models.ranking.ranker import Ranker
from models.ranking.training.rates import MetaSettings

ALPHAS = (0.001, 0.01, 0.1, 1.0)
ITEM_RATES = (0.01, 0.05, 0.2)


def forms() -> dict[str, MetaSettings]:
    """The printed inner step, and the one on item rows alone by their own instances' mean."""
    printed = {f"everything, α {alpha:g}": MetaSettings(inner_rate=alpha) for alpha in ALPHAS}
    items = {
        f"item rows by row mean, {rate:g}": MetaSettings(
            inner_rate=rate, inner_groups=("item_rows",), item_row_step="row_mean"
        )
        for rate in ITEM_RATES
    }
    return printed | items


def diagnose(daily: Path, hours: Sequence[EventLog]) -> dict[str, Any]:
    """All tables of the ranker saved in `daily`."""
    day = walk(Ranker.load(daily), Ranker.load(daily), hours)
    gates = day.fixed_gates()
    return {
        "gain by hour": day.gains("hour"),
        "gain by age of the item (hours since its first exposure)": day.gains("age", AGE_EDGES),
        "gain by activity of the user (exposures before)": day.gains("activity", ACTIVITY_EDGES),
        "gate by hour": day.gate("hour"),
        "gate by activity": day.gate("activity", ACTIVITY_EDGES),
        "AUC with the gate held at a share": [gates] if len(gates) > 1 else [],
        "moved in an hour": moved_in_an_hour(day.moved),
        "one inner step: change of loss": inner_curve(Ranker.load(daily), hours, forms(), backs=(1, 12)),
    }


def moved_in_an_hour(records: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Means over hours, by parameter group; `share` is the step's norm over that of what it moved."""
    out = []
    for group in dict.fromkeys(record["group"] for record in records):
        its = [record for record in records if record["group"] == group]
        rows, step, of = (sum(r[name] for r in its) / len(its) for name in ("rows", "step", "of"))
        out.append({"group": group, "rows": rows, "step": step, "share": step / of if of else 0.0})
    return out


def show(title: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Print a table."""
    if not rows:
        return
    print(f"\n  {title}")
    for row in rows:
        cells = (f"{value:.5f}" if isinstance(value, float) else str(value) for value in row.values())
        print("    " + "  ".join(f"{name} {cell}" for name, cell in zip(row, cells, strict=True)))


def run() -> None:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.lsttm_diagnosis",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        "--source",
        required=True,
        choices=("simulator", "kuairand", "landing"),
        help="where the logs come from",
    )
    add("--data", type=Path, help="where the source's files are; the simulator needs none")
    add("--day", required=True, help="the day to look at; at least one day of logs must lie before it")
    add("--systems", required=True, help="names with commas; all is every registered system")
    add("--seed", type=int, default=0, help="of training (default 0)")
    add("--tiny", action="store_true", help="tiny configurations (and simulation)")
    add(
        "--set",
        action="append",
        default=[],
        metavar="SYSTEM.SETTING=VALUE",
        help="override a setting; * is all systems, long_term the graph they share; may be repeated",
    )
    add("--out", type=Path, help="JSON file to write")
    given = parser.parse_args()
    torch.set_num_threads(1)
    try:
        settings = settings_of(given)
        systems = chosen_systems(settings)
        logs = prepare(settings, given.data)
        history, hours = read_day(logs, given.day)
    except (ValueError, LookupError, FileNotFoundError, BatchRejected) as error:
        raise SystemExit(f"{parser.prog}: {error}") from error
    long_term, found = None, {}
    if any(system.uses_long_term for system in systems.values()):
        windows = [system.training.window_days for system in systems.values() if system.uses_long_term]
        days = None if None in windows else max(window for window in windows if window is not None)
        long_term = train_long_term_days(history, chosen_long_term(settings), seed=given.seed, days=days)
    for name, system in systems.items():
        with tempfile.TemporaryDirectory() as folder:
            Ranker.train(system, history, seed=given.seed, long_term=long_term).save(Path(folder) / "daily")
            found[name] = diagnose(Path(folder) / "daily", hours)
        print(f"\n{name}, {'simulated, ' if logs.simulated else ''}{given.source}, {given.day}")
        for title, rows in found[name].items():
            show(title, rows)
    if given.out is not None:
        given.out.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")


def settings_of(given: argparse.Namespace) -> CompareSettings:
    """What the command names, as a comparison of one day."""
    return CompareSettings(
        source=given.source,
        systems=systems_named(given.systems, given.set),
        days=(given.day,),
        size="tiny" if given.tiny else "real",
        overrides=tuple(given.set),
    )


if __name__ == "__main__":
    run()
