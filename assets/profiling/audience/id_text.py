"""Text that lists ids, as analysts export it: its encoding, its separator and its header; cells stay text.

What was recognised is said with the ids, and in every refusal: `separated by semicolons, in UTF-16`.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from assets.common.faults import BadRequest
from assets.profiling.audience.id_headers import id_column, is_header, shown

if TYPE_CHECKING:
    import pyarrow as pa

LONGEST_LINE = 2**20  #: characters of a first line; beyond it the file has lost its line ends
INSIDE_IDS = "|"  #: stands in ids of some account services, such as auth0|5f7c
FALL_BACK = "Windows-1252 (it is no UTF-8)"

#: byte order marks → codec, and how it is called; None: nobody writes a list in it
_MARKS: dict[bytes, tuple[str | None, str]] = {
    b"\xff\xfe\0\0": (None, "UTF-32"),
    b"\0\0\xfe\xff": (None, "UTF-32"),
    b"\xff\xfe": ("utf-16", "UTF-16"),
    b"\xfe\xff": ("utf-16", "UTF-16"),
    b"\xef\xbb\xbf": ("utf-8-sig", "UTF-8"),
}
_NO_TEXT = re.compile(r"[\0-\x08\x0e-\x1f\x7f]")
_WIDE_LETTERS = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_EMPTY_LINES = re.compile(r"(?m)^[^\S\n\t]*\n")
_SEPARATOR_LINE = re.compile(r"^\"?sep=(.)\"?$")  #: first line that Excel understands


@dataclass(frozen=True)
class IdCells:
    """The column of ids of a text."""

    cells: pa.ChunkedArray  #: text
    name: str | None  #: of the column or header; None: every line is an id
    form: str  #: separator and encoding, in words


def decoded(path: Path, content: bytes) -> tuple[str, str]:
    """Text with line ends as `\\n` and no byte order mark, and its encoding in words.

    UTF-8 and, with a byte order mark, UTF-16; what is neither is taken for Windows-1252. Raises BadRequest
    for UTF-8 with broken letters, UTF-16 that is cut short or has no mark, and bytes that are no text.
    """
    codec, name = next(
        (known for mark, known in _MARKS.items() if content.startswith(mark)), ("utf-8", "UTF-8")
    )
    if codec is None:
        raise BadRequest(f"{path} is text in {name}: save it as CSV UTF-8")
    if codec != "utf-16" and b"\0" in content:
        why = "text in UTF-16 or UTF-32 without a byte order mark: save it as CSV UTF-8"
        if content.count(b"\0") * 4 < len(content):
            why = "no text (it holds zero bytes): write CSV or Parquet with a column user_id"
        raise BadRequest(f"{path} is {why}")
    try:
        text = content.decode(codec)
    except UnicodeDecodeError as error:
        if codec == "utf-16":
            raise BadRequest(f"{path} is UTF-16 that is damaged or cut short: write it again") from error
        text, name = _without_utf_8(path, content, error), FALL_BACK
    text = text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\x1a")
    if odd := _NO_TEXT.search(text):
        line = text.count("\n", 0, odd.start()) + 1
        raise BadRequest(
            f"{path} is no text: line {line} holds the byte 0x{ord(odd[0]):02x} (read as {name}); write CSV "
            "or Parquet with a column user_id"
        )
    return text, name


def _without_utf_8(path: Path, content: bytes, error: UnicodeDecodeError) -> str:
    """The text in the encoding of old Windows programs; refused where most wide letters are UTF-8's."""
    broken = content.decode("utf-8", errors="replace").count("\ufffd")
    if len(_WIDE_LETTERS.findall(content)) > broken:
        line = content.count(b"\n", 0, error.start) + 1
        raise BadRequest(
            f"{path}, line {line}: byte 0x{content[error.start]:02x} is no UTF-8, while other letters are: "
            "the file is damaged; save it as CSV UTF-8 again"
        )
    try:
        return content.decode("cp1252")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def ids_of_text(path: Path, text: str, encoding: str) -> IdCells:
    """The ids of delimited text, or of one id a line.

    Args:
        path: names the file in refusals, and `.tsv` the separator.
        text: decoded.
        encoding: of the text, in words.

    Raises:
        BadRequest: several columns without a usual name for one of them, rows of another width, or a line
            without end.
    """
    import pyarrow as pa

    text, separator = _EMPTY_LINES.sub("", text), None
    if marked := _SEPARATOR_LINE.match(text.split("\n", 1)[0]):
        separator, text = marked.group(1), text.partition("\n")[2]
    first = text.split("\n", 1)[0].strip(" ")
    if len(first) > LONGEST_LINE:
        raise BadRequest(
            f"{path}: its first line has {len(first):,} characters (in {encoding}): the line ends are lost; "
            "write one id a line"
        )
    if not first:
        return IdCells(pa.chunked_array([[]], pa.string()), None, f"in {encoding}")
    separator = separator or _separator(path, first)
    if separator is None:
        return _one_a_line(path, text, first, encoding)
    form = f"separated by {_called(separator)}, in {encoding}"
    names = _cells(first, separator)
    if not any(map(is_header, names)):
        if sum(map(bool, names)) == 1:  # ids with separators behind them
            bare = re.sub(rf"(?m){re.escape(separator)}+[ ]*$", "", text)
            return _one_a_line(path, bare, bare.split("\n", 1)[0].strip(" "), encoding)
        raise BadRequest(
            f"{path} has {len(names)} columns, {form}, and none of its first line ({shown(names)}) is a "
            "usual name for user ids: write a first line with the columns' names, the users' ids being "
            "user_id, or one id a line"
        )
    position = id_column(path, names, f"{form}; its first line is")
    rows = _rows(path, text.partition("\n")[2], separator, names, form)
    return IdCells(rows.column(position), names[position], form)


