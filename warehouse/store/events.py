"""Events as integer columns: the form in which logs reach the models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import duckdb
import numpy as np
import pyarrow as pa

from warehouse.store.columns import field_column
from warehouse.store.statements import quoted, statement
from warehouse.store.transactions import staged

Columns = dict[str, np.ndarray]


def read_events(
    connection: duckdb.DuckDBPyConnection,
    fields: Mapping[str, Sequence[str]],
    start_ms: int,
    end_ms: int,
    entities: Literal["all", "mentioned"],
) -> Columns:
    """Everything received in `[start_ms, end_ms)`; see `Warehouse.events`."""
    window = {"start_ms": start_ms, "end_ms": end_ms}
    exposures = _fetch(connection, "exposures", fields["exposures"], window)
    external = _fetch(connection, "external", (), window)
    columns: Columns = {}
    for name in ("exposure_id", "user", "item", "shown_at", "clicked", "dwell_seconds"):
        columns[f"exposures.{name}"] = exposures[name]
    columns["exposures.context"] = _codes(exposures, fields["exposures"])
    for name in ("user", "item", "domain", "occurred_at", "received_at"):
        columns[f"external.{name}"] = external[name]
    for table, name in (("users", "user"), ("items", "item")):
        mentioned = np.unique(np.concatenate([exposures[name], external[name]]))
        with staged(connection, mentioned=pa.table({"index": mentioned})):
            rows = _fetch(connection, f"{table}_{entities}", fields[table], {"end_ms": end_ms})
        columns[f"{table}.index"] = rows["index"]
        columns[f"{table}.fields"] = _codes(rows, fields[table])
        columns[f"{table}.published_at"] = rows["published_at"]
    return columns


def _fetch(
    connection: duckdb.DuckDBPyConnection, name: str, fields: Sequence[str], window: Mapping[str, int]
) -> Columns:
    codes = [
        f", coalesce({quoted(field_column(field))}, -1)::BIGINT AS {_alias(index)}"
        for index, field in enumerate(fields)
    ]
    identifiers = {} if name == "external" else {"codes": "".join(codes)}
    columns = connection.execute(statement("events", name, **identifiers), dict(window)).fetchnumpy()
    return {key: np.ma.getdata(values) for key, values in columns.items()}


def _alias(index: int) -> str:
    return f"code_{index}"


def _codes(columns: Columns, fields: Sequence[str]) -> np.ndarray:
    """Category codes, int64 [N, F]."""
    rows = len(next(iter(columns.values())))
    codes = np.empty((rows, len(fields)), dtype=np.int64)
    for index in range(len(fields)):
        codes[:, index] = columns[_alias(index)]
    return codes
