"""A simulated shop's year for benchmarks, straight into a warehouse: sizes are arguments."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet

from warehouse.store.warehouse import Warehouse

GENRES = 60
ZONE = "America/New_York"
START_MS, END_MS = 1_483_246_800_000, 1_514_782_800_000  #: the local year 2017
_DAY_MS = 86_400_000


def simulated_events(events: int, users: int, seed: int = 0) -> pa.Table:
    """Purchases in order of time: user, at_ms, genre (0 is the most popular), price, cancelled."""
    rng = np.random.default_rng(seed)
    activity = rng.lognormal(0, 1, users)
    baskets = events // 6
    owner = np.searchsorted(np.cumsum(activity / activity.sum()), rng.random(baskets)).clip(0, users - 1)
    day = rng.integers(0, 365, baskets)
    hour = np.clip(rng.normal(15.5, 4, baskets), 0, 23.99)
    at = START_MS + day * _DAY_MS + (hour * 3_600_000).astype(np.int64)
    basket = np.repeat(np.arange(baskets), rng.geometric(1 / 6, baskets))[:events]
    basket = basket[np.argsort(at[basket], kind="stable")]
    n = len(basket)
    return pa.table(
        {
            "user": owner[basket].astype(np.int32),
            "at_ms": at[basket],
            "genre": np.minimum(rng.zipf(1.3, n) - 1, GENRES - 1).astype(np.int32),
            "price": np.round(rng.lognormal(1, 0.8, n), 2),
            "cancelled": rng.random(n) < 0.02,
        }
    )


def fill_warehouse(path: Path, events: pa.Table, users: int) -> None:
    """The events as the warehouse stores them, a service day (Etc/GMT+5) a batch; the gate is left out."""
    with Warehouse(path) as warehouse:
        connection = warehouse.connection
        connection.register("events", events)
        connection.execute("INSERT INTO user_index SELECT u::VARCHAR, u FROM range(?) AS r(u)", [users])
        connection.execute(
            "INSERT INTO category_index "
            "SELECT 'purchases', 'genre', printf('g%02d', g), g FROM range(?) AS r(g)",
            [GENRES],
        )
        connection.execute(
            """INSERT INTO purchases BY NAME SELECT
                strftime(epoch_ms(at_ms - 5 * 3600000), '%Y-%m-%d') AS partition,
                row_number() OVER () % 2000000000 AS row, "user" AS user_index, at_ms AS purchased_at,
                price, genre, NULL AS brand, cancelled
            FROM events"""
        )
        connection.execute(
            """INSERT INTO batches SELECT
                'purchases', partition, epoch_ms(partition::TIMESTAMP) + 5 * 3600000, '[]', '[]', partition,
                partition, count(*), count(*), 0, false, '{}', now()::TIMESTAMP
            FROM purchases GROUP BY partition"""
        )


def prepared(folder: Path, events: int, users: int) -> Path:
    """A shop of this size in a new folder: `events.parquet` and `warehouse.duckdb`."""
    folder.mkdir()
    found = simulated_events(events, users)
    parquet.write_table(found, folder / "events.parquet")
    fill_warehouse(folder / "warehouse.duckdb", found, users)
    return folder
