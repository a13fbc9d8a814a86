"""What every user clicked, by local day and topic, in the feed and in other applications.

The topic is the first of the categorical columns that the source chose of its items, as the item was last
described before the end. A click of the feed counts when the item was shown, one of another application when
it was received.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from warehouse.heatmaps.encoding import HeatmapPeriod
from warehouse.landing.local_time import LocalZone
from warehouse.store.columns import field_column
from warehouse.store.engine import cursor_of
from warehouse.store.statements import quoted, statement
from warehouse.store.transactions import staged
from warehouse.store.warehouse import Warehouse


@dataclass(frozen=True)
class TopicClicks:
    """Clicks in order of (day, user, topic)."""

    user: np.ndarray  #: int64 [n] user_index
    day: np.ndarray  #: int64 [n] local day since 1970-01-01
    topic: np.ndarray  #: int64 [n] code, -1 where unknown
    clicks: np.ndarray  #: int64 [n]
    topics: tuple[str, ...]  #: by code


def clicks_by_topic(warehouse: Warehouse, zone: LocalZone, first_day: int, end_day: int) -> TopicClicks:
    """The clicks of the local days `[first_day, end_day)`; nothing from their end on is read."""
    period = HeatmapPeriod.of(zone, first_day, end_day)
    fields = warehouse.fields("items")[:1]
    topic = quoted(field_column(fields[0])) if fields else "NULL"
    window = {"start_ms": period.start_ms, "end_ms": period.end_ms}
    with cursor_of(warehouse.connection) as own, staged(own, quarters_of_period=period.quarters):
        rows = own.sql(statement("heatmaps", "clicked", topic=topic), params=window).to_arrow_table()
    user, day, codes, clicks = (rows[name].to_numpy() for name in ("user", "day", "topic", "clicks"))
    topics = warehouse.category_names("items", fields[0]) if fields else ()
    return TopicClicks(user, day, codes, clicks, topics[: int(codes.max(initial=-1)) + 1])
