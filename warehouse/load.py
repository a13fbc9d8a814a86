"""Loading partitions: delete and insert in one transaction, one statement a table however many partitions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa

from warehouse.contract import ColumnType, TableContract
from warehouse.statements import quoted, statement, text_literal

#: Dense numbers appended by a load, in this order: id column → index table.
INDEXES = {"user_id": "user_index", "item_id": "item_index"}

QUARANTINE_COLUMNS = (
    "partition",
    "row",
    "file",
    "rule",
    "rules",
    "column_name",
    "value",
    "remedy",
    "row_json",
)

_ARROW_TYPES = {
    ColumnType.ID: pa.string(),
    ColumnType.TIME: pa.int64(),
    ColumnType.FLAG: pa.bool_(),
    ColumnType.NUMBER: pa.float64(),
    ColumnType.CATEGORY: pa.string(),
}


class InvariantBroken(RuntimeError):
    """Rows in ≠ rows kept + rows quarantined: a defect, and the load was rolled back."""


@dataclass(frozen=True)
class SourceFile:
    """One file that a partition was read from: path relative to the landing folder, bytes, SHA-256."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True)
class PartitionLoad:
    """The record of one partition: where it begins (0 for undated dimension files), its files and row count.

    `statistics` is the gate's row for the partition, handed back to it as history; `columns` are the chosen
    columns with which the files were read; `forced` says that a batch rule was overruled by a person.
    """

    partition: str
    start_ms: int
    files: tuple[SourceFile, ...]
    rows_in: int
    columns: tuple[str, ...] = ()
    statistics: Mapping[str, Any] = field(default_factory=dict)
    forced: bool = False

    @property
    def files_hash(self) -> str:
        """Hash of what was read: the files' names and contents, and the chosen columns."""
        parts = sorted((file.path, file.sha256) for file in self.files)
        return hashlib.sha256(json.dumps([parts, list(self.columns)]).encode()).hexdigest()


def load_partitions(
    connection: duckdb.DuckDBPyConnection,
    contract: TableContract,
    fields: Sequence[str],
    loads: Sequence[PartitionLoad],
    kept: pd.DataFrame,
    quarantined: pd.DataFrame,
) -> None:
    """Replace the partitions of `loads` in one transaction; see `Warehouse.load`."""
    order = {
        load.partition: place
        for place, load in enumerate(sorted(loads, key=lambda x: (x.start_ms, x.partition)))
    }
    staged = stage_kept(contract, fields, kept, order)
    staged_quarantine = stage_quarantine(quarantined)
    records = _records(loads, kept, quarantined)
    connection.begin()
    try:
        connection.register("staged_loads", records)
        for step in ("delete_rows", "delete_quarantine", "delete_batches"):
            _run(connection, "load", step, contract.name, table=quoted(contract.name))
        insert_rows(connection, contract, fields, staged)
        connection.register("staged_quarantine", staged_quarantine)
        _run(connection, "load", "insert_quarantine", contract.name)
        _run(connection, "load", "insert_batches", contract.name)
        check_stored(connection, contract)
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
    finally:
        for view in ("staged_loads", "staged", "staged_quarantine"):
            connection.unregister(view)


def check_stored(connection: duckdb.DuckDBPyConnection, contract: TableContract) -> None:
    """Raise InvariantBroken unless the partitions of `staged_loads` hold as many rows as were kept."""
    wrong = connection.execute(statement("load", "stored_rows", table=quoted(contract.name))).fetchall()
    if wrong:
        partition, expected, found = wrong[0]
        raise InvariantBroken(
            f"{contract.name}, partition {partition}: {expected} rows were kept and {found} stored; "
            "nothing was written"
        )


def insert_rows(
    connection: duckdb.DuckDBPyConnection, contract: TableContract, fields: Sequence[str], staged: pa.Table
) -> None:
    """Append dense numbers for new ids and values, then the rows themselves; runs inside a transaction."""
    connection.register("staged", staged)
    for key, index in INDEXES.items():
        if contract.column(key):
            connection.execute(statement("load", "append_index", index=index, key=key))
    codes, joins = [], []
    for place, column in enumerate(fields):
        values = {"table": contract.name, "column": column}
        connection.execute(statement("load", "append_categories", column=quoted(column)), values)
        alias = f"category_{place}"
        codes.append(f", {alias}.code AS {quoted(column)}")
        joins.append(
            statement(
                "load",
                "join_category",
                alias=alias,
                table_text=text_literal(contract.name),
                column_text=text_literal(column),
                column=quoted(column),
            )
        )
    connection.execute(
        statement("load", f"insert_{contract.name}", codes=" ".join(codes), joins="\n".join(joins))
    )


