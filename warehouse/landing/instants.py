"""Times of raw columns, only to cut a file of a whole day into hours; judging them is the gate's work."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

UNREADABLE = np.iinfo(np.int64).min


def epoch_ms(column: pa.ChunkedArray) -> np.ndarray:
    """Epoch milliseconds of a column as `read_file` gives it, int64 [N]; UNREADABLE where it has none.

    Integers and their digits are epoch milliseconds; other text is ISO 8601, in UTC unless it says its zone.
    """
    if pa.types.is_integer(column.type):
        return column.cast(pa.int64(), safe=False).fill_null(UNREADABLE).to_numpy()
    if pa.types.is_floating(column.type):
        values = column.to_numpy()
        good = np.isfinite(values) & (np.abs(values) < 2.0**53)
        return np.where(good, np.where(good, values, 0).astype(np.int64), UNREADABLE)
    if not pa.types.is_string(column.type):
        return np.full(len(column), UNREADABLE)
    digits = pc.match_substring_regex(column, r"^[+-]?\d{1,18}$").fill_null(False).to_numpy()
    text = column.to_pandas()
    instants = np.full(len(text), UNREADABLE)
    instants[digits] = text[digits].to_numpy(object).astype(np.int64)
    read = pd.to_datetime(text[~digits], format="ISO8601", utc=True, errors="coerce").dt.as_unit("ms")
    values = read.dt.tz_localize(None).to_numpy("datetime64[ms]").astype(np.int64)
    instants[~digits] = np.where(read.isna(), UNREADABLE, values)
    return instants
