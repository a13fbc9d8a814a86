"""Claim: an hour of 100,000 exposures is read, judged by every rule and loaded in seconds.

Ours is `assets.logs.ingest.ingest`, split into read, gate and load. The hour has one broken row in a
hundred, the warehouse holds nine days of 24 hours before it, so that the gate has a history and ids to look
up. Peers, measured in the same run on the same file:

- read and load: `pandas.read_parquet` and `DataFrame.to_sql` into SQLite, the usual first solution; and
DuckDB's
  `executemany`, on a part of the rows because it is slow, as rows a second;
- gate: a pydantic model a row, which knows the types and ranges but neither uniqueness, known ids nor
history.

    python -m benchmarks.loading
"""

from __future__ import annotations

import json
import logging
import sqlite3
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from assets.logs.ingest import ingest
from warehouse.home import SourceHome
from warehouse.landing.description import SourceDescription
from warehouse.landing.service_time import HOUR_MS
from warehouse.store.warehouse import Warehouse

ROWS, HISTORY_ROWS, USERS, ITEMS = 100_000, 3_000, 30_000, 10_000
EXECUTEMANY_ROWS = 5_000
RUNS = 3
DESCRIPTION = SourceDescription(
    name="benchmark",
    first_day="2026-05-01",
    last_day="2026-05-10",
    user_fields=("age",),
    item_fields=("topic",),
    context_fields=("ctx_device",),
)
ZONE = DESCRIPTION.service_zone
START = ZONE.day_start_ms("2026-05-01")
HOURS = ZONE.hours_between(START, START + 217 * HOUR_MS)
TABLE = (
    "CREATE TABLE exposures (exposure_id VARCHAR, user_id VARCHAR, item_id VARCHAR, shown_at BIGINT, "
    "clicked BOOLEAN, dwell_seconds DOUBLE, ctx_device VARCHAR)"
)


class Exposure(BaseModel):
    """The peer's gate: one row."""

    exposure_id: str = Field(min_length=1, max_length=128)
    user_id: str = Field(min_length=1, max_length=128)
    item_id: str = Field(min_length=1, max_length=128)
    shown_at: int = Field(ge=ZONE.hour_start_ms(HOURS[-1]), lt=ZONE.hour_start_ms(HOURS[-1]) + HOUR_MS)
    clicked: bool
    dwell_seconds: float = Field(ge=0, le=86_400)
    ctx_device: str = Field(max_length=512)


def main() -> None:
    logging.disable(logging.WARNING)
    warnings.filterwarnings("ignore")
    with tempfile.TemporaryDirectory() as folder:
        home = SourceHome(Path(folder))
        path = _prepare(home)
        ours = [ingest(home, "exposures", [HOURS[-1]], description=DESCRIPTION) for _ in range(RUNS)]
        found = {part: statistics.median(report.seconds[part] for report in ours) for part in ours[0].seconds}
        frame = pd.read_parquet(path)
        peers = {
            "read": _median(lambda: pd.read_parquet(path)),
            "gate": _median(lambda: _validate(frame)),
            "load": _median(lambda: _to_sql(frame)),
        }
        per_second = EXECUTEMANY_ROWS / _median(lambda: _executemany(frame.head(EXECUTEMANY_ROWS)))
        with Warehouse(home.warehouse, read_only=True) as warehouse:
            stored = len(warehouse.events(0, 2**45)["exposures.user"])
            events = _median(lambda: warehouse.events(0, 2**45))
    total, peer = sum(found.values()), sum(peers.values())
    result = {
        "rows": ROWS,
        "kept": ours[0].kept,
        "quarantined": ours[0].quarantined,
        "seconds": found | {"total": total},
        "peer_seconds": peers | {"total": peer},
        "ratio_peer_to_ours": {part: peers[part] / found[part] for part in found} | {"total": peer / total},
        "load_rows_per_second": ROWS / found["load"],
        "duckdb_executemany_rows_per_second": per_second,
        "load_ratio_to_executemany": ROWS / found["load"] / per_second,
        "events": {"exposures": stored, "seconds": events},
    }
    print(json.dumps(result, default=float))
    print(
        f"an hour of {ROWS:,} exposures: read {found['read']:.2f} s, gate {found['gate']:.2f} s, "
        f"load {found['load']:.2f} s ({ours[0].quarantined:,} rows quarantined); "
        f"{peer / total:.2f} × the speed of read_parquet + pydantic + to_sql (SQLite), "
        f"load alone {result['load_ratio_to_executemany']:.0f} × executemany into DuckDB"
    )


