"""Whether a column that the contract does not know may be a category or a number, and why it is not."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

MAX_DISTINCT = 1_000
MAX_WHOLE = 20  #: different whole numbers that may still be a code


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
