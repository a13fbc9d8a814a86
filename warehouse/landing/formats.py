"""Opening a landed file by its format: Parquet, CSV (comma, semicolon, tab, bar) or JSON lines, or gzipped.

What a file may cost is bounded before it is parsed: EXPANDED_BYTES once unpacked, NESTING levels of JSON.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv
import pyarrow.json as arrow_json
import pyarrow.parquet as parquet

T = TypeVar("T")

EXPANDED_BYTES = 2**31  #: of one file, unpacked: what Arrow's text columns can hold
NESTING = 64
DELIMITERS = (",", ";", "\t", "|")

_EXACT = 2**53
_BATCH_ROWS = 8_192
_CHUNK = 2**24
_MAGIC = {
    b"PK\x03\x04": "is a ZIP archive or an Excel workbook: unpack it, or export it as CSV or Parquet",
    b"\xd0\xcf\x11\xe0": "is an old Excel workbook: export it as CSV or Parquet",
    b"\xff\xfe": "is UTF-16 text: save it as UTF-8",
    b"\xfe\xff": "is UTF-16 text: save it as UTF-8",
    b"\x28\xb5\x2f\xfd": "is compressed by Zstandard: unpack it, or use gzip",
    b"BZh": "is compressed by bzip2: unpack it, or use gzip",
    b"\xfd7zXZ": "is compressed by xz: unpack it, or use gzip",
    b"Obj\x01": "is an Avro file: write it as Parquet",
    b"ORC": "is an ORC file: write it as Parquet",
}
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)


class FileRejected(ValueError):
    """A landed file that cannot be taken, as a whole: nothing of its partition is loaded."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path}: {why}")
        self.path = path


@dataclass(frozen=True)
class OpenedFile:
    """A file's column names, in file order, and a function that reads some of them (CSV: as binary)."""

    path: Path
    names: list[str]
    reader: Callable[[list[str]], pa.Table]

    def read(self, names: list[str]) -> pa.Table:
        """These columns; FileRejected where they cannot be read."""
        return guarded(self.path, lambda: self.reader(names))


def guarded(path: Path, read: Callable[[], T]) -> T:
    """What `read` gives; FileRejected where the bytes are not what the file's name says."""
    try:
        return read()
    except FileRejected:
        raise
    except (pa.ArrowException, OSError, ValueError, EOFError) as error:
        what = str(error).splitlines()[0]
        raise FileRejected(
            path, f"cannot be read, perhaps cut short or still being written ({what})"
        ) from error


def contents(path: Path) -> bytes:
    """A file's bytes; FileRejected where it cannot be opened or is too large."""
    try:
        if path.stat().st_size > EXPANDED_BYTES:
            raise _too_large(path)
        return path.read_bytes()
    except OSError as error:
        raise FileRejected(path, f"cannot be opened ({error})") from error


def open_file(path: Path, content: bytes) -> OpenedFile:
    """A file opened by its name and first bytes; FileRejected where it is something else or too large."""
    name = path.name.lower()
    text_of_lines = name.endswith((".jsonl", ".ndjson"))
    if not content and not text_of_lines:
        raise FileRejected(path, "cannot be read, perhaps cut short or still being written (it is empty)")
    zipped = name.endswith(".gz")
    if zipped or content[:2] == b"\x1f\x8b":
        content = _unpacked(path, content)
        name = name.removesuffix(".gz")
    if name.endswith(".parquet"):
        return _open_parquet(path, content)
    _refuse_other_kinds(path, content)
    if name.endswith((".csv", ".tsv")):
        return _open_csv(path, content)
    lines = guarded(path, lambda: _read_json_lines(path, content))
    return OpenedFile(path, lines.schema.names, lines.select)


def _too_large(path: Path) -> FileRejected:
    return FileRejected(path, f"is larger than {EXPANDED_BYTES / 2**30:.3g} GiB unpacked: split it")


def _refuse_other_kinds(path: Path, content: bytes) -> None:
    for magic, what in _MAGIC.items():
        if content.startswith(magic):
            raise FileRejected(path, what)
    if content[:4] == b"PAR1":
        raise FileRejected(path, "is a Parquet file: call it .parquet")
    if b"\x00" in content[:4096]:
        raise FileRejected(path, "has NUL bytes, as UTF-16 text or a binary file has: save it as UTF-8 text")


def _unpacked(path: Path, content: bytes) -> bytes:
    """The content of a gzip file, read no further than the limit."""
    stream = guarded(path, lambda: pa.CompressedInputStream(pa.BufferReader(content), "gzip"))
    chunks, size = [], 0
    while chunk := guarded(path, lambda: stream.read(_CHUNK)):
        chunks.append(chunk)
        size += len(chunk)
        if size > EXPANDED_BYTES:
            raise _too_large(path)
    return b"".join(chunks)


