"""Why a system gains or loses on a day: its gate, what the hourly step moves, new items, the inner step.

    python -m benchmarks.lsttm_diagnosis --source kuairand --data FOLDER --day 2022-05-02 --systems lsttm
    python -m benchmarks.lsttm_diagnosis --source simulator --day 2025-03-09 --systems lsttm_printed,lsttm

Prints tables, and writes them with `--out` as JSON. Nothing is measured against a peer, so that
`python -m benchmarks` leaves it out. What it has shown is in docs/decisions.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from assets.experiments.logs import read_day
from assets.experiments.prepare import prepare
from assets.experiments.settings import CompareSettings
from assets.experiments.systems import chosen_long_term, chosen_systems
from models.data.event_log import EventLog
from models.lsttm.diagnosis import ACTIVITY_EDGES, AGE_EDGES, walk
from models.lsttm.inner_curve import inner_curve
from models.lsttm.long_term_graph import train_long_term
from models.meta.rates import MetaSettings
from models.ranker import Ranker

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
    return {
        "gain by hour": day.gains("hour"),
        "gain by age of the item (hours since its first exposure)": day.gains("age", AGE_EDGES),
        "gain by activity of the user (exposures before)": day.gains("activity", ACTIVITY_EDGES),
        "gate by hour": day.gate("hour"),
        "gate by activity": day.gate("activity", ACTIVITY_EDGES),
        "AUC with the gate held at a share": [day.fixed_gates()],
        "moved in an hour": moved_in_an_hour(day.moved),
        "one inner step: change of loss": inner_curve(Ranker.load(daily), hours, forms()),
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
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--source", required=True, choices=("simulator", "kuairand", "landing"))
    parser.add_argument("--data", type=Path)
    parser.add_argument("--day", required=True)
    parser.add_argument("--systems", required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--set", action="append", default=[], metavar="SYSTEM.SETTING=VALUE")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    settings = CompareSettings(
        source=given.source,
        systems=tuple(given.systems.split(",")),
        days=(given.day,),
        size="tiny" if given.tiny else "real",
        overrides=tuple(given.set),
    )
    logs = prepare(settings, given.data)
    history, hours = read_day(logs, given.day)
    systems, long_term, found = chosen_systems(settings), None, {}
    if any(system.uses_long_term for system in systems.values()):
        long_term = train_long_term(history, chosen_long_term(settings), seed=given.seed)
    for name, system in systems.items():
        with tempfile.TemporaryDirectory() as folder:
            Ranker.train(system, history, seed=given.seed, long_term=long_term).save(Path(folder) / "daily")
            found[name] = diagnose(Path(folder) / "daily", hours)
        print(f"\n{name}, {'simulated, ' if logs.simulated else ''}{given.source}, {given.day}")
        for title, rows in found[name].items():
            show(title, rows)
    if given.out is not None:
        given.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    run()
