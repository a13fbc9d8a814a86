"""A request for scores: a table of candidates in the ids of the logs, read strictly.

| column | holds | |
|---|---|---|
| `user_id`, `item_id` | ids as they stand in the logs, text or whole numbers | required |
| `shown_at` | ISO 8601 (UTC unless it says its zone), epoch milliseconds or instants | default: now |
| `request_id` | names the list that is ranked together; empty: none is known | optional |
| `ctx_*` and other columns that the source chose of exposures | values as they stand in the logs | optional |
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa

from assets.common.faults import BadRequest
from models.ranking.features.event_log import MISSING
from warehouse.landing.instants import UNREADABLE, epoch_ms

REQUIRED = ("user_id", "item_id")
SHOWN_AT, REQUEST_ID = "shown_at", "request_id"

FEW = 8  #: distinct instants that are read one by one
_COMMON = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)")
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)

#: A table of candidates: a frame of pandas, or lists of equal length by the name of their column.
Columns: TypeAlias = pd.DataFrame | Mapping[str, Sequence[Any]]


@dataclass(frozen=True)
class CandidateRows:
    """N candidates in the order of the request; texts are object arrays, None where a value is unknown."""

    user_id: np.ndarray
    item_id: np.ndarray
    shown_at: np.ndarray  #: int64 [N], ms
    request: np.ndarray  #: int64 [N] as the warehouse stores it, MISSING where unknown
    context: Sequence[np.ndarray]  #: a column each of the source's context columns, in their order

    def __len__(self) -> int:
        return len(self.user_id)


def read_candidates(table: Columns, context: Sequence[str]) -> CandidateRows:
    """The candidates of a table whose context columns are named `context`.

    Raises:
        BadRequest: a column is missing, unknown or of the wrong kind, or a value is empty or no instant.
    """
    columns = {str(name): table[name] for name in table}
    for name in REQUIRED:
        if name not in columns:
            sent = ", ".join(columns) or "nothing"
            raise BadRequest(f"column {name!r} is missing: send it for every candidate; sent: {sent}")
    known = (*REQUIRED, SHOWN_AT, REQUEST_ID, *context)
    strange = [name for name in columns if name not in known]
    if strange:
        raise BadRequest(f"unknown column {strange[0]!r}: the model reads {', '.join(known)}")
    count = len(columns[REQUIRED[0]])
    for name, values in columns.items():
        if len(values) != count:
            raise BadRequest(f"column {name!r} has {len(values)} rows, {REQUIRED[0]!r} has {count}")
    user_id, item_id = (_ids(columns, name, count) for name in REQUIRED)
    return CandidateRows(
        user_id,
        item_id,
        _instants(columns, count),
        _requests(_texts(columns, REQUEST_ID, count)),
        [_texts(columns, name, count) for name in context],
    )


def _texts(columns: Mapping[str, Any], name: str, count: int) -> np.ndarray:
    """A column as text, None where a value is empty; whole numbers as the loader spells them."""
    if name not in columns:
        return np.full(count, None, object)
    values = _array(name, columns[name], "text")
    kind = values.type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_integer(kind)):
        if values.null_count == len(values):
            return np.full(count, None, object)
        raise BadRequest(f"column {name!r} holds values of type {kind}: send text as it stands in the logs")
    if pa.types.is_integer(kind):
        values = values.cast(pa.string())
    return np.asarray(values.to_numpy(zero_copy_only=False), dtype=object)


def _array(name: str, column: Any, wanted: str) -> pa.Array:
    try:
        values = pa.array(column, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
        raise BadRequest(f"column {name!r} mixes kinds of values ({error}): send {wanted}") from error
    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values


def _ids(columns: Mapping[str, Any], name: str, count: int) -> np.ndarray:
    values = _texts(columns, name, count)
    empty = np.flatnonzero(pd.isna(values) | (values == ""))
    if len(empty):
        raise BadRequest(
            f"column {name!r}, row {empty[0]}: the value is empty ({len(empty)} of {len(values)} rows); "
            "every candidate needs one, also who is new"
        )
    return values


def _instants(columns: Mapping[str, Any], count: int) -> np.ndarray:
    if SHOWN_AT not in columns:
        return np.full(count, time.time_ns() // 1_000_000)
    column = columns[SHOWN_AT]
    if pd.api.types.is_datetime64_any_dtype(column):
        read = pd.to_datetime(column, utc=True).dt.tz_localize(None).to_numpy("datetime64[ms]")
        instants = np.where(np.isnat(read), UNREADABLE, read.astype(np.int64))
    else:
        # A list is shown at one instant: it is read once.
        coded = _array(SHOWN_AT, column, "ISO 8601").dictionary_encode()
        distinct = coded.dictionary
        if pa.types.is_large_string(distinct.type):
            distinct = distinct.cast(pa.string())
        codes = coded.indices.fill_null(len(distinct)).to_numpy(zero_copy_only=False)
        instants = np.append(_distinct_instants(distinct), UNREADABLE)[codes]
    bad = np.flatnonzero(instants == UNREADABLE)
    if len(bad):
        value = list(column)[bad[0]]
        raise BadRequest(
            f"column {SHOWN_AT!r}, row {bad[0]}: {value!r} is no instant; send ISO 8601 such "
            "as 2026-03-03T04:10:00Z or epoch milliseconds, or leave the column out for now"
        )
    return instants


def _distinct_instants(values: pa.Array) -> np.ndarray:
    """Epoch ms int64 [n] as the loader reads them; the common spelling of a few goes without a frame."""
    texts = values.to_pylist() if len(values) <= FEW and pa.types.is_string(values.type) else []
    if texts and all(_COMMON.fullmatch(text) for text in texts):
        try:
            instants = [dt.datetime.fromisoformat(text) for text in texts]
        except ValueError:  # no day of the calendar: the loader's reader says which
            return epoch_ms(pa.chunked_array([values]))
        return np.array([(one - _EPOCH) // dt.timedelta(milliseconds=1) for one in instants], np.int64)
    return epoch_ms(pa.chunked_array([values]))


def _requests(request_id: np.ndarray) -> np.ndarray:
    """The numbers under which the warehouse stores requests: the first 63 bits of the id's MD5."""
    codes, distinct = pd.factorize(request_id)
    hashed = [int(hashlib.md5(str(one).encode()).hexdigest()[:16], 16) >> 1 for one in distinct]
    return np.array([*hashed, MISSING], np.int64)[codes]