def _open_parquet(path: Path, content: bytes) -> OpenedFile:
    file = guarded(path, lambda: parquet.ParquetFile(pa.BufferReader(content)))

    def read(names: list[str]) -> pa.Table:
        # In batches: equal values take no room in the file, and may fill the memory once they are read.
        batches, size = [], 0
        for batch in file.iter_batches(batch_size=_BATCH_ROWS, columns=names, use_threads=False):
            size += batch.nbytes
            if size > EXPANDED_BYTES:
                raise _too_large(path)
            batches.append(batch)
        schema = pa.schema([file.schema_arrow.field(name) for name in names])
        return pa.Table.from_batches(batches, batches[0].schema if batches else schema).select(names)

    return OpenedFile(path, file.schema_arrow.names, read)


def _open_csv(path: Path, content: bytes) -> OpenedFile:
    parsing = arrow_csv.ParseOptions(delimiter=delimiter_of(content), newlines_in_values=True)
    buffer = pa.py_buffer(content if b"\n" in content else content + b"\n")  # a header alone: a quiet hour

    def read(names: list[str]) -> pa.Table:
        options = arrow_csv.ConvertOptions(
            include_columns=names, column_types=dict.fromkeys(names, pa.binary()), strings_can_be_null=False
        )
        return arrow_csv.read_csv(pa.BufferReader(buffer), parse_options=parsing, convert_options=options)

    names = guarded(
        path, lambda: arrow_csv.open_csv(pa.BufferReader(buffer), parse_options=parsing).schema.names
    )
    return OpenedFile(path, names, read)


def delimiter_of(content: bytes) -> str:
    """The sign that cuts the header line into the most names; a comma where none does, or as many."""
    first = content[:_CHUNK].lstrip(b"\xef\xbb\xbf").lstrip(b"\r\n").split(b"\n", 1)[0]
    line = first.decode("utf-8", errors="replace").rstrip("\r")

    def columns(delimiter: str) -> int:
        return len(next(csv.reader(io.StringIO(line), delimiter=delimiter), []))

    return max(DELIMITERS, key=columns)


def _read_json_lines(path: Path, content: bytes) -> pa.Table:
    """JSON lines by Arrow's reader; by Python's where a column mixes types or holds too large integers."""
    if not content.strip():
        return pa.table({})
    _refuse_deep(path, content)
    buffer = pa.py_buffer(content)
    try:
        table = arrow_json.read_json(pa.BufferReader(buffer))
        # Arrow takes text that looks like a time for one and drops its zone: these are read again as text.
        times = [field.name for field in table.schema if pa.types.is_timestamp(field.type)]
        if times:
            as_text = pa.schema([(name, pa.string()) for name in times])
            table = arrow_json.read_json(
                pa.BufferReader(buffer), parse_options=arrow_json.ParseOptions(explicit_schema=as_text)
            )
        floats = [column for column in table.columns if pa.types.is_floating(column.type)]
        if not any((pc.max(pc.abs(column)).as_py() or 0) >= _EXACT for column in floats):
            return table
    except pa.ArrowInvalid:
        pass
    return _read_line_by_line(content)


def _read_line_by_line(content: bytes) -> pa.Table:
    rows = []
    for number, line in enumerate(content.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line.decode("utf-8", errors="surrogateescape"))
        except json.JSONDecodeError as error:
            raise ValueError(f"line {number} is no JSON: {error.msg}") from error
        if not isinstance(row, dict):
            raise ValueError(f"line {number} is no JSON object")
        rows.append(row)
    names = list(dict.fromkeys(name for row in rows for name in row))
    return pa.table({name: _mixed(row.get(name) for row in rows) for name in names})


def _refuse_deep(path: Path, content: bytes) -> None:
    """Refuse lines that nest deeper than NESTING: Arrow's reader would end the process."""
    if _depth(content) > NESTING and _depth(_STRINGS.sub(b"", content)) > NESTING:
        raise FileRejected(path, f"nests lists or objects deeper than {NESTING} levels: write flat lines")


def _depth(content: bytes) -> int:
    """No less than the depth of nesting anywhere in a text; brackets inside of strings count."""
    signs = np.frombuffer(content, np.uint8)
    opening, closing = (signs == ord("[")) | (signs == ord("{")), (signs == ord("]")) | (signs == ord("}"))
    steps = opening[opening | closing].astype(np.int8) * 2 - 1
    level = np.concatenate([np.zeros(1, np.int64), np.cumsum(steps, dtype=np.int64)])
    return int((level - np.minimum.accumulate(level)).max())


def _mixed(values: Iterable[object]) -> pa.Array:
    """Values of one type as that type, of several as text: numbers and flags as JSON writes them."""
    listed = list(values)
    whole = [value for value in listed if type(value) is int and abs(value) < 2**63]
    if len(whole) == sum(value is not None for value in listed):
        return pa.array(listed, type=pa.int64())
    text = [value if isinstance(value, str | None) else json.dumps(value) for value in listed]
    return pa.array(
        [t if t is None else t.encode("utf-8", "surrogateescape") for t in text], type=pa.binary()
    )
