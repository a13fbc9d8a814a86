"""What the profiling tables knew before an instant, as numpy columns with dense numbers.

Brands, genres and categories are numbered by their append-only codes, so that a later reading gives the same
value the same number; names end at the largest number in use before the instant.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from warehouse.store.columns import field_column, number_column
from warehouse.store.engine import cursor_of
from warehouse.store.statements import quoted, statement
from warehouse.store.warehouse import Warehouse

Columns = dict[str, np.ndarray]
NONE = -1  #: code of an unknown brand or category
ROWS_AT_ONCE = 1 << 21  #: purchases that are sorted and copied together, about
_PURCHASE = {
    "at_ms": np.int64,
    "user": np.int32,
    "brand": np.int32,
    "genre": np.int32,
    "price": np.float32,
    "cancelled": np.bool_,
}


@dataclass(frozen=True)
class DemographicColumns:
    """The last known row of each user, users ascending."""

    user: np.ndarray  #: int64 [N] user_index
    numeric: np.ndarray  #: float32 [N, n], NaN where unknown
    numeric_names: tuple[str, ...]
    categorical: np.ndarray  #: int64 [N, m], NONE where unknown
    categorical_names: tuple[str, ...]
    categories: tuple[tuple[str, ...], ...]  #: the values of each categorical column, by code


@dataclass(frozen=True)
class LabelColumns:
    """The last observation of each user and task."""

    user: np.ndarray  #: int64 [N] user_index
    task: np.ndarray  #: int64 [N] position in `tasks`
    label: np.ndarray  #: bool [N]
    tasks: tuple[str, ...]


@dataclass(frozen=True)
class PurchaseColumns:
    """Purchases in order of time."""

    columns: Columns  #: at_ms (int64 [N]), user, brand, genre (int32), price (float32), cancelled (bool)
    brands: tuple[str, ...]  #: by code
    genres: tuple[str, ...]  #: whole paths, by code


def users_before(warehouse: Warehouse, end_ms: int) -> tuple[np.ndarray, np.ndarray]:
    """Everybody with an event, a label or a demographics row before `end_ms`.

    Returns ids (str [U], ascending) and their user_index (int64 [U]).
    """
    users = warehouse.connection.execute(statement("profiling", "users"), {"end_ms": end_ms}).fetchnumpy()
    ids = np.asarray(np.ma.getdata(users["user_id"]), dtype=str)
    order = np.argsort(ids, kind="stable")
    return ids[order], np.ma.getdata(users["user_index"])[order]


def purchases_before(warehouse: Warehouse, end_ms: int) -> PurchaseColumns:
    """All purchases before `end_ms`, cancelled ones too, by (instant, partition, row)."""
    span = statement("profiling", "purchase_span")
    counted = warehouse.connection.execute(span, {"end_ms": end_ms}).fetchall()
    count, start_ms, last_ms = (int(number) for number in counted[0])
    columns: Columns = {name: np.empty(count, dtype) for name, dtype in _PURCHASE.items()}
    # Rows of one instant lie in one stretch of time: stretches sorted one by one are sorted together.
    edges = np.linspace(start_ms, last_ms + 1, -(-count // ROWS_AT_ONCE) + 1).astype(np.int64)
    row = 0
    for low, high in pairwise(edges.tolist()):
        parameters = {"start_ms": low, "end_ms": high}
        with cursor_of(warehouse.connection) as own:
            rows = own.sql(statement("profiling", "purchases"), params=parameters).to_arrow_table()
        for name, column in columns.items():
            column[row : row + len(rows)] = rows[name].to_numpy()
        row += len(rows)
    return PurchaseColumns(
        columns,
        brands=_names(warehouse, "purchases", "brand", columns["brand"]),
        genres=_names(warehouse, "purchases", "genre", columns["genre"]),
    )


def demographics_before(warehouse: Warehouse, end_ms: int) -> DemographicColumns | None:
    """The last row of each user that was valid before `end_ms`; None without rows or without columns."""
    fields, numbers = warehouse.fields("demographics"), warehouse.numbers("demographics")
    columns_of = [quoted(field_column(name)) for name in fields], [quoted(number_column(n)) for n in numbers]
    chosen = [f", coalesce({name}, -1)::BIGINT AS c{i}" for i, name in enumerate(columns_of[0])]
    chosen += [f", coalesce({name}, 'nan')::FLOAT AS n{i}" for i, name in enumerate(columns_of[1])]
    if not chosen:
        return None
    columns = _fetch(warehouse, "demographics", end_ms, columns="".join(chosen))
    rows = len(columns["user"])
    if not rows:
        return None
    codes = [columns[f"c{i}"] for i in range(len(fields))]
    return DemographicColumns(
        user=columns["user"],
        numeric=_side_by_side([columns[f"n{i}"] for i in range(len(numbers))], rows, np.float32),
        numeric_names=numbers,
        categorical=_side_by_side(codes, rows, np.int64),
        categorical_names=fields,
        categories=tuple(
            _names(warehouse, "demographics", name, code) for name, code in zip(fields, codes, strict=True)
        ),
    )


def labels_before(warehouse: Warehouse, end_ms: int) -> LabelColumns | None:
    """The last observation of each user and task before `end_ms`; None without any."""
    columns = _fetch(warehouse, "labels", end_ms)
    if not len(columns["user"]):
        return None
    codes, task = np.unique(columns["task"], return_inverse=True)
    names = _names(warehouse, "labels", "task", codes)
    return LabelColumns(columns["user"], task, columns["label"], tuple(names[code] for code in codes))


def data_hash(warehouse: Warehouse, end_ms: int) -> str:
    """Hash of the loaded batches that a reading before `end_ms` draws on: same files, same hash."""
    rows = warehouse.connection.execute(statement("profiling", "hashes"), {"end_ms": end_ms}).fetchall()
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def _fetch(warehouse: Warehouse, name: str, end_ms: int, **identifiers: str) -> Columns:
    text = statement("profiling", name, **identifiers)
    columns = warehouse.connection.execute(text, {"end_ms": end_ms}).fetchnumpy()
    return {column: np.ma.getdata(values) for column, values in columns.items()}


def _names(warehouse: Warehouse, table: str, column: str, codes: np.ndarray) -> tuple[str, ...]:
    """The values of a column by code, up to the largest of `codes`."""
    most = int(codes.max()) + 1 if len(codes) else 0
    return warehouse.category_names(table, column)[:most]


def _side_by_side(columns: list[np.ndarray], rows: int, dtype: type) -> np.ndarray:
    return np.stack(columns, axis=1).astype(dtype) if columns else np.zeros((rows, 0), dtype=dtype)
