"""One landed file as Arrow columns of the contract; taken or refused whole.

Values stay as they lie in the file; judging them is the gate's work. Only four things are settled here: CSV
is read as text (an id `007` stays `007`), whole numbers of id columns become text, zoned timestamps become
epoch milliseconds, and text that is no valid UTF-8 stays binary, so that the gate sees the very bytes.
"""

from __future__ import annotations

import difflib
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from warehouse.landing.column_kinds import is_list_of_numbers
from warehouse.landing.contract import ColumnType, TableContract
from warehouse.landing.formats import OpenedFile, contents, open_file
from warehouse.landing.records import SourceFile
from warehouse.landing.rejection import FileRejected

__all__ = ["FileRejected"]

_ZONED_OR_EPOCH = r"^\s*[+-]?\d+\s*$|[Tt ]\d{2}(:?\d{2}){0,2}([.,]\d+)?\s?([Zz]|[+-]\d{2}(:?\d{2})?)\s*$"
_NAIVE = r"^\s*\d{4}-\d{2}-\d{2}([Tt ]\d{2}(:?\d{2}){0,2}([.,]\d+)?)?\s*$"
_ZONE_REMEDY = (
    "write UTC instants: ISO 8601 with an offset (2026-05-08T09:30:00Z), a zoned Parquet timestamp, "
    "or epoch milliseconds"
)


@dataclass(frozen=True)
class FileRows:
    """The contract's columns of one file, and what was left out or read under another name.

    `columns` are named and ordered as the contract's columns stand in the file; `extra` are the names of its
    other columns; `renamed` has header → column of the contract, where a header differs in case or spaces.
    """

    columns: pa.Table
    record: SourceFile
    extra: tuple[str, ...]
    renamed: dict[str, str]


def read_file(path: Path, contract: TableContract, relative: str) -> FileRows:
    """One file whole.

    Raises FileRejected with the path and the column: unreadable or cut short, larger than the limit, a
    required column missing, a column twice, times without a zone, or a type that no column of the contract
    can have.
    """
    content = contents(path)
    record = record_of(content, relative)
    opened = open_file(path, content)
    if not opened.names:  # JSON lines without a line: a quiet hour
        return FileRows(pa.table({name: pa.nulls(0) for name in contract.required}), record, (), {})
    headers = contract_headers(path, contract, opened.names)
    table = _read(opened, contract, headers)
    columns = {name: _settled(path, contract, name, table[header]) for header, name in headers.items()}
    return FileRows(
        columns=pa.table(columns),
        record=record,
        extra=tuple(name for name in opened.names if name not in headers),
        renamed={header: name for header, name in headers.items() if header != name},
    )


def record_of(content: bytes, relative: str) -> SourceFile:
    """The record of a file with this content."""
    return SourceFile(relative, len(content), hashlib.sha256(content).hexdigest())


def opened_file(path: Path) -> OpenedFile:
    """A file's column names, in file order, and a way to read them; FileRejected where it cannot be read."""
    return open_file(path, contents(path))


def column_of(path: Path, contract: TableContract, name: str) -> pa.ChunkedArray:
    """One required column of a file, as `read_file` gives it; FileRejected as there."""
    opened = opened_file(path)
    if not opened.names:
        return pa.chunked_array([pa.nulls(0, pa.string())])
    headers = contract_headers(path, contract, opened.names)
    header = next(header for header, column in headers.items() if column == name)
    return _settled(path, contract, name, _read(opened, contract, {header: name})[header])


def _read(opened: OpenedFile, contract: TableContract, headers: dict[str, str]) -> pa.Table:
    columns = {header: contract.column(name) for header, name in headers.items()}
    ids = [header for header, column in columns.items() if column and column.type is ColumnType.ID]
    return opened.read_ids(list(headers), ids)


