"""What models leave behind: scores of exposures and metrics, replaced whole when an hour is run again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa

from warehouse.store.statements import statement
from warehouse.store.transactions import staged, transaction


@dataclass(frozen=True)
class Metric:
    """One figure of a system in a partition; its value is None where undefined, as the AUC of one class."""

    name: str
    system: str
    partition: str
    value: float | None
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class SystemScores:
    """A system's scores of a partition's exposures."""

    system: str
    model_version: str
    exposure_ids: np.ndarray  #: object [E]
    values: np.ndarray  #: float64 [E]


def key_number(partition: str) -> int | None:
    """A partition's key as a number that grows with time, by which ranges of a table are passed over.

    2026030304 for the hour 2026-03-03-04:00, 2026030300 for the day; None for what is neither.
    """
    digits = partition[:13].replace("-", "")
    return int(digits.ljust(10, "0")) if digits.isdecimal() and len(digits) in (8, 10) else None


def write_predictions(
    connection: duckdb.DuckDBPyConnection,
    system: str,
    model_version: str,
    partition: str,
    exposure_ids: np.ndarray,
    scores: np.ndarray,
) -> None:
    """Replace the scores of a system in a partition, in one transaction."""
    write_scores(connection, partition, [SystemScores(system, model_version, exposure_ids, scores)], ())


def write_scores(
    connection: duckdb.DuckDBPyConnection,
    partition: str,
    scored: Sequence[SystemScores],
    metrics: Sequence[Metric],
) -> None:
    """Replace the scores of some systems in a partition, and some metrics, in one transaction."""
    columns: dict[str, list[pa.Array]] = {
        name: [] for name in ("exposure_id", "system", "model_version", "score")
    }
    for one in scored:
        columns["exposure_id"].append(pa.array(one.exposure_ids, pa.string()))
        for name in ("system", "model_version"):
            columns[name].append(pa.repeat(pa.scalar(getattr(one, name), pa.string()), len(one.values)))
        columns["score"].append(pa.array(one.values, pa.float64()))
    kinds = {"score": pa.float64()}
    table = pa.table(
        {name: pa.chunked_array(parts, kinds.get(name, pa.string())) for name, parts in columns.items()}
    )
    key = {"partition": partition, "key_number": key_number(partition)}
    with transaction(connection), staged(connection, staged_predictions=table):
        if scored:
            names = {"systems": [one.system for one in scored]}
            connection.execute(statement("results", "delete_predictions"), key | names)
            connection.execute(statement("results", "insert_predictions"), key)
        _put_metrics(connection, metrics)


def write_metrics(connection: duckdb.DuckDBPyConnection, metrics: Sequence[Metric]) -> None:
    """Replace metrics of the same name, system and partition, in one transaction."""
    with transaction(connection):
        _put_metrics(connection, metrics)


def _put_metrics(connection: duckdb.DuckDBPyConnection, metrics: Sequence[Metric]) -> None:
    if not metrics:
        return
    values = [
        {
            "name": metric.name,
            "system": metric.system,
            "partition": metric.partition,
            "key_number": key_number(metric.partition),
            "value": None if metric.value is None or np.isnan(metric.value) else float(metric.value),
            "extra": json.dumps(dict(metric.extra), sort_keys=True),
        }
        for metric in metrics
    ]
    kinds = {"name": pa.string(), "system": pa.string(), "partition": pa.string(), "key_number": pa.int64()}
    kinds |= {"value": pa.float64(), "extra": pa.string()}
    moments = [row["key_number"] for row in values if row["key_number"] is not None]
    within = {"first": min(moments, default=0), "last": max(moments, default=0)}
    with staged(connection, staged_metrics=pa.Table.from_pylist(values, schema=pa.schema(kinds))):
        connection.execute(statement("results", "delete_metrics"), within)
        if len(moments) < len(values):
            connection.execute(statement("results", "delete_metrics_of_no_time"))
        connection.execute(statement("results", "insert_metrics"))


def read_predictions(
    connection: duckdb.DuckDBPyConnection, system: str | None, partition: str | None
) -> pd.DataFrame:
    """Stored scores; None means any."""
    number = None if partition is None else key_number(partition)
    key = {"system": system, "partition": partition, "key_number": number}
    return connection.execute(statement("results", "read_predictions"), key).df()


def read_metrics(
    connection: duckdb.DuckDBPyConnection, name: str | None, system: str | None, day: str | None = None
) -> pd.DataFrame:
    """Stored metrics, `extra` as dictionaries; None means any."""
    first = None if day is None else key_number(day)
    values = {"name": name, "system": system, "first": first, "last": None if first is None else first + 99}
    metrics = connection.execute(statement("results", "read_metrics"), values).df()
    return metrics.assign(extra=[json.loads(text) for text in metrics["extra"]])
