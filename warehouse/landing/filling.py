"""Filling a landing folder: one file a partition, and nothing of another source overwritten."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as parquet

from warehouse.landing.contract import TABLES, PartitionKind
from warehouse.landing.description import FILE_NAME, SourceDescription
from warehouse.landing.service_time import DAY_MS, HOUR_MS, ServiceZone
from warehouse.landing.writing import replace_file


def clear(landing: Path, name: str) -> None:
    """Remove the tables that an earlier fill of the source `name` wrote, and nothing else.

    Raises FileExistsError where the folder holds tables of another source.
    """
    tables = [landing / table for table in TABLES if (landing / table).exists()]
    if tables and (not (landing / FILE_NAME).exists() or SourceDescription.load(landing).name != name):
        raise FileExistsError(f"{landing} holds logs of another source: give an empty folder")
    for table in tables:
        shutil.rmtree(table)


def write_file(path: Path, frame: pd.DataFrame) -> None:
    """One Parquet file, its folders made."""
    _write(path, pa.Table.from_pandas(frame, preserve_index=False))


def write_partitions(
    folder: Path, frame: pd.DataFrame, times: pd.Series, zone: ServiceZone, kind: PartitionKind
) -> int:
    """`date=…/hour=…/part-0.parquet` (or `date=…/part-0.parquet`) in service time; returns how many.

    Args:
        folder: of the table.
        frame: rows in any order; a file's are in order of time, ties as they were.
        times: int64 epoch milliseconds of each row.
        zone: in which hours and days are cut.
        kind: hours or days.
    """
    length = HOUR_MS if kind is PartitionKind.HOUR else DAY_MS
    order = np.argsort(times.to_numpy(), kind="stable")
    table = pa.Table.from_pandas(frame.iloc[order], preserve_index=False)
    number = (times.to_numpy()[order] + zone.offset_ms) // length
    starts = np.flatnonzero(np.diff(number, prepend=np.iinfo(np.int64).min // 2))
    for start, end in zip(starts, [*starts[1:], len(number)], strict=True):
        key = zone.hour_key(int(number[start]) * length - zone.offset_ms)
        hour = f"hour={key[11:13]}" if kind is PartitionKind.HOUR else ""
        path = folder / f"date={key[:10]}" / hour / "part-0.parquet"
        _write(path, table.slice(start, end - start))
    return len(starts)


def _write(path: Path, table: pa.Table) -> None:
    with replace_file(path) as temporary:
        parquet.write_table(table, temporary)
