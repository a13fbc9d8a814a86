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


def write_predictions(
    connection: duckdb.DuckDBPyConnection,
    system: str,
    model_version: str,
    partition: str,
    exposure_ids: np.ndarray,
    scores: np.ndarray,
) -> None:
    """Replace the scores of a system in a partition, in one transaction."""
    predictions = pa.table(
        {
            "exposure_id": pa.array(exposure_ids, type=pa.string()),
            "score": pa.array(scores, type=pa.float64()),
        }
    )
    key = {"system": system, "partition": partition}
    _replace(connection, "predictions", predictions, key, key | {"model_version": model_version})


def write_metrics(connection: duckdb.DuckDBPyConnection, metrics: Sequence[Metric]) -> None:
    """Replace metrics of the same name, system and partition, in one transaction."""
    values = [
        {
            "name": metric.name,
            "system": metric.system,
            "partition": metric.partition,
            "value": None if metric.value is None or np.isnan(metric.value) else float(metric.value),
            "extra": json.dumps(dict(metric.extra), sort_keys=True),
        }
        for metric in metrics
    ]
    kinds = {"name": pa.string(), "system": pa.string(), "partition": pa.string(), "value": pa.float64()}
    rows = pa.Table.from_pylist(values, schema=pa.schema(kinds | {"extra": pa.string()}))
    _replace(connection, "metrics", rows, None, None)


def read_predictions(
    connection: duckdb.DuckDBPyConnection, system: str | None, partition: str | None
) -> pd.DataFrame:
    """Stored scores; None means any."""
    key = {"system": system, "partition": partition}
    return connection.execute(statement("results", "read_predictions"), key).df()


def read_metrics(connection: duckdb.DuckDBPyConnection, name: str | None, system: str | None) -> pd.DataFrame:
    """Stored metrics, `extra` as dictionaries; None means any."""
    metrics = connection.execute(statement("results", "read_metrics"), {"name": name, "system": system}).df()
    return metrics.assign(extra=[json.loads(text) for text in metrics["extra"]])


def _replace(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    rows: pa.Table,
    delete: Mapping[str, str] | None,
    insert: Mapping[str, str] | None,
) -> None:
    with transaction(connection), staged(connection, **{f"staged_{table}": rows}):
        connection.execute(statement("results", f"delete_{table}"), delete and dict(delete))
        connection.execute(statement("results", f"insert_{table}"), insert and dict(insert))
