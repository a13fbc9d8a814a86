"""A raw row as one line of JSON and back, without loss of what was wrong with it.

JSON has no bytes, no NaN and no instant, so these are wrapped: `{"$bytes": base64}`, `{"$number": "nan"}`,
`{"$time": ISO 8601}` (without offset where the value had none). Lone surrogates travel as `\\udXXX` escapes.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

MAX_VALUE_LENGTH = 200


def encode_rows(rows: pd.DataFrame) -> list[str]:
    """One JSON object a row, columns by name; null and NaN of pandas' own dtypes become null."""
    columns = {str(name): _plain(rows[name]) for name in rows}
    encode = json.JSONEncoder(default=_wrap, separators=(",", ":")).encode
    return [encode(dict(zip(columns, values, strict=True))) for values in zip(*columns.values(), strict=True)]


def decode_rows(lines: Sequence[str]) -> pd.DataFrame:
    """Raw rows (object columns) from `encode_rows`, to be gated again."""
    return pd.DataFrame([json.loads(line, object_hook=_unwrap) for line in lines], dtype=object)


def value_text(value: Any) -> str | None:
    """A raw value as printable text of bounded length; None where it is missing."""
    if value is None or value is pd.NaT or value is pd.NA:
        return None
    if isinstance(value, float) and math.isnan(value):
        return "nan"
    text = value if isinstance(value, str) else repr(value) if isinstance(value, bytes) else str(value)
    text = text.encode("utf-8", errors="backslashreplace").decode("utf-8")
    return text if len(text) <= MAX_VALUE_LENGTH else text[: MAX_VALUE_LENGTH - 1] + "…"


def _plain(column: pd.Series) -> list[Any]:
    arrow = isinstance(column.dtype, pd.ArrowDtype)
    values = column.array.__arrow_array__().to_pylist() if arrow else column.astype(object).tolist()
    keep_nan = arrow and pd.api.types.is_float_dtype(column.dtype)
    return [_clean(value, keep_nan) for value in values]


def _clean(value: Any, keep_nan: bool) -> Any:
    if value is pd.NaT or value is pd.NA:
        return None
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) and not keep_nan else {"$number": str(value)}
    return value


def _wrap(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"$bytes": base64.b64encode(value).decode("ascii")}
    if isinstance(value, dt.datetime):
        return {"$time": value.isoformat()}
    if isinstance(value, np.ndarray):
        return value.tolist()
    return str(value)


def _unwrap(entry: dict[str, Any]) -> Any:
    if len(entry) != 1:
        return entry
    (key, value), *_ = entry.items()
    if key == "$bytes":
        return base64.b64decode(value)
    if key == "$number":
        # A float NaN among Python objects would count as missing; as text it stays the NaN that was refused.
        return value if value == "nan" else float(value)
    if key == "$time":
        return dt.datetime.fromisoformat(value)
    return entry
