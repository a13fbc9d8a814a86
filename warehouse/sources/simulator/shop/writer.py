"""From the simulated shop to the landing folder: one Parquet file a day, same settings, same bytes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa

from warehouse.service_time import DAY_MS, ServiceZone
from warehouse.sources.simulator.shop.choice import NO_BRAND
from warehouse.sources.simulator.shop.shop import BLOCK, Purchases, Shop
from warehouse.sources.simulator.shop.spool import Spool
from warehouse.sources.simulator.users import user_ids
from warehouse.sources.simulator.writer import TIME, ZONE, write_parquet

Progress = Callable[[str, int, int], None]
_PURCHASE = np.dtype(
    [("at_ms", "<i8"), ("user", "<i4"), ("cents", "<i4"), ("path", "<i4"), ("brand", "<i2"), ("back", "?")]
)


def fill_shop(landing: Path, shop: Shop, *, block: int = BLOCK, progress: Progress | None = None) -> None:
    """Write the shop's tables below `landing`; `block` accounts are in memory at once, and change no byte."""
    days = shop.calendar.days
    with Spool(landing / ".purchases", _PURCHASE, days) as purchases:
        for start, stop in shop.blocks(block):
            purchases.add(_packed(shop.block(start, stop)))
            if progress:
                progress("simulated shoppers", stop, len(shop.accounts))
        for day in range(days):
            _write_purchases(landing, shop, day, purchases.day(day))
            if progress:
                progress("simulated days of shopping", day + 1, days)


def _packed(purchases: Purchases) -> np.ndarray:
    rows = np.empty(len(purchases), _PURCHASE)
    rows["at_ms"], rows["user"], rows["cents"] = purchases.at_ms, purchases.user, purchases.cents
    rows["path"], rows["brand"], rows["back"] = purchases.path, purchases.brand, purchases.cancelled
    return rows


def _write_purchases(landing: Path, shop: Shop, day: int, rows: np.ndarray) -> None:
    columns = {
        "user_id": pa.array(user_ids(rows["user"])),
        "purchased_at": _instants(shop, rows["at_ms"]),
        "price": pa.array(rows["cents"] / 100),
        "genre": _coded(rows["path"], shop.catalogue.paths),
        "brand": _coded(rows["brand"], shop.catalogue.brands, missing=NO_BRAND),
        "cancelled": pa.array(rows["back"]),
    }
    write_parquet(landing / "purchases" / f"date={_key(shop, day)}" / "part-0.parquet", columns)


def _key(shop: Shop, day: int) -> str:
    return ServiceZone(ZONE).day_key(shop.start_ms + day * DAY_MS)


def _instants(shop: Shop, at_ms: np.ndarray) -> pa.Array:
    return pa.array(shop.start_ms + at_ms).cast(TIME)


def _coded(codes: np.ndarray, values: tuple[str, ...], *, missing: int | None = None) -> pa.Array:
    indices = pa.array(codes.astype(np.int32), mask=None if missing is None else codes == missing)
    return pa.DictionaryArray.from_arrays(indices, pa.array(values, pa.string()))
