"""Reading raw values: one typed column, and what was wrong, beside each raw column.

Raw values come as they lay in the file: numbers from Parquet, strings from CSV, anything from JSON lines,
bytes from binary columns. A column is cut into parts of one Python kind each (nearly always a single
part) and every part is read as a whole.

What counts as missing: null, NaT, NaN in a float column (pandas knows no difference there; Arrow-backed
columns keep NaN apart from null) and the empty string, which is how CSV writes null.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from expectations.parts import Part, cut_into_parts
from expectations.vectors import read_vectors

_ZONED = r"[Tt ]\d{2}(?::?\d{2}){0,2}(?:[.,]\d+)?\s?(?:[Zz]|[+-]\d{2}(?::?\d{2})?)$"
_EPOCH = r"[+-]?(?:\d{1,18}|[1-8]\d{18})"  # as far as int64 reaches
_EPOCH_SECONDS = r"\d{9,10}\.\d+"  # as time.time() gives them: read, so that the unit can be told
_FLAGS = {"0": 0.0, "1": 1.0, "true": 1.0, "false": 0.0}
_EXACT_INTEGERS = 2.0**53  # floats beyond this are no longer exact integers


@dataclass
class ParsedColumn:
    """A column after reading; every array has the frame's length.

    `values` is an array of pandas' `str` for ids and categories (null: missing or unreadable), float64 for
    flags and numbers (NaN: missing or unreadable), pandas' list<float32> for vectors and int64 epoch ms for
    times, only meaningful where `present`.
    """

    raw: pd.Series
    values: Any
    missing: np.ndarray
    typed: np.ndarray  #: False where a value is there but is not of the kind
    zoned: np.ndarray  #: False where a time says no zone
    utf8: np.ndarray  #: False where text is no valid UTF-8
    finite: np.ndarray  #: False where a number is NaN or infinite

    @property
    def present(self) -> np.ndarray:
        """Whether there is a value that could be read."""
        return ~self.missing & self.typed & self.zoned & self.utf8


def parse(raw: pd.Series, kind: str) -> ParsedColumn:
    """Read a raw column as `kind` (`id`, `category`, `time`, `flag`, `number`, `vector`)."""
    size = len(raw)
    good = [np.ones(size, bool) for _ in range(4)]
    if kind == "vector":
        read = read_vectors(raw)
        return ParsedColumn(raw, read.values, read.missing, read.typed, good[0], good[1], read.finite)
    values = None if kind in _TEXTS else np.zeros(size, np.int64) if kind == "time" else np.full(size, np.nan)
    column = ParsedColumn(raw, values, np.zeros(size, bool), *good)
    parts = []
    for part in cut_into_parts(raw):
        if part.kind == "missing":
            column.missing[part.where] = True
        elif part.kind == "bad text":
            column.utf8[part.where] = False
        else:
            parts.append(part)
    if kind in _TEXTS:
        column.values = _joined(size, [(part.where, _TEXTS[kind](column, part)) for part in parts])
    else:
        for part in parts:
            _READERS[kind](column, part)
    return column


def _joined(size: int, texts: Sequence[tuple[np.ndarray, pd.Series]]) -> Any:
    """One `str` array of the parts' texts, each at its rows; null elsewhere."""
    if len(texts) == 1 and len(texts[0][1]) == size:
        return texts[0][1].array
    order = np.full(size, -1)
    begin = 0
    for where, text in texts:
        order[where] = begin + np.arange(len(text))
        begin += len(text)
    every = pd.concat([text for _, text in texts] or [pd.Series([], dtype="str")], ignore_index=True)
    return every.array.take(order, allow_fill=True)


def _text(values: np.ndarray) -> pd.Series:
    return pd.Series(values.astype(str), dtype="str")


def _id_text(column: ParsedColumn, part: Part) -> pd.Series:
    """Ids as text. A float keeps its form (`7.0`), which no rule lets pass: it may be another id rounded."""
    if part.kind == "text":
        return part.values
    if part.kind == "integer":
        return _text(part.values)
    typed = np.zeros(int(part.where.sum()), bool)
    text = pd.Series(None, index=range(len(typed)), dtype="str")
    if part.kind == "float":
        typed = np.isfinite(part.values) & (np.floor(part.values) == part.values)
        text = _text(part.values).where(typed)
    column.typed[part.where] = typed
    return text