def _called(separator: str) -> str:
    from warehouse.landing.file_kinds import SEPARATORS

    return SEPARATORS.get(separator, repr(separator))


def _one_a_line(path: Path, text: str, first: str, encoding: str) -> IdCells:
    """A list of ids, the header taken off where there is one."""
    import pyarrow.compute as pc

    from warehouse.landing.file_kinds import SEPARATORS

    first = _cells(first, "\n")[0]
    headed = is_header(first)
    words = first.split()
    if not headed and len(words) > 1 and any(map(is_header, words)):
        raise BadRequest(
            f"{path}: spaces separate the columns of its first line ({shown(words)}; in {encoding}): put "
            "commas there, or write one id a line"
        )
    cells = _csv(text.partition("\n")[2] if headed else text, "\x1f", 1).column(0)
    for mark, name in SEPARATORS.items():
        wide = pc.match_substring(cells, mark) if mark != INSIDE_IDS else None
        # A number with a decimal comma is one cell.
        if wide is not None and mark == ",":
            wide = pc.and_not(wide, pc.match_substring_regex(cells, r"^\s*\d+,\d+([eE][+-]?\d+)?\s*$"))
        if wide is not None and pc.any(wide).as_py():
            raise BadRequest(
                f"{path} cannot be read as one id a line (in {encoding}): "
                f"{cells.filter(wide)[0].as_py()[:100]!r} has {name} and the first line has none; write a "
                "first line with the columns' names, or ids alone"
            )
    return IdCells(cells, first if headed else None, f"in {encoding}")


def _separator(path: Path, first: str) -> str | None:
    """What splits the first line so that a cell names user ids; else what splits it into the most cells."""
    from warehouse.landing.file_kinds import SEPARATORS

    counts = {mark: len(_cells(first, mark)) for mark in SEPARATORS}
    if ".tsv" in path.suffixes and counts["\t"] > 1:
        return "\t"
    named = [mark for mark, cells in counts.items() if cells > 1 and any(map(is_header, _cells(first, mark)))]
    best = max(named or counts, key=lambda mark: counts[mark])
    return best if counts[best] > 1 else None


def _cells(line: str, separator: str) -> list[str]:
    """The cells of one line, quotes taken off."""
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=separator, strict=False), [""])]
    except (csv.Error, TypeError):
        return [line.strip()]


def _rows(path: Path, text: str, separator: str, names: list[str], form: str) -> pa.Table:
    """Rows as wide as the header; a separator at the end of every row, or of the header alone, is let go."""
    import pyarrow as pa

    width = len(names)
    try:
        return _csv(text, separator, width)
    except pa.ArrowInvalid as error:
        bare = re.sub(rf"(?m){re.escape(separator)}[ ]*$", "", text)
        trials = [(bare, width), (text, width - 1 if not names[-1] else width)]
        for rows, columns in trials:
            try:
                return _csv(rows, separator, columns)
            except pa.ArrowInvalid:
                continue
        what = str(error).splitlines()[0]
        raise BadRequest(
            f"{path} has rows of another width than its first line, {form} ({what[:300]}): write all rows "
            "with as many columns as the first line"
        ) from error


def _csv(text: str, separator: str, width: int) -> pa.Table:
    """Rows of `width` text cells; ArrowInvalid, which names the row, where one has another number."""
    import pyarrow as pa
    import pyarrow.csv as arrow_csv

    names = [f"c{number}" for number in range(width)]
    if not text.strip():
        return pa.table({name: pa.array([], pa.string()) for name in names})
    content = text.encode()
    return arrow_csv.read_csv(
        pa.BufferReader(content),
        # One block: a line that straddles two is an error of Arrow's own.
        read_options=arrow_csv.ReadOptions(column_names=names, block_size=max(len(content), 2**20)),
        parse_options=arrow_csv.ParseOptions(delimiter=separator, newlines_in_values=True),
        convert_options=arrow_csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
        ),
    )
