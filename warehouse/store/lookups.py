"""What the gate asks of a warehouse about the ids of its rows; see `warehouse.store.id_index`."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from typing import Literal

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa

from warehouse.landing.service_time import HOUR_MS
from warehouse.store.id_index import IdIndex
from warehouse.store.statements import statement
from warehouse.store.transactions import staged

DESCRIBING = Literal["users", "items"]
_INDEX_OF = {"users": "user_index", "items": "item_index"}


def described(
    connection: duckdb.DuckDBPyConnection, index: IdIndex, table: DESCRIBING, ids: Sequence[str]
) -> set[str]:
    """Those of `ids` that have a dimension row."""
    numbers = index.numbers(_INDEX_OF[table], ids)
    queries = pa.table({"number": pa.array(numbers.values(), pa.int32())})
    with staged(connection, numbers=queries):
        query = statement("batches", "described", table=table, index=_INDEX_OF[table])
        rows = {number for (number,) in connection.execute(query).fetchall()}
    return {one for one, number in numbers.items() if number in rows}


def described_count(connection: duckdb.DuckDBPyConnection, table: DESCRIBING) -> int:
    """How many users or items have a dimension row; reads them all."""
    query = statement("batches", "described_count", table=table, index=_INDEX_OF[table])
    return int(connection.execute(query).fetchall()[0][0])


def existing_exposure_ids(
    connection: duckdb.DuckDBPyConnection,
    index: IdIndex,
    ids: Collection[str],
    except_partitions: Collection[str],
) -> set[str]:
    """Those of `ids` that are stored in partitions other than the named ones."""
    existing: set[str] = set()
    wanted = list(ids)
    with staged(connection, queries=pa.table({"exposure_id": pa.array(wanted, pa.string())})):
        for first, last in _runs(index.hours(wanted)):
            values = {"start_ms": first * HOUR_MS, "end_ms": (last + 1) * HOUR_MS}
            rows = connection.execute(
                statement("batches", "existing_exposure_ids"),
                {**values, "except_partitions": list(except_partitions)},
            ).fetchall()
            existing.update(exposure_id for (exposure_id,) in rows)
    return existing


def first_purchases(
    connection: duckdb.DuckDBPyConnection, queries: pd.DataFrame, except_partitions: Collection[str]
) -> np.ndarray:
    """See `Warehouse.first_purchases`."""
    names = {"user": "user_id", "genre": "genre", "brand": "brand"}
    columns = {name: pa.array(queries[key], pa.string(), from_pandas=True) for key, name in names.items()}
    with staged(connection, queries=pa.table({"position": np.arange(len(queries)), **columns})):
        rows = connection.execute(
            statement("batches", "first_purchases"), {"except_partitions": list(except_partitions)}
        ).fetchnumpy()
    first = np.full(len(queries), np.nan)
    first[rows["position"]] = rows["first"]
    return first


def state(
    connection: duckdb.DuckDBPyConnection, tables: Collection[str], replaced: tuple[str, Collection[str]]
) -> str:
    """See `Warehouse.state`."""
    values = {
        "tables": list(tables),
        "replaced_table": replaced[0],
        "replaced_partitions": list(replaced[1]),
    }
    rows = connection.execute(statement("batches", "state"), values).fetchall()
    return json.dumps(rows[0]) if rows[0][0] else ""


def _runs(hours: Sequence[int]) -> Iterator[tuple[int, int]]:
    """First and last of each run of consecutive numbers; `hours` ascend."""
    first = 0
    for place, hour in enumerate(hours):
        if place + 1 == len(hours) or hours[place + 1] != hour + 1:
            yield hours[first], hour
            first = place + 1
