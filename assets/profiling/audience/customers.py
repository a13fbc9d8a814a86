"""The ids of a customers' file, as they stand there: no id passes through a number with a fraction.

Text (CSV and its kin, one id a line, JSON lines) is read as text; columns of Parquet and Arrow files are cast
in Arrow, integers to their digits. What can mean two things is refused with a sentence that says what to do.
Ids that went through such a number before they came here are `known_ids`' to judge, which knows the log's.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from assets.common.faults import BadRequest
from assets.profiling.audience import id_json, id_text
from assets.profiling.audience.id_headers import ID_COLUMN, id_column

if TYPE_CHECKING:
    import pyarrow as pa

AS_TEXT = "in pandas: frame.astype({'user_id': 'Int64'}).astype({'user_id': 'string'})"
LIST_BYTES = 2**28  #: of a text, unpacked: more than 20 million ids
LONGEST_ID = 512  #: characters

#: endings of names → what such a file is; text under such a name is none of them, and refused as well
_SHEETS = {
    ".xlsx": "an Excel workbook",
    ".xlsm": "an Excel workbook",
    ".xlsb": "an Excel workbook",
    ".xls": "an Excel workbook",
    ".ods": "an OpenDocument spreadsheet",
    ".numbers": "a Numbers spreadsheet",
}
_EXACT_BITS = {16: 11, 32: 24, 64: 53}  #: whole numbers that a float of so many bits holds: below 2^…


@dataclass(frozen=True)
class CustomerList:
    """The ids of a file, each once, in the order of the file."""

    path: Path
    ids: tuple[str, ...]
    rows: int  #: ids in the file, repeats included
    blanks: int = 0  #: rows of a table without an id; empty lines are no rows
    column: str | None = None  #: name of the column or header that was read; None: every line is an id
    form: str = ""  #: of the file, in words: separator and encoding, or its kind

    @property
    def repeats(self) -> int:
        """Rows that name an id again."""
        return self.rows - len(self.ids)

    @property
    def remark(self) -> str:
        """What of the file was taken and what was left out, in words."""
        read = "one id a line" if self.column is None else f"column {self.column!r}"
        counts = {"ids": len(self.ids), "rows that repeat one": self.repeats, "rows without one": self.blanks}
        return f"{read}, {self.form}; " + ", ".join(f"{what}: {count:,}" for what, count in counts.items())


def read_customers(path: Path) -> CustomerList:
    """The ids of a customers' file: one id a line, or the column of a table that names users.

    The column is `user_id` in any spelling (User ID, userId), or the only one with a usual name such as
    customer_id or Kunden-Nr (`id_headers`). Ids are text: digits stay as they are, leading zeros too; spaces
    around them are cut.

    Raises:
        BadRequest: no such file, a form that is no list, no column or several that may be meant, numbers
            with fractions, or not one id.
    """
    import pyarrow as pa

    from warehouse.landing.rejection import FileRejected

    if not path.is_file():
        raise BadRequest(f"{path} is not a file: name the file with the customers' ids")
    _refuse_sheets(path)
    try:
        return _listed(path, _cells(path))
    except BadRequest:
        raise
    except FileRejected as error:
        raise BadRequest(str(error)) from error
    except (OSError, ValueError, pa.ArrowException) as error:  # damaged Arrow or Parquet
        what = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BadRequest(
            f"{path} cannot be read as a list of user ids ({what}): write CSV or Parquet with a column "
            f"{ID_COLUMN}, or text with one id a line"
        ) from error


def _refuse_sheets(path: Path) -> None:
    """Refuse spreadsheets by their name; by their content, `refuse_other_kinds` does."""
    if what := _SHEETS.get(path.suffix.lower()):
        raise BadRequest(
            f"{path} is called {what}, which is not read: in the spreadsheet program, format the ids' column "
            "as Text and save the sheet as CSV (UTF-8); where the file is text already, call it .csv"
        )


def _cells(path: Path) -> id_text.IdCells:
    """The column of ids of a file, as text."""
    import pyarrow as pa

    from warehouse.landing.file_kinds import is_gzip, refuse_other_kinds, unpacked
    from warehouse.landing.formats import contents, open_parquet
    from warehouse.landing.limits import UnpackedLimit

    content = contents(path)
    if is_gzip(content):
        content = unpacked(path, content, UnpackedLimit(LIST_BYTES))
    refuse_other_kinds(path, content)
    if content.startswith(b"PAR1"):
        file = open_parquet(path, content)
        name = file.names[id_column(path, file.names, "Parquet; it has")]
        return id_text.IdCells(_as_text(path, file.read([name])[name], name), name, "Parquet")
    if content.startswith((b"ARROW1", b"\xff\xff\xff\xff")):
        opened = pa.ipc.open_file if content.startswith(b"ARROW1") else pa.ipc.open_stream
        table = opened(pa.BufferReader(content)).read_all()
        position = id_column(path, table.column_names, "Arrow; it has")
        name = table.column_names[position]
        return id_text.IdCells(_as_text(path, table.column(position), name), name, "Arrow")
    if len(content) > LIST_BYTES:
        raise UnpackedLimit(LIST_BYTES).refusal(path)
    text, encoding = id_text.decoded(path, content)
    if id_json.is_json(path, text):
        return id_json.ids_of_json(path, text, encoding)
    return id_text.ids_of_text(path, text, encoding)


def _as_text(path: Path, column: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    """Ids as text, integers as their digits and whole floats as `7.0`; gaps stay null."""
    import pyarrow as pa

    what, types = f"column {name!r} of {path}", pa.types
    while types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    kind = column.type
    if types.is_decimal(kind):
        try:
            return column.cast(pa.decimal128(38, 0)).cast(pa.string())
        except pa.ArrowInvalid as error:
            raise _fractions(what, column) from error
    if types.is_floating(kind):
        return _whole_floats(what, column)
    if types.is_binary(kind) or types.is_large_binary(kind) or types.is_binary_view(kind):
        return column.cast(pa.large_binary()).cast(pa.large_string())
    if types.is_null(kind) or types.is_integer(kind):
        return column.cast(pa.string())
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        return column.cast(pa.large_string())
    raise BadRequest(f"{what} has type {kind}: write the ids as text or whole numbers")


def _whole_floats(what: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Floats that hold whole numbers exactly, as `7.0`; refused where one has a fraction or is too large."""
    import pyarrow as pa
    import pyarrow.compute as pc

    numbers = column.cast(pa.float64())
    numbers = pc.if_else(pc.is_nan(numbers), None, numbers)  # how pandas writes a gap
    exact = pc.and_(
        pc.equal(pc.floor(numbers), numbers),
        pc.less(pc.abs(numbers), 2.0 ** _EXACT_BITS[column.type.bit_width]),
    )
    if pc.all(exact).as_py() is False:
        raise _fractions(what, column)
    return pc.binary_join_element_wise(numbers.cast(pa.int64()).cast(pa.string()), ".0", "")


