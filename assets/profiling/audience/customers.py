"""The ids of a customers' file, as they stand there: no id passes through a number with a fraction.

Text (CSV and its kin, one id a line, JSON lines) is read as text; columns of Parquet and Arrow files are cast
in Arrow, integers to their digits. What can mean two things is refused with a sentence that says what to do.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from assets.common.faults import BadRequest
from assets.profiling.audience import id_text

if TYPE_CHECKING:
    import pyarrow as pa

ID_COLUMN = "user_id"
AS_TEXT = "in pandas: frame.astype({'user_id': 'Int64'}).astype({'user_id': 'string'})"

_ALONE = {"id", "ids", "uid", "uuid", "guid"}
_WHO = (
    "user|customer|cust|client|member|account|acct|household|person|visitor|subscriber|buyer|shopper|"
    "contact|loyalty|card"
)
_HEADER = re.compile(rf"(?:{_WHO})(?:id|key|no|nr|num|number|code)?s?")
#: How a spreadsheet or a float column writes a whole number: 123.0, 9.1E+18, 9E+18. Hexadecimal digits such
#: as 12e4 are none of these.
_FRACTION = r"^[+-]?\d+(\.0*|\.\d+[eE][+-]?\d+|[eE]\+\d+)$"

#: First bytes → what the file is, and what to do with it.
_NO_LIST = {
    b"PK\x03\x04": "an Excel workbook or another zip archive: save its sheet as CSV (UTF-8), or unpack it",
    b"PK\x05\x06": "an empty zip archive: save the list as CSV (UTF-8)",
    b"\xd0\xcf\x11\xe0": "an Excel workbook of the old form: save its sheet as CSV (UTF-8)",
    b"%PDF": "a PDF: save the list as CSV (UTF-8)",
    b"7z\xbc\xaf": "a 7-Zip archive: unpack it",
    b"Rar!": "a RAR archive: unpack it",
    b"\x28\xb5\x2f\xfd": "compressed with zstd: unpack it",
    b"BZh": "compressed with bzip2: unpack it",
    b"\xfd7zXZ": "compressed with xz: unpack it",
    b"SQLite format 3": "an SQLite database: export the list as CSV (UTF-8)",
    b"\xff\xfe": "text in UTF-16 (Excel calls it Unicode text): save it as CSV UTF-8",
    b"\xfe\xff": "text in UTF-16 (Excel calls it Unicode text): save it as CSV UTF-8",
}


@dataclass(frozen=True)
class CustomerList:
    """The ids of a file, each once, in the order of the file."""

    path: Path
    ids: tuple[str, ...]
    rows: int  #: ids in the file, repeats included
    blanks: int = 0  #: rows of a table without an id; empty lines are no rows
    column: str | None = None  #: name of the column or header that was read; None: every line is an id

    @property
    def repeats(self) -> int:
        """Rows that name an id again."""
        return self.rows - len(self.ids)

    @property
    def remark(self) -> str:
        """What of the file was taken and what was left out, in words."""
        read = "one id a line" if self.column is None else f"column {self.column!r}"
        counts = {"ids": len(self.ids), "rows that repeat one": self.repeats, "rows without one": self.blanks}
        return f"{read}; " + ", ".join(f"{what}: {count:,}" for what, count in counts.items())


def read_customers(path: Path) -> CustomerList:
    """The ids of a customers' file: one id a line, or the column of a table that names users.

    The column is `user_id` in any spelling (User ID, userId), or the only one with a name such as id or
    customer_id. Ids are text: digits stay as they are, leading zeros too; spaces around them are cut.

    Raises:
        BadRequest: no such file, a form that is no list, no column or several that may be meant, ids that
            went through numbers with fractions, or not one id.
    """
    import pyarrow as pa

    if not path.is_file():
        raise BadRequest(f"{path} is not a file: name the file with the customers' ids")
    try:
        column, name = _column(path, path.read_bytes())
    except (OSError, ValueError, pa.ArrowException) as error:  # unreadable Parquet, ragged CSV
        if isinstance(error, BadRequest):
            raise
        what = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BadRequest(
            f"{path} cannot be read as a list of user ids ({what}): write CSV or Parquet with a column "
            f"{ID_COLUMN}, or text with one id a line"
        ) from error
    return _listed(path, _as_text(path, column, name), name)


def is_header(cell: str) -> bool:
    """Whether a cell names a column of user ids and is none itself: user_id, User ID, customerId, id …"""
    plain = _plain(cell)
    return plain in _ALONE or _HEADER.fullmatch(plain) is not None


def id_column(path: Path, names: list[str], where: str) -> int:
    """Position of the column of user ids; `where` says what the names are, for the refusal.

    Raises BadRequest where there is none, or several that may be meant.
    """
    listed = ", ".join(repr(name) for name in names)
    for match in (lambda name: _plain(name) == _plain(ID_COLUMN), is_header):
        fitting = [position for position, name in enumerate(names) if match(name)]
        if len(fitting) > 1:
            raise BadRequest(
                f"{path} has {len(fitting)} columns that may hold the user ids "
                f"({', '.join(repr(names[position]) for position in fitting)}; {where}: {listed}): name the "
                f"right one {ID_COLUMN}, and no other"
            )
        if fitting:
            return fitting[0]
    raise BadRequest(
        f"{path} has no column {ID_COLUMN} ({where}: {listed}): give the column of the users' ids that name"
    )


def _plain(name: str) -> str:
    """Letters and digits alone, in lower case."""
    return re.sub(r"[\W_]+", "", name).lower()


def _column(path: Path, content: bytes) -> tuple[pa.ChunkedArray, str | None]:
    """The column of ids as it lies in the file, and its name."""
    import pyarrow as pa

    if content.startswith(b"\x1f\x8b"):
        content = pa.CompressedInputStream(pa.BufferReader(content), "gzip").read()
    for magic, what in _NO_LIST.items():
        if content.startswith(magic):
            raise BadRequest(f"{path} is {what}")
    reader = pa.BufferReader(content)
    if content.startswith(b"PAR1"):
        import pyarrow.parquet as parquet

        file = parquet.ParquetFile(reader)
        names = file.schema_arrow.names
        name = names[id_column(path, names, "it has")]
        # A dot in a name would be read as a path into a nested column.
        return file.read(columns=None if "." in name else [name])[name], name
    if content.startswith((b"ARROW1", b"\xff\xff\xff\xff")):
        opened = pa.ipc.open_file if content.startswith(b"ARROW1") else pa.ipc.open_stream
        table = opened(reader).read_all()
        position = id_column(path, table.column_names, "it has")
        return table.column(position), table.column_names[position]
    text = id_text.decoded(path, content)
    if id_text.is_json(path, text):
        return id_text.json_ids(path, text, lambda names: id_column(path, names, "its keys are"))
    table, names = id_text.table_of(path, text, is_header)
    if not names:
        return table.column(0), None
    position = id_column(path, names, "its first line is")
    return table.column(position), names[position]


def _as_text(path: Path, column: pa.ChunkedArray, name: str | None) -> pa.ChunkedArray:
    """Ids as text, without a detour through floats; gaps stay null."""
    import pyarrow as pa

    what, types = f"column {name!r} of {path}", pa.types
    while types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    kind = column.type
    if types.is_floating(kind) or (types.is_decimal(kind) and kind.scale > 0):
        raise BadRequest(
            f"{what} holds numbers with fractions ({kind}): ids above 2^53 that went through them are other "
            f"ids already; write the ids as text, from the place where they were still text or integers "
            f"({AS_TEXT})"
        )
    if types.is_binary(kind) or types.is_large_binary(kind) or types.is_binary_view(kind):
        return column.cast(pa.large_binary()).cast(pa.large_string())
    if types.is_null(kind) or types.is_integer(kind) or types.is_decimal(kind):
        return column.cast(pa.string())
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        return column.cast(pa.large_string())
    raise BadRequest(f"{what} has type {kind}: write the ids as text or whole numbers")


def _listed(path: Path, column: pa.ChunkedArray, name: str | None) -> CustomerList:
    """Spaces cut, gaps counted, each id once."""
    import pyarrow.compute as pc

    ids = pc.fill_null(pc.utf8_trim_whitespace(column), "")
    named = ids.filter(pc.not_equal(ids, ""))
    if not len(named):
        raise BadRequest(f"{path} holds no user id: write one a line, or a column {ID_COLUMN}")
    broken = named.filter(pc.match_substring(named, "\n"))
    if len(broken):
        raise BadRequest(
            f"{path}: a quotation mark is opened before {broken[0].as_py()[:40]!r} and never closed"
        )
    fractions = named.filter(pc.match_substring_regex(named, _FRACTION))
    if len(fractions):
        raise BadRequest(
            f"{path} has ids that went through numbers with fractions ({len(fractions):,} of {len(named):,}) "
            f"such as {fractions[0].as_py()!r}: their last digits may be lost; write them as text (in a "
            f"spreadsheet, the column's format is Text before the ids are put in; {AS_TEXT})"
        )
    return CustomerList(path, tuple(pc.unique(named).to_pylist()), len(named), len(ids) - len(named), name)