def contract_headers(path: Path, contract: TableContract, names: list[str]) -> dict[str, str]:
    """Header → column of the contract, in file order.

    A header that differs from a column in case, spaces, hyphens or underscores alone is that column, if no
    other header is. FileRejected: a required column is missing, a column occurs twice, two headers fit one.
    """
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise FileRejected(path, f"column {twice[0]!r} occurs more than once")
    headers = {name: name for name in names if contract.column(name)}
    by_letters: dict[str, list[str]] = {}
    for name in names:
        if name not in headers:
            by_letters.setdefault(letters(name), []).append(name)
    for column in contract.columns:
        alike = by_letters.get(letters(column.name), [])
        if column.name in headers or not alike:
            continue
        if len(alike) > 1:
            both = " and ".join(map(repr, alike[:2]))
            raise FileRejected(path, f"columns {both} may both be {column.name!r}: give one that very name")
        headers[alike[0]] = column.name
    missing = [name for name in contract.required if name not in headers.values()]
    if missing:
        raise FileRejected(path, _missing(contract, missing[0], names))
    return {name: headers[name] for name in names if name in headers}


def _missing(contract: TableContract, column: str, names: list[str]) -> str:
    headers = {letters(name): name for name in names}
    near = difflib.get_close_matches(letters(column), headers, n=1, cutoff=0.7)
    text = f"required column {column!r} of table {contract.name} is missing; the file has "
    text += ", ".join(names)
    if near:
        return f"{text}: call {headers[near[0]]!r} {column!r} if that is it"
    if not any(contract.column(name) for name in names):
        return f"{text}: is the line with the column names missing, or is it the file of another table?"
    return text


def letters(name: str) -> str:
    """A name without case, spaces, hyphens and underscores: headers that agree in it mean one column."""
    return re.sub(r"[\s_\-\ufeff]", "", name).casefold()


def _settled(path: Path, contract: TableContract, name: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The column in one of few Arrow types: int64, uint64, float64, bool, string, binary, null, a list."""
    kind, types = column.type, pa.types
    if types.is_dictionary(kind):
        column = column.cast(kind.value_type)
        kind = column.type
    contract_column = contract.column(name)
    role = contract_column.type if contract_column else None
    if types.is_timestamp(kind) and kind.tz is not None:
        return column.cast(pa.timestamp("ms", tz="UTC"), safe=False).cast(pa.int64())
    if role is ColumnType.TIME and types.is_temporal(kind):
        raise FileRejected(path, f"column {name!r} has times without a zone ({kind}); {_ZONE_REMEDY}")
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        column = column.cast(pa.large_binary()).cast(pa.binary())
        kind = column.type
    if types.is_large_binary(kind) or types.is_binary_view(kind) or types.is_fixed_size_binary(kind):
        column = column.cast(pa.binary())
        kind = column.type
    if types.is_binary(kind):
        column = _text_if_valid(column)
        if role is ColumnType.TIME and types.is_string(column.type):
            _refuse_naive(path, name, column)
        return column
    if types.is_integer(kind):
        if role is ColumnType.ID:
            return column.cast(pa.string())
        return column.cast(pa.uint64() if types.is_unsigned_integer(kind) else pa.int64())
    if types.is_decimal(kind):
        return _whole_decimals(column) if role is ColumnType.ID else column.cast(pa.float64())
    if types.is_floating(kind):
        return column.cast(pa.float64())
    if types.is_boolean(kind) or types.is_null(kind):
        return column
    if role is ColumnType.VECTOR and is_list_of_numbers(kind):
        return column.cast(pa.list_(pa.float32()), safe=False)
    wanted = "text, a number nor a flag" if role is not ColumnType.VECTOR else "a list of numbers nor text"
    raise FileRejected(path, f"column {name!r} has type {kind}, which is neither {wanted}")


def _whole_decimals(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Decimals of an id column as the text of whole numbers; as floats, which the gate refuses, otherwise."""
    try:
        return column.cast(pa.decimal128(38, 0)).cast(pa.string())
    except pa.ArrowInvalid:
        return column.cast(pa.float64())


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
