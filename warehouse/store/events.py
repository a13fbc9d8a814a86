"""Events as integer columns: the form in which logs reach the models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import duckdb
import numpy as np
import pyarrow as pa

from warehouse.landing.service_time import HOUR_MS
from warehouse.store.columns import field_column, vector_column
from warehouse.store.statements import quoted, statement
from warehouse.store.transactions import staged
from warehouse.store.vectors import chosen_vector, vector_rows

Columns = dict[str, np.ndarray]
#: Which users and items come with events: every one described before the end, those that the events mention,
#: or the same as they were described at the end of the hour that mentions them first.
EntitiesOf = Literal["all", "mentioned", "first_met"]

_INDEX = {"users": "user_index", "items": "item_index"}
_PUBLISHED = {"users": "(-1)", "items": "coalesce(published_at, -1)"}


def read_events(
    connection: duckdb.DuckDBPyConnection,
    fields: Mapping[str, Sequence[str]],
    start_ms: int,
    end_ms: int,
    entities: EntitiesOf,
    ids: bool,
) -> Columns:
    """Everything received in `[start_ms, end_ms)`; see `Warehouse.events`."""
    window = {"start_ms": start_ms, "end_ms": end_ms}
    chosen = {"ids": "exposure_id," if ids else "", "codes": _chosen(fields["exposures"])}
    exposures = _fetch(connection, "exposures", window, **chosen)
    external = _fetch(connection, "external", window)
    columns: Columns = {}
    named = ("user", "item", "shown_at", "clicked", "dwell_seconds", "request")
    for name in ("exposure_id", *named) if ids else named:
        columns[f"exposures.{name}"] = exposures[name]
    columns["exposures.context"] = _codes(exposures, fields["exposures"])
    for name in ("user", "item", "domain", "occurred_at", "received_at"):
        columns[f"external.{name}"] = external[name]
    for table, name in (("users", "user"), ("items", "item")):
        at = ((exposures[name], exposures["shown_at"]), (external[name], external["received_at"]))
        mentioned = _mentioned(at) if entities == "first_met" else _mentioned(at, end_ms)
        with staged(connection, mentioned=mentioned):
            query = "all" if entities == "all" else "mentioned"
            window_of = {"end_ms": end_ms} if entities == "all" else {}
            columns |= _entities(connection, query, table, fields[table], window_of)
    return columns


def read_descriptions(
    connection: duckdb.DuckDBPyConnection, fields: Mapping[str, Sequence[str]], before_ms: int
) -> Columns:
    """Every user and item described before an instant; see `Warehouse.descriptions`."""
    columns: Columns = {}
    for table in _INDEX:
        columns |= _entities(connection, "descriptions", table, fields[table], {"end_ms": before_ms})
    return columns


def read_shown(connection: duckdb.DuckDBPyConnection, start_ms: int, end_ms: int) -> Columns:
    """Who was shown something and what was, in `[start_ms, end_ms)`; see `Warehouse.shown`."""
    window = {"start_ms": start_ms, "end_ms": end_ms}
    return {
        f"{table}.{name}": values
        for table, query in (("users", "exposures_by_user"), ("items", "first_shown"))
        for name, values in _fetch(connection, query, window).items()
    }


def _mentioned(at: Sequence[tuple[np.ndarray, np.ndarray]], before_ms: int | None = None) -> pa.Table:
    """Distinct indices [N] and the instant before which each must be described: the end of its first hour.

    Args:
        at: indices and instants of events, in order of time.
        before_ms: for all of them, in place of that.
    """
    index = np.unique(np.concatenate([indices for indices, _ in at]))
    before = np.full(len(index), np.iinfo(np.int64).max if before_ms is None else before_ms)
    for indices, instants in at if before_ms is None else ():
        own, first = np.unique(indices, return_index=True)
        position = np.searchsorted(index, own)
        before[position] = np.minimum(before[position], (instants[first] // HOUR_MS + 1) * HOUR_MS)
    return pa.table({"index": index, "before_ms": before})


def _entities(
    connection: duckdb.DuckDBPyConnection,
    query: str,
    table: str,
    fields: Sequence[str],
    window: Mapping[str, int],
) -> Columns:
    """The columns of users or items."""
    named = {"entities": table, "key": _INDEX[table], "published_at": _PUBLISHED[table]}
    vector = chosen_vector(connection, table)
    codes = _chosen(fields)
    if vector is not None and vector.width:
        codes += f", {quoted(vector_column(vector.name))} AS vector"
    text = statement("events", query, **named, codes=codes)
    rows = connection.sql(text, params=dict(window)).to_arrow_table()
    columns = {name: np.array(rows[name]) for name in rows.column_names if name != "vector"}
    vectors = np.empty((len(rows), 0), np.float32)
    if vector is not None and vector.width:
        vectors = vector_rows(rows["vector"], vector.width)
    return {
        f"{table}.index": columns["index"],
        f"{table}.fields": _codes(columns, fields),
        f"{table}.published_at": columns["published_at"],
        f"{table}.vectors": vectors,
    }


def _chosen(fields: Sequence[str]) -> str:
    """The SQL of chosen columns, each with a comma before it."""
    return "".join(
        f", coalesce({quoted(field_column(field))}, -1)::BIGINT AS {_alias(index)}"
        for index, field in enumerate(fields)
    )


def _fetch(
    connection: duckdb.DuckDBPyConnection, name: str, window: Mapping[str, int], **identifiers: str
) -> Columns:
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
