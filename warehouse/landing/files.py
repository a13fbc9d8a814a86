"""One landed file as Arrow columns: Parquet, CSV or JSON lines, plain or gzipped; taken or refused whole.

Values stay as they lie in the file; judging them is the gate's work. Only three things are settled here: CSV
is read as text (an id `007` stays `007`), zoned timestamps become epoch milliseconds, and text that is no
valid UTF-8 stays binary, so that the gate sees the very bytes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv
import pyarrow.json as arrow_json
import pyarrow.parquet as parquet

from warehouse.landing.contract import ColumnType, TableContract
from warehouse.landing.records import SourceFile

_ZONED_OR_EPOCH = r"^\s*[+-]?\d+\s*$|[Tt ]\d{2}(:?\d{2}){0,2}([.,]\d+)?\s?([Zz]|[+-]\d{2}(:?\d{2})?)\s*$"
_NAIVE = r"^\s*\d{4}-\d{2}-\d{2}([Tt ]\d{2}(:?\d{2}){0,2}([.,]\d+)?)?\s*$"
_EXACT = 2**53


class FileRejected(ValueError):
    """A landed file that cannot be taken, as a whole: nothing of its partition is loaded."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path}: {why}")
        self.path = path


def read_file(
    path: Path, contract: TableContract, relative: str
) -> tuple[pa.Table, SourceFile, tuple[str, ...]]:
    """The contract's columns of a file, its record, and the names of its other columns.

    Raises FileRejected with the path and the column: unreadable or cut short, a required column missing, a
    column twice, times without a zone, or a type that no column of the contract can have.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FileRejected(path, f"cannot be opened ({error})") from error
    record = record_of(content, relative)
    names, read = _open(path, content)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise FileRejected(path, f"column {twice[0]!r} occurs more than once")
    missing = [name for name in contract.required if name not in names]
    if missing:
        raise FileRejected(
            path,
            f"required column {missing[0]!r} of table {contract.name} is missing; "
            f"the file has {', '.join(names)}",
        )
    known = [name for name in names if contract.column(name)]
    table = _guarded(path, lambda: read(known))
    columns = {name: _settled(path, contract, name, table[name]) for name in known}
    return pa.table(columns), record, tuple(name for name in names if name not in columns)


def record_of(content: bytes, relative: str) -> SourceFile:
    """The record of a file with this content."""
    return SourceFile(relative, len(content), hashlib.sha256(content).hexdigest())


def column_names(path: Path) -> list[str]:
    """The names of a file's columns, in file order; FileRejected where it cannot be read."""
    return _open(path, path.read_bytes())[0]


def raw_columns(path: Path, names: list[str]) -> pa.Table:
    """Columns of a file as its reader gives them (CSV: binary); FileRejected where it cannot be read."""
    read = _open(path, path.read_bytes())[1]
    return _guarded(path, lambda: read(names))


def time_column(path: Path, contract: TableContract) -> pa.ChunkedArray:
    """The column whose instants decide the partition, as `read_file` gives it; FileRejected as there."""
    name = contract.partition_time
    names, read = _open(path, path.read_bytes())
    if name is None or name not in names:
        raise FileRejected(path, f"required column {name!r} of table {contract.name} is missing")
    return _settled(path, contract, name, _guarded(path, lambda: read([name]))[name])


def _open(path: Path, content: bytes) -> tuple[list[str], Callable[[list[str]], pa.Table]]:
    """A file's column names and a function that reads some of them."""
    name = path.name.lower()
    if not content:
        raise FileRejected(path, "cannot be read, perhaps cut short or still being written (it is empty)")
    if name.endswith(".gz"):
        content = _guarded(path, lambda: pa.CompressedInputStream(pa.BufferReader(content), "gzip").read())
        name = name.removesuffix(".gz")
    buffer = pa.py_buffer(content)
    if name.endswith(".parquet"):
        file = _guarded(path, lambda: parquet.ParquetFile(pa.BufferReader(buffer)))
        return file.schema_arrow.names, lambda names: file.read(names, use_threads=False)
    if name.endswith(".csv"):
        names = _guarded(path, lambda: arrow_csv.open_csv(pa.BufferReader(buffer)).schema.names)
        return names, lambda names: _read_csv(buffer, names)
    lines = _guarded(path, lambda: _read_json_lines(buffer))
    return lines.schema.names, lines.select


