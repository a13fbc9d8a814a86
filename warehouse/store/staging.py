"""The rows and records of a load as Arrow tables of the types that the warehouse stores."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from warehouse.landing.contract import ColumnType, TableContract
from warehouse.landing.records import PartitionLoad
from warehouse.store.columns import stored_names

_QUARANTINE_TEXTS = ("partition", "file", "rule", "rules", "column_name", "value", "remedy", "row_json")

_ARROW_TYPES = {
    ColumnType.ID: pa.string(),
    ColumnType.TIME: pa.int64(),
    ColumnType.FLAG: pa.bool_(),
    ColumnType.NUMBER: pa.float64(),
    ColumnType.CATEGORY: pa.string(),
    ColumnType.VECTOR: pa.list_(pa.float32()),
}


class InvariantBroken(RuntimeError):
    """Rows in ≠ rows kept + rows quarantined, or a load of no files: a defect; the load was rolled back."""


def stage_kept(contract: TableContract, rows: pd.DataFrame, order: Mapping[str, int]) -> pa.Table:
    """Kept rows as Arrow columns of the contract's types, named as they are stored; absent ones are null.

    `_position` is a row's place among all rows of the load: by partition in `order`, then by row.
    """
    partition = rows["_partition"].astype(object)
    unknown = set(partition.unique()) - set(order)
    if unknown:
        raise KeyError(f"{contract.name}: kept rows of partitions without a record: {sorted(unknown)[:5]}")
    position = partition.map(order).to_numpy(dtype="int64")
    row = rows["_row"].to_numpy(dtype="int64")
    columns = {
        "_partition": pa.array(partition, type=pa.string()),
        "_row": pa.array(row, type=pa.int32()),
        "_position": pa.array((position << 32) + row),
    }
    names = stored_names(contract)
    for column in contract.columns:
        values = _arrow(rows, column.name, column.type)
        if column.required and values.null_count:
            empty = int(np.argmax(values.is_null().to_numpy(zero_copy_only=False)))
            raise InvariantBroken(
                f"{contract.name}, partition {partition.iloc[empty]}, row {row[empty]}: kept without the "
                f"required column {column.name!r}; nothing was written"
            )
        columns[names[column.name]] = values
    return pa.table(columns)


def stage_quarantine(quarantined: pd.DataFrame) -> pa.Table:
    """Quarantined rows as the warehouse stores them; absent optional columns as nulls, values as text."""
    frame = quarantined.rename(columns={"column": "column_name"})
    if "rules" not in frame and len(frame):
        frame = frame.assign(rules=frame["rule"])
    columns = {"row": pa.array(frame.get("row", []), type=pa.int32())}
    for name in _QUARANTINE_TEXTS:
        if name in frame:
            text = [
                None if value is None or value is pd.NA or value != value else str(value)
                for value in frame[name]
            ]
            columns[name] = pa.array(text, type=pa.string())
        else:
            columns[name] = pa.nulls(len(frame), pa.string())
    return pa.table(columns)


def _arrow(frame: pd.DataFrame, name: str, type_: ColumnType) -> pa.Array:
    arrow_type = _ARROW_TYPES[type_]
    if name not in frame:
        return pa.nulls(len(frame), arrow_type)
    array = pa.array(frame[name], from_pandas=True)
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    return array if array.type == arrow_type else array.cast(arrow_type)


def stage_records(loads: Sequence[PartitionLoad], rows: pd.DataFrame, quarantined: pd.DataFrame) -> pa.Table:
    """One row a partition for `batches`.

    Raises InvariantBroken unless rows in = kept + quarantined, and for a partition without files: it is
    missing, and would look loaded for ever.
    """
    kept_rows = rows["_partition"].value_counts()
    rows_set_aside = {}
    if len(quarantined):
        rows_set_aside = quarantined["row"].astype("int64").groupby(quarantined["partition"]).apply(sorted)
    records = []
    for load in loads:
        counts = int(kept_rows.get(load.partition, 0)), len(rows_set_aside.get(load.partition, []))
        if not load.files:
            raise InvariantBroken(f"partition {load.partition}: no files, so that it cannot have been loaded")
        if load.rows_in != sum(counts):
            raise InvariantBroken(
                f"partition {load.partition}: {load.rows_in} rows in, but {counts[0]} kept "
                f"and {counts[1]} quarantined"
            )
        records.append(
            {
                "partition": load.partition,
                "start_ms": load.start_ms,
                "files": json.dumps([asdict(file) for file in load.files]),
                "columns": json.dumps(list(load.columns)),
                "files_hash": load.files_hash,
                "data_hash": _data_hash(load, rows_set_aside.get(load.partition, [])),
                "rows_in": load.rows_in,
                "kept": counts[0],
                "quarantined": counts[1],
                "forced": load.forced,
                "statistics": json.dumps({name: _plain(value) for name, value in load.statistics.items()}),
            }
        )
    return pa.Table.from_pylist(records)


def _data_hash(load: PartitionLoad, rows_set_aside: Sequence[int]) -> str:
    """Hash of what is stored: contents in reading order, each once, chosen columns, and rows set aside.

    The names of files do not count: the same data under another name is the same data.
    """
    contents = list(dict.fromkeys(file.sha256 for file in load.files))
    facts = [contents, list(load.columns), [int(row) for row in rows_set_aside]]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def _plain(value: Any) -> Any:
    """A statistic as JSON: NumPy scalars as Python's, NaN and pandas' missing value as null."""
    plain = value.item() if hasattr(value, "item") else value
    return None if plain is pd.NA or plain is pd.NaT or plain != plain else plain
