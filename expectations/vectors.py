"""Reading content vectors: lists of floats, as Arrow lists, as Python lists or as the text of JSON arrays."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

_ARRAY = r"^\[.*\]$"
_NUMBER = r"^(?:[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|NaN|nan|null|[+-]?(?:Infinity|inf))$"


@dataclass(frozen=True)
class Vectors:
    """The lists of a column; every array has the frame's length."""

    values: Any  #: pandas array of list<float32>, null where missing or unreadable
    missing: np.ndarray  #: null, an empty text or an empty list
    typed: np.ndarray  #: False where there is something that is no list of numbers
    finite: np.ndarray  #: False where one of the numbers is unknown or infinite


def read_vectors(raw: pd.Series) -> Vectors:
    """Read a raw column as content vectors."""
    size = len(raw)
    dtype = raw.dtype
    arrow = dtype.pyarrow_dtype if isinstance(dtype, pd.ArrowDtype) else None
    if arrow is not None and pa.types.is_list(arrow):
        lists = _whole(raw.array.__arrow_array__())
        return _vectors(lists, np.ones(size, bool))
    if arrow is not None and (pa.types.is_string(arrow) or pa.types.is_null(arrow)):
        return _of_text(_whole(raw.array.__arrow_array__()).cast(pa.string()))
    return _of_text(pa.array(list(map(_text, raw)), pa.string()))


def lists_of(values: np.ndarray, lengths: np.ndarray, there_is: np.ndarray) -> Any:
    """A pandas array of list<float32>.

    Args:
        values: float32, one list after another.
        lengths: int64 [N], 0 where there is none.
        there_is: bool [N].
    """
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    lists = pa.ListArray.from_arrays(
        pa.array(offsets), pa.array(values, pa.float32()), mask=pa.array(~there_is)
    )
    return pd.arrays.ArrowExtensionArray(pa.chunked_array([lists]))


def widths(values: Any) -> np.ndarray:
    """How long each list of a pandas array is, int64 [N]; 0 where there is none."""
    lengths = pc.fill_null(pc.list_value_length(values.__arrow_array__()), 0)
    return lengths.to_numpy().astype(np.int64)


def _of_text(text: pa.Array) -> Vectors:
    """Vectors of JSON arrays; numbers may be NaN or Infinity, as Python writes them."""
    text = pc.utf8_trim_whitespace(text)
    missing = pc.fill_null(pc.equal(text, ""), True).to_numpy(zero_copy_only=False)
    arrays = pc.fill_null(pc.match_substring_regex(text, _ARRAY), False)
    inner = pc.utf8_slice_codeunits(pc.if_else(arrays, text, None), 1, -1)
    inner = pc.if_else(pc.equal(pc.utf8_trim_whitespace(inner), ""), None, inner)
    tokens = pc.split_pattern(inner, ",")
    flat = pc.utf8_trim_whitespace(tokens.flatten())
    good = pc.match_substring_regex(flat, _NUMBER)
    numbers = pc.cast(pc.if_else(pc.and_(good, pc.not_equal(flat, "null")), flat, None), pa.float64())
    lengths = pc.fill_null(pc.list_value_length(tokens), 0).to_numpy().astype(np.int64)
    typed = missing | arrays.to_numpy(zero_copy_only=False)
    typed[_rows_of(~good.to_numpy(zero_copy_only=False), lengths)] = False
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    mask = pa.array(~(typed & ~missing))
    lists = pa.ListArray.from_arrays(pa.array(offsets), numbers, mask=mask)
    return _vectors(lists, typed)


def _vectors(lists: pa.Array, typed: np.ndarray) -> Vectors:
    """Those of numbers of any kind; lists that are null are missing, or not `typed`."""
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy().astype(np.int64)
    numbers = lists.flatten().to_numpy(zero_copy_only=False)
    with np.errstate(over="ignore"):
        values = numbers.astype(np.float32, copy=False)
    finite = np.ones(len(lists), bool)
    finite[_rows_of(~np.isfinite(values), lengths)] = False
    there_is = lengths > 0
    return Vectors(lists_of(values, lengths, there_is), typed & ~there_is, typed, finite)


def _rows_of(chosen: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """The lists that hold the chosen ones of all lists' numbers, one after another."""
    return np.searchsorted(np.cumsum(lengths), np.flatnonzero(chosen), side="right")


def _text(value: Any) -> str | None:
    """A Python value as the text of a JSON array, where it may be one."""
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return json.dumps(value, default=str)
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return None
    return str(value)


def _whole(array: Any) -> pa.Array:
    """One Arrow array of one in chunks."""
    if not isinstance(array, pa.ChunkedArray):
        return array
    return pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], array.type)
