"""A small shop in a warehouse, for tests of heatmaps: rows by hand or by chance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from warehouse.landing.description import SourceDescription
from warehouse.landing.records import PartitionLoad, SourceFile
from warehouse.landing.service_time import ServiceZone
from warehouse.store.warehouse import Warehouse

NEW_YORK = ZoneInfo("America/New_York")
DESCRIPTION = SourceDescription(
    name="shop",
    zone="Etc/GMT+5",
    local_zone="America/New_York",
    first_day="2016-01-01",
    last_day="2017-12-31",
    demographic_fields=("home",),
    demographic_numbers=("age",),
)
ZONE = ServiceZone("Etc/GMT+5")
NO_QUARANTINE = pd.DataFrame(
    columns=["partition", "row", "file", "rule", "rules", "column", "value", "remedy", "row_json"]
)
TIME = {"purchases": "purchased_at", "points": "occurred_at"}


def ms(local: str, fold: int = 0) -> int:
    """The instant of a local time of New York."""
    return int(pd.Timestamp(local).to_pydatetime().replace(tzinfo=NEW_YORK, fold=fold).timestamp() * 1000)


def purchases(rows: Iterable[tuple]) -> pd.DataFrame:
    """Rows of (user, instant in ms, price, genre, cancelled[, brand])."""
    filled = [(*row, "acme") if len(row) == 5 else row for row in rows]
    columns = ["user_id", "purchased_at", "price", "genre", "cancelled", "brand"]
    frame = pd.DataFrame(filled, columns=columns)
    return frame.astype({"purchased_at": "int64", "price": "float64", "cancelled": "bool"})


def points(rows: Iterable[tuple]) -> pd.DataFrame:
    """Rows of (user, instant in ms, kind, amount)."""
    frame = pd.DataFrame(rows, columns=["user_id", "occurred_at", "kind", "amount"])
    return frame.astype({"occurred_at": "int64", "amount": "float64"})


def random_purchases(count: int, first: str, days: int, seed: int = 0, users: int = 12) -> pd.DataFrame:
    """Purchases in baskets, in no order of time, over local days from `first`."""
    rng = np.random.default_rng(seed)
    start = ms(first)
    at = start + rng.integers(0, days * 24 * 4, count) * 900_000 + rng.integers(0, 3, count) * 60_000
    genres = np.array(["food/milk", "food/bread", "toys", "garden/tools/saws", "fuel"])
    return purchases(
        zip(
            rng.integers(0, users, count).astype(str),
            at,
            np.round(rng.lognormal(1, 1, count), 2),
            genres[np.minimum(rng.geometric(0.4, count) - 1, 4)],
            rng.random(count) < 0.1,
            strict=True,
        )
    )


def random_points(count: int, first: str, days: int, seed: int = 0, users: int = 12) -> pd.DataFrame:
    """Points of three kinds."""
    rng = np.random.default_rng([seed, 1])
    at = ms(first) + rng.integers(0, days * 24 * 60, count) * 60_000
    kinds = np.array(["standard", "limited", "used"])[rng.integers(0, 3, count)]
    return points(zip(rng.integers(0, users, count).astype(str), at, kinds, rng.random(count), strict=True))


def load(warehouse: Warehouse, table: str, frame: pd.DataFrame, content: str = "a", days=None) -> None:
    """Load the service days of a frame (or these keys of them), as the gate would hand them on."""
    key = np.array([hour[:10] for hour in ZONE.hour_keys(frame[TIME[table]].to_numpy())], dtype=object)
    days = sorted(set(key)) if days is None else days
    rows = frame.assign(_partition=key)[np.isin(key, days)]
    rows = rows.assign(_row=rows.groupby("_partition").cumcount())
    counts = rows["_partition"].value_counts()
    loads = []
    for day in days:
        count = int(counts.get(day, 0))
        file = SourceFile(f"{table}/{day}.parquet", count, content)
        loads.append(PartitionLoad(day, ZONE.day_start_ms(day), (file,), count))
    text = {name: "str" for name in ("_partition", "user_id", "genre", "brand", "kind") if name in rows}
    warehouse.load(table, loads, rows.astype(text).reset_index(drop=True), NO_QUARANTINE)


def load_file(warehouse: Warehouse, table: str, frame: pd.DataFrame, partition: str, start_ms: int) -> None:
    """Load a file of demographics or labels that is valid from an instant."""
    rows = frame.assign(_partition=partition, _row=range(len(frame)))
    file = SourceFile(partition, len(rows), "a")
    warehouse.load(table, [PartitionLoad(partition, start_ms, (file,), len(rows))], rows, NO_QUARANTINE)


def opened(folder: Path, tables: Mapping[str, pd.DataFrame] | None = None) -> Warehouse:
    """A new warehouse with these tables."""
    folder.mkdir(parents=True, exist_ok=True)
    warehouse = Warehouse(folder / "warehouse.duckdb")
    warehouse.configure(DESCRIPTION)
    for table, frame in (tables or {}).items():
        load(warehouse, table, frame)
    return warehouse


def local(frame: pd.DataFrame, table: str, as_of: str) -> pd.DataFrame:
    """The rows of the 365 local days before a date, with `day` (0..364) and `hour`, by pandas alone."""
    at = pd.to_datetime(frame[TIME[table]], unit="ms", utc=True).dt.tz_convert("America/New_York")
    day = (at.dt.tz_localize(None).dt.normalize() - pd.Timestamp(as_of)).dt.days + 365
    dated = frame.assign(day=day, hour=at.dt.hour, at=frame[TIME[table]])
    return dated[(day >= 0) & (day < 365)].sort_values("at", kind="stable")
