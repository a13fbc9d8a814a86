"""Cutting a raw column into parts that hold one kind of value each, so that each part is read as a whole."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

_SURROGATES = "[\ud800-\udfff]"


@dataclass(frozen=True)
class Part:
    """Rows `where` (bool mask over the column) hold values of one kind.

    `values`: `text` → pandas `str` Series; `integer`, `float`, `bool` → numpy; `instant` → int64 epoch ms;
    `naive instant`, `missing`, `bad text` (no valid UTF-8) and `other` → None.
    """

    kind: str
    where: np.ndarray
    values: Any = None


def cut_into_parts(raw: pd.Series) -> Iterator[Part]:
    """The parts of a raw column of any dtype; together they cover every row once."""
    raw = raw.reset_index(drop=True)
    if isinstance(raw.dtype, pd.CategoricalDtype):
        raw = raw.astype(raw.cat.categories.dtype)
    missing = _missing(raw)
    if missing.any():
        yield Part("missing", missing)
    if missing.all():
        return
    present = raw if not missing.any() else raw[~missing]
    if present.dtype == object:
        yield from _object_parts(present, ~missing)
    else:
        yield from _typed_parts(present, ~missing)


def _missing(raw: pd.Series) -> np.ndarray:
    """Null, but not an Arrow-backed NaN: there null has a mark of its own."""
    if isinstance(raw.dtype, pd.ArrowDtype):
        values = raw.array.__arrow_array__()
        if not values.null_count:
            return np.zeros(len(raw), bool)
        return pc.is_null(values).to_numpy(zero_copy_only=False).astype(bool)
    return raw.isna().to_numpy(bool)


def _typed_parts(values: pd.Series, where: np.ndarray) -> Iterator[Part]:
    types = pd.api.types
    dtype = values.dtype
    if isinstance(dtype, pd.ArrowDtype) and pa.types.is_decimal(dtype.pyarrow_dtype):
        yield Part("float", where, values.astype("float64").to_numpy())
    elif types.is_bool_dtype(dtype):
        yield Part("bool", where, values.to_numpy(bool))
    elif types.is_integer_dtype(dtype):
        unsigned = types.is_unsigned_integer_dtype(dtype)
        yield Part("integer", where, values.to_numpy(np.uint64 if unsigned else np.int64))
    elif types.is_float_dtype(dtype):
        yield Part("float", where, values.to_numpy(np.float64))
    elif isinstance(dtype, pd.ArrowDtype) and pa.types.is_timestamp(dtype.pyarrow_dtype):
        yield _instants(values.dt.tz is not None, values, where)
    elif types.is_datetime64_any_dtype(dtype):
        yield _instants(isinstance(dtype, pd.DatetimeTZDtype), values, where)
    elif types.is_string_dtype(dtype):
        yield from _text_parts(values.astype("str"), where)
    else:
        # Arrow's binary, nested and date types: judged by their Python values.
        yield from _object_parts(values.astype(object), where)


def _instants(zoned: bool, values: pd.Series, where: np.ndarray) -> Part:
    if not zoned:
        return Part("naive instant", where)
    utc = values.astype("datetime64[ms, UTC]").dt.tz_localize(None)
    return Part("instant", where, utc.to_numpy("datetime64[ms]").astype(np.int64))


def _object_parts(values: pd.Series, where: np.ndarray) -> Iterator[Part]:
    classes, names = pd.factorize(pd.Series(list(map(type, values)), dtype=object))
    rows = np.flatnonzero(where)
    for code, cls in enumerate(names):
        mask = np.zeros(len(where), bool)
        chosen = classes == code
        mask[rows[chosen]] = True
        yield from _class_parts(cls, values.array[chosen], mask)


def _class_parts(cls: type, values: Any, where: np.ndarray) -> Iterator[Part]:
    """Parts of values that are all of the Python class `cls`."""
    if issubclass(cls, str):
        yield from _text_parts(pd.Series(values, dtype=object), where)
    elif issubclass(cls, bytes):
        # Undecodable bytes turn into lone surrogates here, which _text_parts then finds.
        text = pd.Series(values, dtype=object).str.decode("utf-8", errors="surrogateescape", dtype=object)
        yield from _text_parts(text, where)
    elif issubclass(cls, (bool, np.bool_)):
        yield Part("bool", where, np.asarray(values, dtype=bool))
    elif issubclass(cls, (int, np.integer)):
        integers = np.asarray(values)  # int64, uint64, or objects where a value fits neither
        yield Part("integer", where, integers if integers.dtype != object else integers.astype(object))
    elif issubclass(cls, (float, np.floating, Decimal)):
        yield Part("float", where, np.asarray(values, dtype=np.float64))
    elif issubclass(cls, dt.datetime):
        zoned = np.fromiter((value.tzinfo is not None for value in values), bool, len(values))
        rows = np.flatnonzero(where)
        for flag in (True, False):
            if (zoned == flag).any():
                mask = np.zeros(len(where), bool)
                mask[rows[zoned == flag]] = True
                times = pd.to_datetime(pd.Series(values[zoned == flag]), utc=True)
                yield _instants(flag, times, mask)
    else:
        yield Part("other", where)


def _text_parts(text: pd.Series, where: np.ndarray) -> Iterator[Part]:
    """Text, its empty strings (missing) and what is no valid UTF-8."""
    rows = np.flatnonzero(where)
    good = np.ones(len(text), bool)
    if text.dtype == object:
        try:
            text = text.astype("str")
        except UnicodeEncodeError:
            good = ~text.str.contains(_SURROGATES).to_numpy(bool)
    empty = (text == "").to_numpy(bool)
    for kind, chosen in (("missing", empty), ("bad text", ~good), ("text", good & ~empty)):
        if not chosen.any():
            continue
        mask = where
        if not chosen.all():
            mask = np.zeros(len(where), bool)
            mask[rows[chosen]] = True
        values = text[chosen].reset_index(drop=True).astype("str") if kind == "text" else None
        yield Part(kind, mask, values)