def _prepare(home: SourceHome) -> Path:
    """Nine days in the warehouse, the hour to load in the landing folder."""
    DESCRIPTION.save(home.landing)
    for table, key, field, count in (
        ("users", "user_id", "age", USERS),
        ("items", "item_id", "topic", ITEMS),
    ):
        (home.landing / table).mkdir()
        rows = pd.DataFrame({key: np.arange(count).astype(str), field: (np.arange(count) % 9).astype(str)})
        rows.to_parquet(home.landing / table / "all.parquet")
        ingest(home, table, description=DESCRIPTION)
    path = Path()
    for hour in HOURS:
        path = home.landing / "exposures" / f"date={hour[:10]}" / f"hour={hour[11:13]}" / "a.parquet"
        path.parent.mkdir(parents=True)
        # The same hour of former days is large too: a hundred times its history, the hour would be stopped.
        former = ROWS // 2 if hour.endswith("-00:00") else HISTORY_ROWS
        _exposures(hour, ROWS if hour == HOURS[-1] else former).to_parquet(path)
    ingest(home, "exposures", HOURS[: 24 * 9], description=DESCRIPTION)
    ingest(home, "exposures", [HOURS[-1]], description=DESCRIPTION)
    return path


def _exposures(hour: str, count: int) -> pd.DataFrame:
    rng = np.random.default_rng(HOURS.index(hour))
    frame = pd.DataFrame(
        {
            "exposure_id": [f"{hour}/{i}" for i in range(count)],
            "user_id": rng.integers(0, USERS, count).astype(str),
            "item_id": rng.integers(0, ITEMS, count).astype(str),
            "shown_at": ZONE.hour_start_ms(hour) + np.sort(rng.integers(0, HOUR_MS, count)),
            "clicked": rng.random(count) < 0.3,
            "dwell_seconds": rng.random(count) * 60,
            "ctx_device": np.array(["phone", "tablet"], dtype=object)[rng.integers(0, 2, count)],
        }
    )
    if hour == HOURS[-1]:
        frame.loc[::100, "dwell_seconds"] = -1.0
    return frame


def _median(work: Callable[[], object]) -> float:
    seconds = []
    for _ in range(RUNS):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def _validate(frame: pd.DataFrame) -> tuple[list[Exposure], list[str]]:
    adapter, kept, broken = TypeAdapter(Exposure), [], []
    for row in frame.to_dict("records"):
        try:
            kept.append(adapter.validate_python(row))
        except ValidationError as error:
            broken.append(str(error))
    return kept, broken


def _to_sql(frame: pd.DataFrame) -> None:
    with tempfile.TemporaryDirectory() as folder:
        connection = sqlite3.connect(Path(folder) / "peer.sqlite")
        frame.to_sql("exposures", connection, index=False)
        connection.commit()
        connection.close()


def _executemany(frame: pd.DataFrame) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        duckdb.connect(str(Path(folder) / "peer.duckdb")) as connection,
    ):
        connection.execute(TABLE)
        connection.begin()
        connection.executemany(
            "INSERT INTO exposures VALUES (?, ?, ?, ?, ?, ?, ?)", frame.to_numpy().tolist()
        )
        connection.commit()


if __name__ == "__main__":
    main()
