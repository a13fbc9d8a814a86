"""Opening a landed file by its format: Parquet, CSV (comma, semicolon, tab, bar) or JSON lines, or gzipped.

What a file may cost is bounded before it is parsed (`warehouse.landing.limits`).
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as arrow_csv

from warehouse.landing.file_kinds import SEPARATORS, is_gzip, refuse_other_kinds, unpacked
from warehouse.landing.json_lines import read_json_lines, read_line_by_line
from warehouse.landing.limits import FileLimits
from warehouse.landing.parquet_files import ParquetContent
from warehouse.landing.rejection import FileRejected, guarded

_CHUNK = 2**24
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True)
class OpenedFile:
    """A file's column names, in file order, and a function that reads some of them (CSV: as binary)."""

    path: Path
    names: list[str]
    reader: Callable[[list[str]], pa.Table]
    #: gives whole numbers beside decimal ones as they are written, where `reader` makes all of them decimal
    exact: Callable[[list[str]], pa.Table] | None = None

    def read(self, names: list[str]) -> pa.Table:
        """These columns; FileRejected where they cannot be read."""
        return guarded(self.path, lambda: self.reader(names))

    def read_ids(self, names: list[str], ids: Sequence[str]) -> pa.Table:
        """These columns; of `ids` among them, a whole number beside a decimal one stays as it is written."""
        table, exact = self.read(names), self.exact
        if exact and any(pa.types.is_floating(table[name].type) for name in ids):
            return guarded(self.path, lambda: exact(names))
        return table


def contents(path: Path) -> bytes:
    """A file's bytes; FileRejected where it cannot be opened or is too large."""
    try:
        limit = FileLimits.current().whole
        if path.stat().st_size > limit.size:
            raise limit.refusal(path)
        return path.read_bytes()
    except OSError as error:
        raise FileRejected(path, f"cannot be opened ({error})") from error


def open_file(path: Path, content: bytes) -> OpenedFile:
    """A file opened by its name and first bytes; FileRejected where it is something else or too large."""
    name = path.name.lower()
    text_of_lines = name.endswith((".jsonl", ".ndjson"))
    if not content and not text_of_lines:
        raise FileRejected(path, "cannot be read, perhaps cut short or still being written (it is empty)")
    limits = FileLimits.current()
    zipped = name.endswith(".gz")
    if zipped or is_gzip(content):
        content = unpacked(path, content, limits.unpacked(len(content)))
        name = name.removesuffix(".gz")
    if name.endswith(".parquet"):
        return open_parquet(path, content)
    _refuse_no_text(path, content)
    limits.refuse_rows(path, content.count(b"\n") or content.count(b"\r"))
    if name.endswith((".csv", ".tsv")):
        return _open_csv(path, content)
    lines = guarded(path, lambda: read_json_lines(path, content))
    return OpenedFile(
        path, lines.schema.names, lines.select, lambda names: read_line_by_line(content).select(names)
    )


def _refuse_no_text(path: Path, content: bytes) -> None:
    refuse_other_kinds(path, content)
    if content.startswith(_UTF_16):
        raise FileRejected(path, "is UTF-16 text: save it as UTF-8")
    if content[:4] == b"PAR1":
        raise FileRejected(path, "is a Parquet file: call it .parquet")
    if b"\x00" in content[:4096]:
        raise FileRejected(path, "has NUL bytes, as UTF-16 text or a binary file has: save it as UTF-8 text")


def open_parquet(path: Path, content: bytes) -> OpenedFile:
    """A Parquet file; FileRejected where it is none, or too much."""
    file = ParquetContent(path, content)
    return OpenedFile(path, file.schema.names, file.read)


def _open_csv(path: Path, content: bytes) -> OpenedFile:
    parsing = arrow_csv.ParseOptions(delimiter=delimiter_of(content), newlines_in_values=True)
    buffer = pa.py_buffer(content if b"\n" in content else content + b"\n")  # a header alone: a quiet hour

    def read(names: list[str]) -> pa.Table:
        options = arrow_csv.ConvertOptions(
            include_columns=names, column_types=dict.fromkeys(names, pa.binary()), strings_can_be_null=False
        )
        table = arrow_csv.read_csv(pa.BufferReader(buffer), parse_options=parsing, convert_options=options)
        if content.count(b"\n") > len(table) + 1 and b'"' in content:
            _refuse_open_quotes(path, content, parsing.delimiter)
        return table

    names = guarded(
        path, lambda: arrow_csv.open_csv(pa.BufferReader(buffer), parse_options=parsing).schema.names
    )
    return OpenedFile(path, names, read)


def _refuse_open_quotes(path: Path, content: bytes, delimiter: str) -> None:
    """Refuse a quotation mark that is not closed, or not at the end of a value: it swallows whole lines."""
    lines = io.TextIOWrapper(io.BytesIO(content), encoding="utf-8", errors="replace", newline="")
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    try:
        for _ in reader:
            pass
    except csv.Error as error:
        raise FileRejected(
            path,
            f"a quotation mark up to line {reader.line_num} is not closed ({error}): in a value, double it",
        ) from error


def delimiter_of(content: bytes) -> str:
    """The sign that cuts the header line into the most names; a comma where none does, or as many."""
    first = re.split(rb"[\r\n]", content[:_CHUNK].removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n"), maxsplit=1)[
        0
    ]
    line = first.decode("utf-8", errors="replace")

    def columns(delimiter: str) -> int:
        return len(next(csv.reader(io.StringIO(line), delimiter=delimiter), []))

    return max(SEPARATORS, key=columns)
