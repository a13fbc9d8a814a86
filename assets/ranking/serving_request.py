"""A request for scores: a table of candidates in the ids of the logs, read strictly.

| column | holds | |
|---|---|---|
| `user_id`, `item_id` | ids as they stand in the logs, text or whole numbers | required |
| `shown_at` | ISO 8601 (UTC unless it says its zone), epoch milliseconds or instants | default: now |
| `request_id` | names the list that is ranked together; empty: none is known | optional |
| `ctx_*` and other columns that the source chose of exposures | values as they stand in the logs | optional |
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from assets.common.faults import BadRequest
from models.ranking.features.event_log import MISSING
from warehouse.landing.instants import UNREADABLE, epoch_ms

REQUIRED = ("user_id", "item_id")
SHOWN_AT, REQUEST_ID = "shown_at", "request_id"


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


def read_candidates(table: pd.DataFrame, context: Sequence[str]) -> CandidateRows:
    """The candidates of a table whose context columns are named `context`.

    Raises:
        BadRequest: a column is missing, unknown or of the wrong kind, or a value is empty or no instant.
    """
    for name in REQUIRED:
        if name not in table:
            sent = ", ".join(map(str, table.columns)) or "nothing"
            raise BadRequest(f"column {name!r} is missing: send it for every candidate; sent: {sent}")
    known = (*REQUIRED, SHOWN_AT, REQUEST_ID, *context)
    strange = [str(name) for name in table if name not in known]
    if strange:
        raise BadRequest(f"unknown column {strange[0]!r}: the model reads {', '.join(known)}")
    user_id, item_id = (_ids(table, name) for name in REQUIRED)
    return CandidateRows(
        user_id,
        item_id,
        _instants(table),
        _requests(_texts(table, REQUEST_ID)),
        [_texts(table, name) for name in context],
    )


def _texts(table: pd.DataFrame, name: str) -> np.ndarray:
    """A column as text, None where a value is empty; whole numbers as the loader spells them."""
    if name not in table:
        return np.full(len(table), None, object)
    try:
        values = pa.array(table[name], from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise BadRequest(f"column {name!r} mixes kinds of values ({error}): send text") from error
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    kind = values.type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_integer(kind)):
        if values.null_count == len(values):
            return np.full(len(table), None, object)
        raise BadRequest(f"column {name!r} holds values of type {kind}: send text as it stands in the logs")
    return np.asarray(values.cast(pa.string()).to_numpy(zero_copy_only=False), dtype=object)


def _ids(table: pd.DataFrame, name: str) -> np.ndarray:
    values = _texts(table, name)
    empty = np.flatnonzero(pd.isna(values) | (values == ""))
    if len(empty):
        raise BadRequest(
            f"column {name!r}, row {empty[0]}: the value is empty ({len(empty)} of {len(values)} rows); "
            "every candidate needs one, also who is new"
        )
    return values


def _instants(table: pd.DataFrame) -> np.ndarray:
    if SHOWN_AT not in table:
        return np.full(len(table), time.time_ns() // 1_000_000)
    column = table[SHOWN_AT]
    if pd.api.types.is_datetime64_any_dtype(column):
        read = pd.to_datetime(column, utc=True).dt.tz_localize(None).to_numpy("datetime64[ms]")
        instants = np.where(np.isnat(read), UNREADABLE, read.astype(np.int64))
    else:
        try:
            values = pa.chunked_array([pa.Array.from_pandas(column)])
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise BadRequest(f"column {SHOWN_AT!r} mixes kinds of values ({error}): send ISO 8601") from error
        if pa.types.is_large_string(values.type):
            values = values.cast(pa.string())
        instants = epoch_ms(values)
    bad = np.flatnonzero(instants == UNREADABLE)
    if len(bad):
        raise BadRequest(
            f"column {SHOWN_AT!r}, row {bad[0]}: {column.iloc[bad[0]]!r} is no instant; send ISO 8601 such "
            "as 2026-03-03T04:10:00Z or epoch milliseconds, or leave the column out for now"
        )
    return instants


def _requests(request_id: np.ndarray) -> np.ndarray:
    """The numbers under which the warehouse stores requests: the first 63 bits of the id's MD5."""
    codes, distinct = pd.factorize(request_id)
    hashed = [int(hashlib.md5(str(one).encode()).hexdigest()[:16], 16) >> 1 for one in distinct]
    return np.array([*hashed, MISSING], np.int64)[codes]