def stage_kept(
    contract: TableContract, fields: Sequence[str], kept: pd.DataFrame, order: Mapping[str, int]
) -> pa.Table:
    """Kept rows as Arrow columns of the contract's types, absent optional columns as nulls, with their
    `position`.
    """
    partition = kept["_partition"].astype(object)
    unknown = set(partition.unique()) - set(order)
    if unknown:
        raise KeyError(f"{contract.name}: kept rows of partitions without a record: {sorted(unknown)[:5]}")
    place = partition.map(order).to_numpy(dtype="int64")
    row = kept["_row"].to_numpy(dtype="int64")
    columns = {
        "_partition": pa.array(partition, type=pa.string()),
        "_row": pa.array(row, type=pa.int32()),
        "position": pa.array((place << 32) + row),
    }
    for column in contract.with_fields(tuple(fields)).columns:
        values = _arrow(kept, column.name, column.type)
        if column.required and values.null_count:
            empty = int(np.argmax(values.is_null().to_numpy(zero_copy_only=False)))
            raise InvariantBroken(
                f"{contract.name}, partition {partition.iloc[empty]}, row {row[empty]}: kept without the required "
                f"column {column.name!r}; nothing was written"
            )
        columns[column.name] = values
    return pa.table(columns)


def stage_quarantine(quarantined: pd.DataFrame) -> pa.Table:
    """Quarantined rows as the warehouse stores them; absent optional columns as nulls, values as text."""
    frame = quarantined.rename(columns={"column": "column_name"})
    if "rules" not in frame and len(frame):
        frame = frame.assign(rules=frame["rule"])
    columns = {}
    for name in QUARANTINE_COLUMNS:
        if name == "row":
            columns[name] = pa.array(frame.get("row", []), type=pa.int32())
        elif name in frame:
            text = [
                None if value is None or value is pd.NA or value != value else str(value)
                for value in frame[name]
            ]
            columns[name] = pa.array(text, type=pa.string())
        else:
            columns[name] = pa.nulls(len(frame), pa.string())
    return pa.table(columns)


def _arrow(frame: pd.DataFrame, name: str, type_: ColumnType) -> pa.Array:
    wanted = _ARROW_TYPES[type_]
    if name not in frame:
        return pa.nulls(len(frame), wanted)
    array = pa.array(frame[name], from_pandas=True)
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    return array if array.type == wanted else array.cast(wanted)


def _records(loads: Sequence[PartitionLoad], kept: pd.DataFrame, quarantined: pd.DataFrame) -> pa.Table:
    kept_rows = kept["_partition"].value_counts()
    set_aside = quarantined["partition"].value_counts() if len(quarantined) else pd.Series(dtype="int64")
    rows = []
    for load in loads:
        counts = int(kept_rows.get(load.partition, 0)), int(set_aside.get(load.partition, 0))
        if load.rows_in != sum(counts):
            raise InvariantBroken(
                f"partition {load.partition}: {load.rows_in} rows in, but {counts[0]} kept "
                f"and {counts[1]} quarantined"
            )
        rows.append(
            {
                "partition": load.partition,
                "start_ms": load.start_ms,
                "files": json.dumps([asdict(file) for file in load.files]),
                "columns": json.dumps(list(load.columns)),
                "files_hash": load.files_hash,
                "data_hash": load.files_hash,
                "rows_in": load.rows_in,
                "kept": counts[0],
                "quarantined": counts[1],
                "forced": load.forced,
                "statistics": json.dumps({name: _plain(value) for name, value in load.statistics.items()}),
            }
        )
    return pa.Table.from_pylist(rows)


def _plain(value: Any) -> Any:
    """A statistic as JSON: NumPy scalars as Python's, NaN and pandas' missing value as null."""
    plain = value.item() if hasattr(value, "item") else value
    return None if plain is pd.NA or plain is pd.NaT or plain != plain else plain


def _run(
    connection: duckdb.DuckDBPyConnection, file: str, name: str, contract_table: str, **identifiers: str
) -> None:
    text = statement(file, name, **identifiers)
    connection.execute(text, {"table": contract_table} if "$table" in text else None)
