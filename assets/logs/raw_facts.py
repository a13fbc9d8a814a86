"""What the raw ids and times of a table look like, gathered chunk by chunk in bounded memory."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from warehouse.landing.instants import UNREADABLE, epoch_ms

_WHOLE = r"^-?(0|[1-9][0-9]*)$"
_LEADING_ZERO = r"^0[0-9]+$"
_ZONED = r"[Tt ][0-9]{2}(:?[0-9]{2}){0,2}([.,][0-9]+)?\s?([Zz]|[+-][0-9]{2}(:?[0-9]{2})?)\s*$"
_NAIVE = r"^\s*[0-9]{4}-[0-9]{2}-[0-9]{2}"
_DIGITS = r"^[+-]?[0-9]{1,18}$"


@dataclass
class IdFacts:
    """The ids of one column; `kinds`: rows by whole number, leading zeros, text, decimal or missing."""

    column: str
    kinds: Counter[str] = field(default_factory=Counter)
    longest: int = 0
    example: str = ""

    def add(self, values: pd.Series) -> None:
        """Take in the raw values of some rows."""
        column = _arrow(values)
        missing = column.null_count
        if pa.types.is_floating(column.type):
            self.kinds.update({"decimal": len(column) - missing, "missing": missing})
            return
        text = column.cast(pa.string()).drop_null()
        empty = _count(pc.equal(pc.utf8_length(text), 0))
        whole, zeros = _count_like(text, _WHOLE), _count_like(text, _LEADING_ZERO)
        counts = {"whole number": whole, "leading zeros": zeros, "missing": missing + empty}
        self.kinds.update(counts | {"text": len(text) - whole - zeros - empty})
        if len(text):
            lengths = pc.utf8_length(text)
            longest = pc.max(lengths).as_py()
            if longest > self.longest:
                self.longest, self.example = longest, text[pc.index(lengths, longest).as_py()].as_py()

    @property
    def mixed(self) -> bool:
        """Whether the ids are whole numbers in some rows and something else in others."""
        return self.kinds["whole number"] > 0 and self.kinds["leading zeros"] + self.kinds["text"] > 0


@dataclass
class TimeFacts:
    """The times of one column; `forms`: rows by how they are written."""

    column: str
    forms: Counter[str] = field(default_factory=Counter)
    first_ms: int | None = None
    last_ms: int | None = None

    def add(self, values: pd.Series) -> None:
        """Take in the raw values of some rows."""
        column = _arrow(values)
        self.forms["missing"] += column.null_count
        column = column.drop_null()
        instants = epoch_ms(column)
        if pa.types.is_string(column.type):
            zoned, digits = _like(column, _ZONED), _like(column, _DIGITS)
            naive = _like(column, _NAIVE) & ~zoned
            self.forms.update({"text with a zone": int(zoned.sum()), "text without a zone": int(naive.sum())})
            self.forms["neither a time nor a number"] += int((~zoned & ~digits & ~naive).sum())
            self._add_units(instants[digits])
            instants = instants[zoned | digits]
        elif pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
            self._add_units(instants)
        else:
            self.forms["neither a time nor a number"] += len(column)
        instants = instants[instants != UNREADABLE]
        if len(instants):
            low, high = int(instants.min()), int(instants.max())
            self.first_ms = low if self.first_ms is None else min(low, self.first_ms)
            self.last_ms = high if self.last_ms is None else max(high, self.last_ms)

    def _add_units(self, numbers: np.ndarray) -> None:
        from expectations.units import UNITS, unit_of

        codes = unit_of(numbers[numbers != UNREADABLE])
        self.forms.update({f"epoch {name}": int((codes == code).sum()) for code, name, _ in UNITS})
        self.forms["neither a time nor a number"] += int((numbers == UNREADABLE).sum())


def _arrow(values: pd.Series) -> pa.ChunkedArray:
    """A raw column in Arrow; values of several types, and bytes, as text."""
    column = None if values.dtype == object else pa.array(values, from_pandas=True)
    if column is None or pa.types.is_binary(column.type):
        column = pa.array(map(_text, values if column is None else column.to_pylist()), pa.string())
    if pa.types.is_large_string(column.type):
        column = column.cast(pa.string())
    return column if isinstance(column, pa.ChunkedArray) else pa.chunked_array([column])


def _text(value: object) -> str | None:
    if value is None:
        return None
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _like(text: pa.ChunkedArray, pattern: str) -> np.ndarray:
    return pc.match_substring_regex(text, pattern).to_numpy().astype(bool)


def _count_like(text: pa.ChunkedArray, pattern: str) -> int:
    return int(_like(text, pattern).sum())


def _count(flags: pa.ChunkedArray) -> int:
    return int(pc.sum(flags).as_py() or 0)
