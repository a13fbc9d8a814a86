"""The straightforward ways to heatmaps, for benchmarks/heatmap_encoding.py: what one would write first.

pandas and polars read `events.parquet` of a folder (user, at_ms, genre, price, cancelled), DuckDB the same
events in `warehouse.duckdb`; each writes one Parquet file, one row a user, with lists of day, hour, channel
and value. `channels` has the channel of each genre for `bought`
and `cancelled`, and that of `payments`.
"""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa

from benchmarks.simulated_purchases import END_MS, GENRES, START_MS, ZONE
from warehouse.landing.local_time import QUARTER_MS, LocalZone


def with_pandas(folder: Path, out: Path, channels: dict[str, list[int]]) -> None:
    import pandas as pd

    frame = pd.read_parquet(folder / "events.parquet")
    frame = frame[(frame["at_ms"] >= START_MS) & (frame["at_ms"] < END_MS)]
    local = pd.to_datetime(frame["at_ms"], unit="ms", utc=True).dt.tz_convert(ZONE).dt.tz_localize(None)
    frame["day"] = (local.dt.normalize() - pd.Timestamp("2017-01-01")).dt.days
    frame["hour"] = local.dt.hour
    bought, cancelled = (np.array(channels[name])[frame["genre"]] for name in ("bought", "cancelled"))
    frame["channel"] = np.where(frame["cancelled"], cancelled, bought)
    hour = ["user", "day", "hour"]
    amounts = frame.groupby([*hour, "channel"], as_index=False).agg(value=("price", "sum"))
    payments = frame[~frame["cancelled"]].groupby(hour, as_index=False).agg(value=("at_ms", "nunique"))
    payments["channel"] = channels["payments"][0]
    cells = pd.concat([amounts, payments]).sort_values([*hour, "channel"])
    cells = cells.astype({"day": "uint16", "hour": "uint8", "channel": "uint16", "value": "float32"})
    columns = ["day", "hour", "channel", "value"]
    cells.groupby("user")[columns].agg(list).reset_index().to_parquet(out)


def with_polars(folder: Path, out: Path, channels: dict[str, list[int]], engine: str) -> None:
    import polars as pl

    genres = pl.LazyFrame(
        {"genre": range(GENRES), "bought": channels["bought"], "dropped": channels["cancelled"]},
        schema_overrides={"genre": pl.Int32},
    )
    local = pl.from_epoch("at_ms", time_unit="ms").dt.replace_time_zone("UTC").dt.convert_time_zone(ZONE)
    events = (
        pl.scan_parquet(folder / "events.parquet")
        .filter(pl.col("at_ms").is_between(START_MS, END_MS, closed="left"))
        .with_columns(local=local)
        .with_columns(
            day=(pl.col("local").dt.date() - pl.date(2017, 1, 1)).dt.total_days().cast(pl.UInt16),
            hour=pl.col("local").dt.hour().cast(pl.UInt8),
        )
        .join(genres, on="genre")
        .with_columns(channel=pl.when("cancelled").then("dropped").otherwise("bought").cast(pl.UInt16))
    )
    hour = ["user", "day", "hour"]
    amounts = events.group_by(*hour, "channel").agg(value=pl.col("price").sum())
    payments = (
        events.filter(~pl.col("cancelled"))
        .group_by(hour)
        .agg(value=pl.col("at_ms").n_unique().cast(pl.Float64))
        .with_columns(channel=pl.lit(channels["payments"][0], dtype=pl.UInt16))
    )
    cells = pl.concat([amounts, payments], how="diagonal").with_columns(pl.col("value").cast(pl.Float32))
    users = cells.sort(*hour, "channel").group_by("user", maintain_order=True)
    users.agg("day", "hour", "channel", "value").collect(engine=engine).write_parquet(out)


#: The whole year in one go. Quarter hours are joined: DuckDB's conversion of zones costs half again as much.
STATEMENT = """
COPY (
    WITH hours AS (
        SELECT user_index AS "user", purchased_at, price, cancelled, channel, day, hour
        FROM purchases JOIN channels USING (genre, cancelled)
            JOIN quarters ON quarter = purchased_at // 900000
        WHERE purchased_at >= $start_ms AND purchased_at < $end_ms
    ), cells AS (
        SELECT "user", day, hour, channel, sum(price)::FLOAT AS value FROM hours GROUP BY ALL
        UNION ALL
        SELECT "user", day, hour, $payments::USMALLINT, count(DISTINCT purchased_at)::FLOAT
        FROM hours WHERE NOT cancelled GROUP BY ALL
    )
    SELECT "user", list(day) AS day, list(hour) AS hour, list(channel) AS channel, list(value) AS value
    FROM (FROM cells ORDER BY "user", day, hour, channel) GROUP BY "user"
) TO '{out}' (FORMAT parquet)
"""


def with_duckdb(folder: Path, out: Path, channels: dict[str, list[int]]) -> None:
    """The straightforward statement over the warehouse's own file, as ours reads it."""
    import duckdb

    zone = LocalZone(ZoneInfo(ZONE))
    slots = zone.slots(START_MS, END_MS - 1)
    quarters = {
        "quarter": START_MS // QUARTER_MS + np.arange(len(slots)),
        "day": (slots // 24 - slots[0] // 24).astype(np.uint16),
        "hour": (slots % 24).astype(np.uint8),
    }
    classes = {
        "genre": np.tile(np.arange(GENRES, dtype=np.int32), 2),
        "cancelled": np.repeat([False, True], GENRES),
        "channel": np.array(channels["bought"] + channels["cancelled"], dtype=np.uint16),
    }
    with duckdb.connect(str(folder / "warehouse.duckdb"), read_only=True) as connection:
        connection.execute("SET threads = 1")
        connection.register("quarters", pa.table(quarters))
        connection.register("channels", pa.table(classes))
        window = {"start_ms": START_MS, "end_ms": END_MS, "payments": channels["payments"][0]}
        connection.execute(STATEMENT.format(out=out), window)
