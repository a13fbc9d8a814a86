"""Whether a column that the contract does not know may be a category, a number or a vector, and why not."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

MAX_DISTINCT = 1_000
MAX_WHOLE = 20  #: different whole numbers that may still be a code
_LIST_TEXT = r"^\s*\[.*\]\s*$"  #: of a CSV cell that holds a JSON array


@dataclass(frozen=True)
class LeftOut:
    """A column of a table that no model sees, and why."""

    table: str
    column: str
    why: str


def why_no_number(column: pa.ChunkedArray) -> str | None:
    """None for decimals or more than MAX_WHOLE different whole numbers, in CSV as text; else the reason."""
    types = pa.types
    if types.is_floating(column.type) or types.is_decimal(column.type):
        return None
    if types.is_integer(column.type):
        numbers = column.cast(pa.float64(), safe=False)
    elif types.is_string(column.type) or types.is_binary(column.type):
        try:
            text = column.cast(pa.string())
            numbers = text.filter(pc.not_equal(text, "")).cast(pa.float64())
        except pa.ArrowInvalid:
            return "holds text"
    else:
        return f"holds {column.type}"
    decimals = pc.any(pc.not_equal(pc.floor(numbers), numbers)).as_py()
    if decimals or pc.count_distinct(numbers, mode="only_valid").as_py() > MAX_WHOLE:
        return None
    return f"has no more than {MAX_WHOLE} different whole numbers"


def why_no_category(column: pa.ChunkedArray) -> str | None:
    """None for text, flags or integers with some repeating values; else the reason."""
    types = pa.types
    kind = column.type.value_type if types.is_dictionary(column.type) else column.type
    text = types.is_string(kind) or types.is_large_string(kind) or types.is_binary(kind)
    if types.is_null(kind):
        return "is empty"
    if not (text or types.is_boolean(kind) or types.is_integer(kind)):
        return f"holds {kind}, which is neither text, a flag nor a whole number"
    values = column.cast(kind).drop_null()
    if text:  # an empty text is how CSV writes nothing
        values = values.filter(pc.greater(pc.binary_length(values), 0))
    distinct = pc.count_distinct(values).as_py()
    if distinct < 2:
        return "has one value in all rows" if distinct else "is empty"
    if distinct > max(2, min(MAX_DISTINCT, len(column) // 2)):
        return f"has {distinct:,} different values in {len(column):,} rows, too many for a category"
    return None


def is_list_of_numbers(kind: pa.DataType) -> bool:
    """Whether an Arrow type is that of a list of numbers, of any or of one length."""
    types = pa.types
    if not (types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)):
        return False
    value = kind.value_type
    numbers = types.is_floating(value) or types.is_integer(value) or types.is_decimal(value)
    return bool(numbers or types.is_null(value))


def is_vector(column: pa.ChunkedArray) -> bool:
    """Whether a column holds lists of numbers: in CSV as the text of JSON arrays, wherever it has any."""
    kind = column.type
    if is_list_of_numbers(kind):
        return bool(pc.any(pc.greater(pc.list_value_length(column), 0)).as_py())
    if not (pa.types.is_string(kind) or pa.types.is_binary(kind)):
        return False
    try:
        text = column.cast(pa.string()).drop_null()
    except pa.ArrowInvalid:
        return False
    text = text.filter(pc.not_equal(text, ""))
    return len(text) > 0 and bool(pc.all(pc.match_substring_regex(text, _LIST_TEXT)).as_py())
