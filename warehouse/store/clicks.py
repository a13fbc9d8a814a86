"""Clicks as integer columns, and nothing else of the exposures: what the graph of all clicks is made of."""

from __future__ import annotations

from typing import NamedTuple

import duckdb
import numpy as np

from warehouse.store.statements import statement


class ClickColumns(NamedTuple):
    """Internal and external clicks, in any order."""

    user: np.ndarray  #: int32 [C] user index
    item: np.ndarray  #: int32 [C] item index
    time: np.ndarray  #: int64 [C], ms: when each happened; empty if not asked for
    described: tuple[
        int, int
    ]  #: one more than the greatest index of a user and of an item with a description


def read_clicks(
    connection: duckdb.DuckDBPyConnection, start_ms: int, end_ms: int, *, timed: bool
) -> ClickColumns:
    """The clicks received in `[start_ms, end_ms)`."""
    times = {"of_exposures": ", shown_at AS time", "of_external": ", occurred_at"}
    text = statement("clicks", "clicks", **(times if timed else dict.fromkeys(times, "")))
    window = {"start_ms": start_ms, "end_ms": end_ms}
    rows = {
        key: np.ma.getdata(column) for key, column in connection.execute(text, window).fetchnumpy().items()
    }
    described = connection.execute(statement("clicks", "described"), {"end_ms": end_ms}).fetchone()
    assert described is not None
    return ClickColumns(rows["user"], rows["item"], rows.get("time", np.empty(0, np.int64)), described)