def _fractions(what: str, column: pa.ChunkedArray) -> BadRequest:
    return BadRequest(
        f"{what} holds numbers with fractions, or larger than {column.type} holds exactly: large ids that "
        f"went through it are other ids already; write the ids as text, from the place where they were still "
        f"text or integers ({AS_TEXT})"
    )


def _listed(path: Path, column: id_text.IdCells) -> CustomerList:
    """Spaces cut, gaps counted, each id once."""
    import pyarrow.compute as pc

    ids = pc.fill_null(pc.utf8_trim_whitespace(column.cells), "")
    named = ids.filter(pc.not_equal(ids, ""))
    if not len(named):
        raise BadRequest(
            f"{path} holds no user id ({column.form}): write one a line, or a column {ID_COLUMN}"
        )
    broken = named.filter(pc.match_substring(named, "\n"))
    if len(broken):
        raise BadRequest(
            f"{path}: a quotation mark is opened before {broken[0].as_py()[:40]!r} and never closed"
        )
    long = named.filter(pc.greater(pc.utf8_length(named), LONGEST_ID))
    if len(long):
        raise BadRequest(
            f"{path} has an id of {len(long[0].as_py()):,} characters ({long[0].as_py()[:40]!r} …; "
            f"{column.form}), more than {LONGEST_ID}: write one id a line"
        )
    ids_once = tuple(pc.unique(named).to_pylist())
    return CustomerList(path, ids_once, len(named), len(ids) - len(named), column.name, column.form)
