"""Parquet that others wrote: what it would take is asked first, and equal values lie in memory once."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as parquet

from warehouse.landing.limits import FileLimits, UnpackedLimit
from warehouse.landing.rejection import FileRejected, guarded

_BATCH_ROWS = 2**18
#: bytes a value takes at least once it is read, by physical type; text takes its own length besides
_WIDTHS = {"BOOLEAN": 1 / 8, "INT96": 8, "INT64": 8, "DOUBLE": 8}
_LEAST = 1
_TEXT = "BYTE_ARRAY"


class ParquetContent:
    """A Parquet file in memory. FileRejected where it is none, or has more rows than the limit."""

    def __init__(self, path: Path, content: bytes) -> None:
        limits = FileLimits.current()
        self.path, self.content = path, content
        self.limit: UnpackedLimit = limits.unpacked(len(content))
        self.about = guarded(path, lambda: parquet.ParquetFile(pa.BufferReader(content)))
        self.schema: pa.Schema = self.about.schema_arrow
        limits.refuse_rows(path, self.about.metadata.num_rows)

    def read(self, names: list[str]) -> pa.Table:
        """These columns, decoded no further than the limit.

        Text is read as numbers of distinct values, so that a long value that a small file repeats a million
        times lies in memory once until its whole length is known.
        """
        if self._claimed(names) > self.limit.size:
            raise self.limit.refusal(self.path)
        texts = [name for name in names if _is_text(self.schema.field(name).type)]
        file = parquet.ParquetFile(pa.BufferReader(self.content), read_dictionary=texts)
        batches, size = [], 0
        for batch in file.iter_batches(batch_size=_BATCH_ROWS, columns=names, use_threads=False):
            size += sum(_decoded_bytes(column) for column in batch.columns)
            if size > self.limit.size:
                raise self.limit.refusal(self.path)
            columns = {name: self._as_written(name, batch.column(name)) for name in names}
            batches.append(pa.record_batch(columns))
        if not batches:
            return pa.schema([self.schema.field(name) for name in names]).empty_table()
        return pa.Table.from_batches(batches)

    def _as_written(self, name: str, column: pa.Array) -> pa.Array:
        """A column in the type of the file's schema."""
        wanted = self.schema.field(name).type
        if column.type == wanted or pa.types.is_dictionary(wanted):
            return column
        return column.cast(column.type.value_type).cast(wanted)

    def _claimed(self, names: list[str]) -> float:
        """Bytes of these columns by the file's own account; FileRejected for lists of text."""
        metadata, leaves = self.about.metadata, self.about.schema
        asked = {
            number: name
            for number in range(metadata.num_columns)
            for name in names
            if leaves.column(number).path == name or leaves.column(number).path.startswith(f"{name}.")
        }
        total = 0.0
        for number, name in asked.items():
            kind = leaves.column(number).physical_type
            if kind == _TEXT and pa.types.is_nested(self.schema.field(name).type):
                raise FileRejected(
                    self.path,
                    f"column {name!r} has type {self.schema.field(name).type}: lists and objects of text are "
                    "not read: write them into columns of their own, or leave the column out",
                )
            for group in range(metadata.num_row_groups):
                chunk = metadata.row_group(group).column(number)
                least = chunk.num_values * _WIDTHS.get(kind, _LEAST)
                total += max(least, chunk.total_uncompressed_size)
        return total


def _is_text(kind: pa.DataType) -> bool:
    types = pa.types
    if types.is_dictionary(kind):
        return _is_text(kind.value_type)
    return (
        types.is_string(kind)
        or types.is_large_string(kind)
        or types.is_string_view(kind)
        or types.is_binary(kind)
        or types.is_large_binary(kind)
        or types.is_binary_view(kind)
    )


def _decoded_bytes(column: pa.Array) -> int:
    """What a column takes once its values are written out."""
    if not pa.types.is_dictionary(column.type):
        return int(column.nbytes)
    if not _is_text(column.type.value_type):
        return len(column) * 8
    lengths = pc.binary_length(column.dictionary).cast(pa.int64())
    return int(pc.sum(lengths.take(column.indices)).as_py() or 0) + 4 * len(column)
