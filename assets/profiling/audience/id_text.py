"""Text that lists ids: its encoding, its delimiter and its header, JSON lines; every cell stays text."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assets.common.faults import BadRequest

if TYPE_CHECKING:
    import pyarrow as pa

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
INSIDE_IDS = "|"  #: stands in ids of some account services, such as auth0|5f7c
EXAMPLE = '{"user_id": "u17"}'
JSON_ENDINGS = (".json", ".jsonl", ".ndjson")
_EMPTY_LINES = re.compile(r"\A(?:[^\S\n]*\n)+")
_SEPARATOR_LINE = re.compile(r"^\"?sep=(.)\"?$")  #: first line that Excel understands


def decoded(path: Path, content: bytes) -> str:
    """Text in UTF-8 with line ends as `\\n`, without a byte order mark.

    Raises BadRequest for another encoding, or for bytes that are no text.
    """
    if b"\0" in content:
        why = "text in UTF-16 or UTF-32: save it as CSV UTF-8"
        if content.count(b"\0") * 4 < len(content):
            why = "no text (it holds zero bytes): write CSV or Parquet with a column user_id"
        raise BadRequest(f"{path} is {why}")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise BadRequest(
            f"{path}, line {line}: byte 0x{content[error.start]:02x} is no UTF-8: save the file as CSV UTF-8"
        ) from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def is_json(path: Path, text: str) -> bool:
    """Whether the text is JSON, by the file's name or by its first line; an id in braces is none."""
    names = {suffix.lower() for suffix in path.suffixes}
    if names & set(JSON_ENDINGS):
        return True
    start = text.lstrip()
    if not start.startswith(("{", "[")):
        return False
    try:
        json.loads(start.split("\n", 1)[0])
    except json.JSONDecodeError:
        return start.startswith(("{\n", "[\n"))
    return True


def json_ids(path: Path, text: str, choose: Callable[[list[str]], int]) -> tuple[pa.ChunkedArray, str | None]:
    """Ids of JSON lines or of one JSON array, numbers as they are written, and the name of their key.

    `choose` gives the position of the key among the names; a bare list of ids has none. Raises BadRequest for
    what is neither objects nor ids, with the line.
    """
    import pyarrow as pa

    values, name = _json_values(path, text), None
    if values and all(isinstance(value, dict) for value in values):
        names = list(dict.fromkeys(key for value in values for key in value))
        name = names[choose(names)]
        values = [value.get(name) for value in values]
    odd = [value for value in values if not isinstance(value, str | None)]
    if odd:
        raise BadRequest(
            f"{path} holds {json.dumps(odd[0])[:60]} where an id is expected: write one object a line, such "
            f"as {EXAMPLE}"
        )
    return pa.chunked_array([pa.array(values, type=pa.large_string())]), name


def _json_values(path: Path, text: str) -> list[Any]:
    decoder = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str)
    if text.lstrip().startswith("["):
        values = _parsed(path, decoder, text, "the file")
        return values if isinstance(values, list) else [values]
    lines = enumerate(text.split("\n"), start=1)
    return [_parsed(path, decoder, line, f"line {number}") for number, line in lines if line.strip()]


def _parsed(path: Path, decoder: json.JSONDecoder, text: str, where: str) -> Any:
    try:
        return decoder.decode(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise BadRequest(
            f"{path}, {where} is no JSON ({error}): write one object a line, such as {EXAMPLE}"
        ) from error


def table_of(path: Path, text: str, is_header: Callable[[str], bool]) -> tuple[pa.Table, list[str]]:
    """The cells of delimited text, all of them text, and the names of its header.

    Names are empty for a list of ids, one a line and without a header.

    Args:
        path: names the file in refusals, and `.tsv` the delimiter.
        text: decoded.
        is_header: tells a column's name from an id.

    Raises:
        BadRequest: several columns without a name for one of them, or rows of another width.
    """
    import pyarrow as pa

    text, delimiter = _EMPTY_LINES.sub("", text), None
    if marked := _SEPARATOR_LINE.match(text.split("\n", 1)[0]):
        delimiter, text = marked.group(1), text.partition("\n")[2]
    first = text.split("\n", 1)[0].strip(" ")
    if not first:
        return pa.table({"": pa.array([], pa.string())}), []
    delimiter = delimiter or _delimiter(path, first, is_header)
    if delimiter is None:
        return _one_a_line(path, text, first, is_header)
    names = _cells(first, delimiter)
    if not any(map(is_header, names)):
        raise BadRequest(
            f"{path} has {len(names)} columns, separated by {DELIMITERS.get(delimiter, delimiter)}, and its "
            f"first line ({', '.join(names)[:200]}) names none of them as user ids: write a first line with "
            "the columns' names, the users' ids being user_id, or one id a line"
        )
    return _csv(text.partition("\n")[2], delimiter, len(names)), names


def _one_a_line(
    path: Path, text: str, first: str, is_header: Callable[[str], bool]
) -> tuple[pa.Table, list[str]]:
    """A list of ids, the header taken off where there is one."""
    import pyarrow as pa
    import pyarrow.compute as pc

    first = _cells(first, "\n")[0]
    headed = is_header(first)
    words = first.split()
    if not headed and len(words) > 1 and any(map(is_header, words)):
        raise BadRequest(
            f"{path}: spaces separate the columns of its first line ({first[:200]}): put commas there, "
            "or write one id a line"
        )
    table = _csv(text.partition("\n")[2] if headed else text, "\x1f", 1)
    cells = table.column(0)
    for mark, name in DELIMITERS.items():
        wide = pc.match_substring(cells, mark) if mark != INSIDE_IDS else None
        if wide is not None and pc.any(wide).as_py():
            raise BadRequest(
                f"{path} cannot be read as one id a line: {cells.filter(wide)[0].as_py()[:100]!r} has {name} "
                "and the first line has none; write a first line with the columns' names, or ids alone"
            )
    return pa.table({"": cells}), [first] if headed else []


def _delimiter(path: Path, first: str, is_header: Callable[[str], bool]) -> str | None:
    """The delimiter that splits the first line so that a cell names user ids; else the most frequent one."""
    counts = {mark: len(_cells(first, mark)) for mark in DELIMITERS}
    if ".tsv" in path.suffixes and counts["\t"] > 1:
        return "\t"
    named = [mark for mark, cells in counts.items() if cells > 1 and any(map(is_header, _cells(first, mark)))]
    best = max(named or counts, key=lambda mark: counts[mark])
    return best if counts[best] > 1 else None


def _cells(line: str, delimiter: str) -> list[str]:
    """The cells of one line, quotes taken off."""
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter, strict=False), [""])]
    except (csv.Error, TypeError):
        return [line.strip()]


def _csv(text: str, delimiter: str, width: int) -> pa.Table:
    """Rows of `width` text cells; ArrowInvalid, which names the row, where one has another number."""
    import pyarrow as pa
    import pyarrow.csv as arrow_csv

    names = [f"c{number}" for number in range(width)]
    if not text.strip():
        return pa.table({name: pa.array([], pa.string()) for name in names})
    return arrow_csv.read_csv(
        pa.BufferReader(text.encode()),
        read_options=arrow_csv.ReadOptions(column_names=names),
        parse_options=arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        convert_options=arrow_csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
        ),
    )
