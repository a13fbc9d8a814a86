"""Good rows of every table and the context in which the gate keeps them all: what the tests then break."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from expectations.gate import ColumnSpec, GateContext, GateResult, gate
from expectations.settings import GateSettings
from warehouse.landing.contract import TABLES, PartitionKind

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
START_MS = 1_651_363_200_000  # 2022-05-01 00:00 UTC
USERS, ITEMS = 40, 25
LIVE = GateSettings(history_after_days=1_000)
FIELDS = dict.fromkeys(TABLES, ()) | {
    "exposures": ("ctx_slot",),
    "users": ("tier",),
    "items": ("topic",),
    "demographics": ("region",),
}
NUMBERS = {"demographics": ("age",)}


def hour_key(hour: int) -> str:
    """Key of the hour that begins `hour` hours after START_MS."""
    return pd.Timestamp(START_MS + hour * HOUR_MS, unit="ms").strftime("%Y-%m-%d-%H:00")


def day_key(day: int) -> str:
    """Key of the day that begins `day` days after START_MS."""
    return hour_key(24 * day)[:10]


def partition(table: str, number: int) -> tuple[str, tuple[int, int] | None]:
    """Key and bounds of the hour, day or file of this number, as the table has them."""
    kind = TABLES[table].partition
    if kind is PartitionKind.FILE:
        return f"{number}.parquet", None
    key, length = (hour_key(number), HOUR_MS) if kind is PartitionKind.HOUR else (day_key(number), DAY_MS)
    return key, (START_MS + number * length, START_MS + (number + 1) * length)


def columns(table: str) -> dict[str, ColumnSpec]:
    """The contract of a table with one chosen field or number, as the gate wants it."""
    contract = TABLES[table].with_fields(FIELDS[table], NUMBERS.get(table, ()))
    return {column.name: ColumnSpec(column.type.value, column.required) for column in contract.columns}


def context(table: str, hours: tuple[int, ...] = (0,), **changes: Any) -> GateContext:
    """A context for the given hours (or days, or files, one each), a year after they passed.

    They are judged as live ones, not as history, unless `settings` say otherwise.
    """
    return replace(
        GateContext(
            columns=columns(table),
            partitions=dict(partition(table, hour) for hour in hours),
            now_ms=START_MS + 365 * DAY_MS,
            known={"users": [f"u{i}" for i in range(USERS)], "items": [f"i{i}" for i in range(ITEMS)]},
            domains=("video", "shop"),
            settings=LIVE,
        ),
        **changes,
    )


def good_rows(table: str, rows: int = 40, hours: tuple[int, ...] = (0,), seed: int = 0) -> pd.DataFrame:
    """`rows` good rows an hour, typed as a Parquet file would have them."""
    return pd.concat([_one(table, rows, hour, seed) for hour in hours], ignore_index=True)


def _one(table: str, rows: int, hour: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng([seed, hour])
    key, bounds = partition(table, hour)
    start, end = bounds or (START_MS + hour * HOUR_MS, START_MS + (hour + 1) * HOUR_MS)
    moments = pd.to_datetime(rng.integers(start, end, rows), unit="ms", utc=True)
    users = pd.Series([f"u{i}" for i in rng.integers(0, USERS, rows)])
    items = pd.Series([f"i{i}" for i in rng.integers(0, ITEMS, rows)])
    if table == "exposures":
        frame = pd.DataFrame(
            {
                "exposure_id": [f"e{hour}-{row}" for row in range(rows)],
                "user_id": users,
                "item_id": items,
                "shown_at": moments,
                "clicked": rng.random(rows) < 0.2,
                "request_id": [f"r{hour}-{row}" for row in range(rows)],
                "dwell_seconds": np.where(rng.random(rows) < 0.3, np.nan, rng.random(rows) * 300),
                "ctx_slot": rng.choice(["top", "side"], rows),
            }
        )
    elif table == "external_clicks":
        late = pd.to_timedelta(rng.integers(0, 5 * HOUR_MS, rows), unit="ms")
        frame = pd.DataFrame(
            {
                "user_id": users,
                "item_id": items,
                "domain": rng.choice(["video", "shop"], rows),
                "occurred_at": moments - late,
                "received_at": moments,
            }
        )
    elif table == "users":
        frame = pd.DataFrame(
            {"user_id": [f"u{i}" for i in range(rows)], "tier": rng.choice(["a", "b"], rows)}
        )
    elif table == "purchases":
        frame = pd.DataFrame(
            {
                "user_id": users,
                "purchased_at": moments,
                "price": rng.random(rows) * 20,
                "genre": [f"food/fruit/{row}" for row in range(rows)],
                "brand": pd.Series(rng.choice(["x", "y"], rows)).mask(np.arange(rows) % 7 == 6),
                "cancelled": False,
            }
        )
        if rows > 6:  # row 6 cancels row 5
            frame.loc[6] = frame.loc[5]
            frame.loc[6, "cancelled"] = True
    elif table == "points":
        frame = pd.DataFrame(
            {
                "user_id": users,
                "occurred_at": moments,
                "kind": rng.choice(["standard", "limited", "used"], rows),
                "amount": rng.integers(-50, 500, rows),
            }
        )
    elif table == "demographics":
        frame = pd.DataFrame(
            {
                "user_id": [f"u{i}" for i in range(rows)],
                "region": rng.choice(["north", "south"], rows),
                "age": np.where(np.arange(rows) % 4 == 0, np.nan, rng.integers(18, 80, rows)),
            }
        )
    elif table == "labels":
        frame = pd.DataFrame(
            {
                "user_id": users,
                "task": [f"task {row}" for row in range(rows)],
                "label": rng.integers(0, 2, rows).astype(bool),
                "observed_at": moments,
            }
        )
    else:
        frame = pd.DataFrame(
            {
                "item_id": [f"i{i}" for i in range(rows)],
                "published_at": pd.Series(moments).mask(np.arange(rows) % 5 == 4),
                "topic": rng.choice(["x", "y"], rows),
            }
        )
    return frame.assign(_partition=key, _row=np.arange(rows))


def set_value(frame: pd.DataFrame, row: int, column: str, value: Any) -> pd.DataFrame:
    """A copy with one raw value replaced; the column then holds Python objects."""
    changed = frame.copy()
    values = changed[column].astype(object).to_numpy(copy=True)
    values[row] = value
    changed[column] = pd.Series(values, dtype=object)
    return changed


def caught(result: GateResult) -> dict[int, str]:
    """Row → rule of the quarantined rows."""
    return dict(zip(result.quarantined["row"].tolist(), result.quarantined["rule"].tolist(), strict=True))


def judge(table: str, frame: pd.DataFrame, **changes: Any) -> GateResult:
    """The gate's result for rows of hour 0."""
    return gate(table, frame, context(table, **changes))
