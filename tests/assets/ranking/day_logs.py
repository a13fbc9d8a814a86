"""Days of logs in a warehouse of their own, past the gate, for the tests of instance partitions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from assets.ranking.encoding import History
from tests.warehouse.frames import DESCRIPTION, NO_QUARANTINE, START, ZONE, exposures, external_clicks
from warehouse.landing.records import PartitionLoad, SourceFile
from warehouse.landing.service_time import DAY_MS, HOUR_MS
from warehouse.store.warehouse import Warehouse

DAYS = ZONE.days_between("2026-05-01", "2026-05-05")
HOURS_OF_A_DAY = (0, 7, 13, 23)  #: that have logs


def hours_of(days: Sequence[str]) -> list[str]:
    """The hours of days that have logs."""
    return [f"{day}-{hour:02d}:00" for day in days for hour in HOURS_OF_A_DAY]


def loaded_in(root: Path, days: Sequence[str] = tuple(DAYS), rows: int = 60) -> Path:
    """A warehouse file with these days; users are described anew on the third day."""
    path = root / "w.duckdb"
    with Warehouse(path) as warehouse:
        warehouse.configure(DESCRIPTION)
        for day in (0, 2):
            describe(warehouse, day)
        load(warehouse, hours_of(days), rows)
    return path


def describe(warehouse: Warehouse, day: int) -> None:
    """Users and items as a file without a date has them (day 0), or one of a later day."""
    rng = np.random.default_rng(day)
    users = pd.DataFrame(
        {
            "user_id": [str(user) for user in range(20)],
            "age": rng.choice(["20", "30", "40"], 20),
            "region": rng.choice(["n", "s"], 20),
        }
    )
    items = pd.DataFrame(
        {
            "item_id": [str(item) for item in range(100, 140)],
            "published_at": pd.array(START + rng.integers(-9, 9, 40) * HOUR_MS, "Int64"),
            "topic": rng.choice(["a", "b", "c"], 40),
        }
    )
    for table, frame in (("users", users), ("items", items)):
        name = f"{table}-{day}.csv"
        file = SourceFile(name, len(frame), str(day))
        start = START + day * DAY_MS if day else 0
        one = PartitionLoad(name, start, (file,), len(frame))
        rows = frame.assign(_partition=name, _row=range(len(frame)))
        warehouse.load(table, [one], rows, NO_QUARANTINE)


def load(warehouse: Warehouse, hours: Sequence[str], rows: int = 60, seed: int = 0) -> None:
    """Load hours, in place of what they held."""
    for table, make in (("exposures", exposures), ("external_clicks", external_clicks)):
        frames = {hour: make(hour, rows, seed) for hour in hours}
        loads = [
            PartitionLoad(
                hour,
                ZONE.hour_start_ms(hour),
                (SourceFile(f"{table}/{hour}.parquet", len(frame), f"{seed} {rows}"),),
                len(frame),
            )
            for hour, frame in frames.items()
        ]
        warehouse.load(table, loads, pd.concat(frames.values(), ignore_index=True), NO_QUARANTINE)


def history(path: Path, last_day: str) -> History:
    """The logs of a warehouse through a day."""
    return History.read(lambda: Warehouse(path, read_only=True), ZONE, DAYS[0], last_day)


def contents(root: Path) -> dict[str, bytes]:
    """Every file under a folder: its path there and its bytes."""
    return {
        str(file.relative_to(root)): file.read_bytes() for file in sorted(root.rglob("*")) if file.is_file()
    }