def _category_text(column: ParsedColumn, part: Part) -> pd.Series:
    if part.kind == "bool":
        return _text(np.where(part.values, "true", "false"))
    if part.kind == "float":
        column.finite[part.where] = np.isfinite(part.values)
        whole = _whole(part.values)
        text = part.values.astype(str).astype(object)
        text[whole] = part.values[whole].astype(np.int64).astype(str)
        return _text(text)
    return _id_text(column, part)


def _read_time(column: ParsedColumn, part: Part) -> None:
    where, values = part.where, part.values
    if part.kind == "instant":
        column.values[where] = values
    elif part.kind == "naive instant":
        column.zoned[where] = False
    elif part.kind == "integer":
        fits = (values >= np.iinfo(np.int64).min) & (values <= np.iinfo(np.int64).max)
        column.typed[where] = fits
        column.values[where] = np.where(fits, values, 0).astype(np.int64)
    elif part.kind == "float":
        typed = _whole(values) | ((values >= 1e8) & (values < 1e10))  # the second: seconds and a fraction
        column.typed[where] = typed
        column.values[where] = np.where(typed, values, 0.0).astype(np.int64)
    elif part.kind == "text":
        column.values[where], column.typed[where], column.zoned[where] = _time_of_text(values.str.strip())
    else:
        column.typed[where] = False


def _time_of_text(text: pd.Series) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Epoch ms, whether it is a time, whether it has a zone: ISO 8601 or the digits of an epoch time."""
    digits = text.str.fullmatch(_EPOCH).to_numpy(bool)
    instants = np.zeros(len(text), np.int64)
    instants[digits] = text[digits].to_numpy(object).astype(np.int64)
    if not digits.all():
        seconds = text.str.fullmatch(_EPOCH_SECONDS).to_numpy(bool)
        instants[seconds] = text[seconds].to_numpy(object).astype(np.float64).astype(np.int64)
        digits = digits | seconds
    typed, zoned = np.ones(len(text), bool), np.ones(len(text), bool)
    if not digits.all():
        rest = text[~digits]
        read = pd.to_datetime(rest, format="ISO8601", utc=True, errors="coerce").dt.as_unit("ms")
        typed[~digits] = read.notna()
        zoned[~digits] = rest.str.contains(_ZONED).to_numpy(bool) | read.isna().to_numpy()
        instants[~digits] = read.dt.tz_localize(None).to_numpy("datetime64[ms]").astype(np.int64)
    return instants, typed, zoned


def _read_number(column: ParsedColumn, part: Part) -> None:
    if part.kind == "text":
        numbers = pd.to_numeric(part.values.astype(object), errors="coerce").to_numpy(np.float64)
        named_nan = part.values.str.fullmatch(r"[+-]?nan", case=False).to_numpy(bool)
        column.typed[part.where] = ~np.isnan(numbers) | named_nan
    elif part.kind in ("integer", "float"):
        numbers = part.values.astype(np.float64)
    else:
        column.typed[part.where] = False
        return
    column.values[part.where] = numbers
    column.finite[part.where] = np.isfinite(numbers) | ~column.typed[part.where]


def _read_flag(column: ParsedColumn, part: Part) -> None:
    if part.kind == "bool":
        column.values[part.where] = part.values.astype(np.float64)
    elif part.kind == "text":
        flags = part.values.str.lower().map(_FLAGS).to_numpy(np.float64)
        numbers = pd.to_numeric(part.values.astype(object), errors="coerce").to_numpy(np.float64)
        flags = np.where(np.isnan(flags), numbers, flags)
        column.values[part.where] = flags
        column.typed[part.where] = ~np.isnan(flags)
    else:
        _read_number(column, part)


def _whole(values: np.ndarray) -> np.ndarray:
    return np.isfinite(values) & (np.abs(values) <= _EXACT_INTEGERS) & (np.floor(values) == values)


_TEXTS = {"id": _id_text, "category": _category_text}
_READERS = {
    "time": _read_time,
    "flag": _read_flag,
    "number": _read_number,
}


def typed_column(column: ParsedColumn, kind: str, required: bool, rows: np.ndarray) -> pd.Series:
    """The kept rows of a column in the type that the contract promises (see `ColumnSpec`)."""
    values, present = column.values[rows], column.present[rows]
    if kind in _TEXTS:
        text = pd.Series(values, dtype="str")
        return text if present.all() else text.where(present)
    if kind == "vector":
        return pd.Series(values).where(present)
    if kind == "number":
        return pd.Series(np.where(present, values, np.nan), dtype=np.float64)
    plain, nullable = ("int64", "Int64") if kind == "time" else ("bool", "boolean")
    clean = pd.Series(np.where(present, values, 0)).astype(plain)
    return clean if required else clean.astype(nullable).mask(~present)
