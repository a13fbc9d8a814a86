"""Segments: the cells of one modality over one month or one day, a Parquet file each.

One row a user, users ascending: `user` (int32) and the lists `day` (uint16), `hour` (uint8), `channel`
(uint16), `value` (float32). The file's metadata says what it was made of, so that a segment needs no index
beside it: for every local day the hash of the loaded batches on which it draws. Files are written whole or
not at all, and never changed: other data make a file of another name.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet

from warehouse.heatmaps.cells import HeatmapCells
from warehouse.landing.writing import replace_file

_SOURCES = b"hourfold.sources"
_LISTS = {"day": pa.uint16(), "hour": pa.uint8(), "channel": pa.uint16(), "value": pa.float32()}
#: Nothing is ever null; saying so spares a third of the writing time.
SCHEMA = pa.schema(
    [
        pa.field("user", pa.int32(), nullable=False),
        *(
            pa.field(name, pa.list_(pa.field("element", kind, nullable=False)), nullable=False)
            for name, kind in _LISTS.items()
        ),
    ]
)
#: As small as plain values under LZ4, and written a seventh faster; Zstandard saves another third of the size
#: and takes half as long again.
_ENCODING = {f"{name}.list.element": "DELTA_BINARY_PACKED" for name in ("day", "hour", "channel")}


def write_segment(path: Path, groups: Iterable[HeatmapCells], sources: Mapping[int, str]) -> None:
    """Write a segment, a row group each, users ascending over all; `sources` are hashes by day."""
    text = json.dumps({str(day): sources[day] for day in sorted(sources)})
    with (
        replace_file(path) as temporary,
        parquet.ParquetWriter(
            temporary,
            SCHEMA,
            compression="none",
            use_dictionary=False,
            column_encoding=_ENCODING,
            write_statistics=["user"],
            store_schema=False,
        ) as writer,
    ):
        writer.add_key_value_metadata({_SOURCES: text.encode()})
        for group in groups:
            writer.write_table(_table(group), row_group_size=max(len(group.user), 1))


def read_sources(path: Path) -> dict[int, str]:
    """The hash of what each local day of a segment was made of."""
    metadata = parquet.read_metadata(path).metadata or {}
    return {int(day): digest for day, digest in json.loads(metadata[_SOURCES]).items()}


def read_users(path: Path) -> np.ndarray:
    """user_index of everybody with a cell in a segment, int32 [U], ascending."""
    return parquet.read_table(path, columns=["user"], use_threads=False)["user"].to_numpy()


def read_segment(path: Path, users: tuple[int, int] | None = None) -> Iterator[HeatmapCells]:
    """The cells of a segment, a row group at a time; only groups with an index in `[users[0], users[1])`."""
    with parquet.ParquetFile(path) as file:
        for group in range(file.num_row_groups):
            known = file.metadata.row_group(group).column(0).statistics
            if users is None or (known.min < users[1] and known.max >= users[0]):
                yield _cells(file.read_row_group(group, use_threads=False))


def _table(cells: HeatmapCells) -> pa.Table:
    lists = [
        pa.ListArray.from_arrays(cells.offsets, pa.array(getattr(cells, name)), type=SCHEMA.field(name).type)
        for name in _LISTS
    ]
    return pa.table([pa.array(cells.user), *lists], schema=SCHEMA)


def _cells(table: pa.Table) -> HeatmapCells:
    lists = {name: table[name].combine_chunks() for name in _LISTS}
    offsets = lists["day"].offsets.to_numpy()
    return HeatmapCells(
        user=table["user"].to_numpy(),
        offsets=offsets - offsets[0],
        **{name: column.flatten().to_numpy() for name, column in lists.items()},
    )
