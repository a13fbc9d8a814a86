"""From the simulated shop to the landing folder: one Parquet file a day, same settings, same bytes.

What surveys tell lands once a period of `label_days`, in a file named by its last day.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pyarrow as pa

from simulator.feed.users import user_ids
from simulator.feed.writer import TIME, ZONE, write_parquet
from simulator.shop.choice import NO_BRAND
from simulator.shop.labels import TASKS, SurveyLabels
from simulator.shop.points import KINDS, Points
from simulator.shop.shop import BLOCK, Purchases, SimulatedShop
from simulator.shop.spool import Spool
from simulator.shop.surveys import CATEGORIES, NUMBERS, UNKNOWN, Surveys
from warehouse.landing.progress import Progress
from warehouse.landing.service_time import DAY_MS, ServiceZone

Columns = dict[str, pa.Array]
_WHO_WHEN = [("at_ms", "<i8"), ("user", "<i4")]
_SPOOLED = {
    "purchases": np.dtype(
        [*_WHO_WHEN, ("cents", "<i4"), ("path", "<i4"), ("brand", "<i2"), ("cancelled", "?")]
    ),
    "points": np.dtype([*_WHO_WHEN, ("kind", "i1"), ("amount", "<i4")]),
    "labels": np.dtype([*_WHO_WHEN, ("task", "i1"), ("label", "?")]),
    "demographics": np.dtype([*_WHO_WHEN, *((name, "<i4") for name in (*NUMBERS, *CATEGORIES))]),
}
_DAILY = ("purchases", "points")
_BY_PERIOD = ("labels", "demographics")


def fill_shop(
    landing: Path,
    shop: SimulatedShop,
    *,
    tables: Collection[str] = tuple(_SPOOLED),
    block: int = BLOCK,
    progress: Progress | None = None,
) -> None:
    """Write the shop's tables below `landing`; `block` accounts are in memory at once, and change no byte.

    With `tables` only some of them are written, the same bytes of each; purchases alone take less than half
    the time of all.
    """
    days, period = shop.calendar.days, shop.shop.label_days
    with ExitStack() as stack:
        spools = {
            table: stack.enter_context(Spool(landing / f".{table}", dtype, days))
            for table, dtype in _SPOOLED.items()
            if table in tables
        }
        for start, stop in shop.blocks(block):
            played = shop.bought(start, stop) if list(spools) == ["purchases"] else shop.block(start, stop)
            for table, spool in spools.items():
                rows = played if isinstance(played, Purchases) else getattr(played, table)
                spool.add(_packed(spool.dtype, rows))
            if progress:
                progress("simulated shoppers", stop, len(shop.accounts))
        columns = {
            "purchases": _purchases,
            "points": _points,
            "labels": _labels,
            "demographics": _demographics,
        }
        for day in range(days):
            key = ServiceZone(ZONE).day_key(shop.start_ms + day * DAY_MS)
            for table in (table for table in _DAILY if table in spools):
                path = landing / table / f"date={key}" / "part-0.parquet"
                write_parquet(path, columns[table](shop, spools[table].days(day, day + 1)))
            if (day + 1) % period == 0 or day + 1 == days:
                for table in (table for table in _BY_PERIOD if table in spools):
                    rows = spools[table].days(day // period * period, day + 1)
                    write_parquet(landing / table / f"{key}.parquet", columns[table](shop, rows))
            if progress:
                progress("simulated days of shopping", day + 1, days)


def _packed(dtype: np.dtype, table: Purchases | Points | SurveyLabels | Surveys) -> np.ndarray:
    """The columns of a table as one structured array."""
    rows = np.empty(len(table), dtype)
    for name in dtype.names or ():
        if isinstance(table, Surveys) and name in (*NUMBERS, *CATEGORIES):
            rows[name] = table.answers(name)
        else:
            rows[name] = getattr(table, name)
    return rows


def _purchases(shop: SimulatedShop, rows: np.ndarray) -> Columns:
    return {
        "user_id": pa.array(user_ids(rows["user"])),
        "purchased_at": _instants(shop, rows),
        "price": pa.array(rows["cents"] / 100),
        "genre": _coded(rows["path"], shop.catalogue.paths),
        "brand": _coded(rows["brand"], shop.catalogue.brands, missing=NO_BRAND),
        "cancelled": pa.array(rows["cancelled"]),
    }


def _points(shop: SimulatedShop, rows: np.ndarray) -> Columns:
    return {
        "user_id": pa.array(user_ids(rows["user"])),
        "occurred_at": _instants(shop, rows),
        "kind": _coded(rows["kind"], KINDS),
        "amount": pa.array(rows["amount"]),
    }


def _labels(shop: SimulatedShop, rows: np.ndarray) -> Columns:
    return {
        "user_id": pa.array(user_ids(rows["user"])),
        "task": _coded(rows["task"], TASKS),
        "label": pa.array(rows["label"]),
        "observed_at": _instants(shop, rows),
    }


def _demographics(_: SimulatedShop, rows: np.ndarray) -> Columns:
    columns: Columns = {"user_id": pa.array(user_ids(rows["user"]))}
    for name in NUMBERS:
        columns[name] = pa.array(rows[name], mask=rows[name] == UNKNOWN)
    for name, values in CATEGORIES.items():
        columns[name] = _coded(rows[name], values, missing=UNKNOWN)
    return columns


def _instants(shop: SimulatedShop, rows: np.ndarray) -> pa.Array:
    return pa.array(shop.start_ms + rows["at_ms"]).cast(TIME)


def _coded(codes: np.ndarray, values: tuple[str, ...], *, missing: int | None = None) -> pa.Array:
    indices = pa.array(codes.astype(np.int32), mask=None if missing is None else codes == missing)
    return pa.DictionaryArray.from_arrays(indices, pa.array(values, pa.string()))
