"""How many items every user bought of every genre in a stretch of time: a heatmap summed over its cells."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from warehouse.heatmaps.making import user_groups
from warehouse.heatmaps.vocabulary import category_values
from warehouse.store.engine import cursor_of
from warehouse.store.statements import statement
from warehouse.store.transactions import staged
from warehouse.store.warehouse import Warehouse


@dataclass(frozen=True)
class BoughtCounts:
    """Items bought, cancelled purchases aside, by (user, genre)."""

    user: np.ndarray  #: int64 [n] user_index, ascending
    genre: np.ndarray  #: int64 [n] code, ascending within a user
    items: np.ndarray  #: int64 [n], positive


def genre_paths(warehouse: Warehouse) -> list[str]:
    """The whole path of every genre, by code."""
    return category_values(warehouse, "purchases", "genre")


def bought_by_genre(
    warehouse: Warehouse, start_ms: int, end_ms: int, users: np.ndarray | None = None
) -> Iterator[BoughtCounts]:
    """What was bought in `[start_ms, end_ms)`, a group of users at a time, users ascending over all.

    Args:
        warehouse: opened for reading.
        start_ms, end_ms: UTC epoch milliseconds.
        users: int64 [n] user_index; only these. None: all.
    """
    window = {"start_ms": start_ms, "end_ms": end_ms}
    if users is not None:
        text = statement("heatmaps", "bought", users=statement("heatmaps", "users_asked"))
        with cursor_of(warehouse.connection) as own, staged(own, asked=pa.table({"user": users})):
            yield _counts(own.sql(text, params=window).to_arrow_table())
        return
    text = statement("heatmaps", "bought", users=statement("heatmaps", "users_between"))
    for first, end in user_groups(warehouse):
        group = {"first_user": first, "end_user": end}
        with cursor_of(warehouse.connection) as own:
            yield _counts(own.sql(text, params=window | group).to_arrow_table())


def _counts(rows: pa.Table) -> BoughtCounts:
    return BoughtCounts(*(rows[name].to_numpy() for name in ("user", "genre", "items")))
