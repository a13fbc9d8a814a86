"""JSON lines as Arrow columns: exact integers, text as it lies, and no nesting that ends the process."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as arrow_json

from warehouse.landing.limits import FileLimits
from warehouse.landing.rejection import FileRejected

NAMES = 10_000  #: columns of a file
SURE_CELLS = 2**24  #: that any file may fill: its names are not counted
NESTING = 64  #: levels; at 100,000 Arrow's reader ends the process

_EXACT = 2**53
_NO_OBJECT = re.compile(rb"(?:\A(?:\xef\xbb\xbf)?|\n)[ \t\r]*[^{\s]")
#: in one line: a string that a line break cuts is none, and may hide what Arrow's next block begins with
_STRINGS = re.compile(rb'"(?:[^"\\\r\n]|\\[^\r\n])*"')
#: each string of a line whole, with the colon behind it if it is a name
_NAMES = re.compile(rb'"(?:[^"\\\r\n]++|\\[^\r\n])*+"[ \t]*:?')
_PIECE = 2**24


def read_json_lines(path: Path, content: bytes) -> pa.Table:
    """JSON lines by Arrow's reader; by Python's where a column mixes types or holds too large integers."""
    if not content.strip():
        return pa.table({})
    _refuse_deep(path, content)
    _refuse_wide(path, content)
    buffer = pa.py_buffer(content)
    try:
        if _NO_OBJECT.search(content):  # a first line `null` ends the process inside Arrow's reader
            return read_line_by_line(content)
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
    return read_line_by_line(content)


def read_line_by_line(content: bytes) -> pa.Table:
    """JSON lines by Python's reader: a column of whole and decimal numbers is the text of each."""
    rows = []
    for number, line in enumerate(content.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line.decode("utf-8", errors="surrogateescape").lstrip("\ufeff"))
        except json.JSONDecodeError as error:
            raise ValueError(f"line {number} is no JSON: {error.msg}") from error
        if not isinstance(row, dict):
            raise ValueError(f"line {number} is no JSON object: write one object a line")
        rows.append(row)
    names = list(dict.fromkeys(name for row in rows for name in row))
    return pa.table({name: _mixed(row.get(name) for row in rows) for name in names})


def _refuse_deep(path: Path, content: bytes) -> None:
    """Refuse lines that nest deeper than NESTING: Arrow's reader would end the process."""
    if _depth(content) > NESTING and _depth(_STRINGS.sub(b"", content)) > NESTING:
        raise FileRejected(path, f"nests lists or objects deeper than {NESTING} levels: write flat lines")


def _refuse_wide(path: Path, content: bytes) -> None:
    """Refuse lines with ever new names: a column each, as long as the file, which takes rows x names."""
    names: set[bytes] = set()
    rows, cells = content.count(b"\n") + 1, FileLimits.current().whole.size // 8
    if rows * content.count(b":") <= SURE_CELLS:
        return
    for start in range(0, len(content), _PIECE):
        strings = set(_NAMES.findall(content[start : start + _PIECE]))
        names.update(text.rstrip(b": \t") for text in strings if text.endswith(b":"))
        if len(names) > NAMES or len(names) * rows > cells:
            raise FileRejected(
                path,
                f"has more than {min(NAMES, cells // rows):,} names in its {rows:,} lines, each of which "
                "would be a column: write what differs from line to line as a value",
            )


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
