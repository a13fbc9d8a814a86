"""The straightforward ways to heatmaps, for benchmarks/heatmap_encoding.py: what one would write first.

Both read `events.parquet` of a folder (user, at_ms, genre, price, cancelled) and write one Parquet file, one
row a user, with lists of day, hour, channel and value. `channels` has the channel of each genre for `bought`
and `cancelled`, and that of `payments`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.simulated_purchases import END_MS, GENRES, START_MS, ZONE


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


#: A dozen lines that give the same cells; DuckDB knows the zones and their clocks.
STATEMENT = """
COPY (
    WITH events AS (
        SELECT user_index AS "user", purchased_at, price, cancelled, channel,
            timezone($zone, make_timestamp_ms(purchased_at)::TIMESTAMPTZ) AS local
        FROM purchases JOIN channels USING (genre, cancelled)
        WHERE purchased_at >= $start_ms AND purchased_at < $end_ms
    ), hours AS (
        SELECT * EXCLUDE (local), (local::DATE - DATE '1970-01-01')::USMALLINT AS day,
            hour(local)::UTINYINT AS hour
        FROM events
    ), cells AS (
        SELECT "user", day, hour, channel, sum(price) AS value FROM hours GROUP BY ALL
        UNION ALL
        SELECT "user", day, hour, $payments, count(DISTINCT purchased_at)
        FROM hours WHERE NOT cancelled GROUP BY ALL
    )
    SELECT "user", list(day ORDER BY day, hour, channel) AS day, list(hour ORDER BY day, hour, channel) AS hour,
        list(channel ORDER BY day, hour, channel) AS channel,
        list(value::FLOAT ORDER BY day, hour, channel) AS value
    FROM cells GROUP BY "user" ORDER BY "user"
) TO '{out}' (FORMAT parquet)
"""