def _guarded(path: Path, read: Callable[[], pa.Table]) -> pa.Table:
    try:
        return read()
    except (pa.ArrowException, OSError, ValueError, EOFError) as error:
        what = str(error).splitlines()[0]
        raise FileRejected(
            path, f"cannot be read, perhaps cut short or still being written ({what})"
        ) from error


def _read_csv(buffer: pa.Buffer, names: list[str]) -> pa.Table:
    return arrow_csv.read_csv(
        pa.BufferReader(buffer),
        parse_options=arrow_csv.ParseOptions(newlines_in_values=True),
        convert_options=arrow_csv.ConvertOptions(
            include_columns=names, column_types=dict.fromkeys(names, pa.binary()), strings_can_be_null=False
        ),
    )


def _read_json_lines(buffer: pa.Buffer) -> pa.Table:
    """JSON lines by Arrow's reader; by Python's where a column mixes types or holds too large integers."""
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
    rows = []
    for number, line in enumerate(buffer.to_pybytes().splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line.decode("utf-8", errors="surrogateescape"))
        except json.JSONDecodeError as error:
            raise ValueError(f"line {number} is no JSON: {error.msg}") from error
        if not isinstance(row, dict):
            raise ValueError(f"line {number} is no JSON object")
        rows.append(row)
    if not rows:
        raise ValueError("there is not one line in it")
    names = list(dict.fromkeys(name for row in rows for name in row))
    return pa.table({name: _mixed(row.get(name) for row in rows) for name in names})


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


def _settled(path: Path, contract: TableContract, name: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The column in one of few Arrow types: int64, uint64, float64, bool, string, binary or null."""
    kind, types = column.type, pa.types
    if types.is_dictionary(kind):
        column = column.cast(kind.value_type)
        kind = column.type
    contract_column = contract.column(name)
    is_time = contract_column is not None and contract_column.type is ColumnType.TIME
    if types.is_timestamp(kind) and kind.tz is not None:
        return column.cast(pa.timestamp("ms", tz="UTC"), safe=False).cast(pa.int64())
    if is_time and types.is_temporal(kind):
        raise FileRejected(path, f"column {name!r} has times without a zone ({kind}); {_ZONE_REMEDY}")
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        column = column.cast(pa.large_binary()).cast(pa.binary())
        kind = column.type
    if types.is_large_binary(kind) or types.is_binary_view(kind) or types.is_fixed_size_binary(kind):
        column = column.cast(pa.binary())
        kind = column.type
    if types.is_binary(kind):
        column = _text_if_valid(column)
        if is_time and types.is_string(column.type):
            _refuse_naive(path, name, column)
        return column
    if types.is_unsigned_integer(kind):
        return column.cast(pa.uint64())
    if types.is_integer(kind):
        return column.cast(pa.int64())
    if types.is_floating(kind) or types.is_decimal(kind):
        return column.cast(pa.float64())
    if types.is_boolean(kind) or types.is_null(kind):
        return column
    raise FileRejected(path, f"column {name!r} has type {kind}, which is neither text, a number nor a flag")


def _text_if_valid(column: pa.ChunkedArray) -> pa.ChunkedArray:
    try:
        return column.cast(pa.string())
    except pa.ArrowInvalid:
        return column


def _refuse_naive(path: Path, name: str, column: pa.ChunkedArray) -> None:
    """Refuse a text column whose times are all naive; single naive ones among others are the gate's."""
    any_zoned = pc.any(pc.match_substring_regex(column, _ZONED_OR_EPOCH)).as_py()
    naive = column.filter(pc.match_substring_regex(column, _NAIVE)) if not any_zoned else None
    if naive is not None and len(naive):
        raise FileRejected(
            path, f"column {name!r} has times without a zone, such as {naive[0].as_py()!r}; {_ZONE_REMEDY}"
        )


_ZONE_REMEDY = (
    "write UTC instants: ISO 8601 with an offset (2026-05-08T09:30:00Z), a zoned Parquet timestamp, "
    "or epoch milliseconds"
)
