"""From events to cells: one statement of DuckDB's, over a period and a range of users.

Amounts are added up as decimals of 16 places, whose sum does not depend on the order of the rows: the same
events give the same bits, however they were loaded, by however many threads, and with whichever period they
are encoded.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa

from warehouse.heatmaps.cells import HeatmapCells
from warehouse.heatmaps.plan import Plan
from warehouse.landing.local_time import QUARTER_MS, LocalZone
from warehouse.store.engine import cursor_of
from warehouse.store.statements import statement
from warehouse.store.transactions import staged


@dataclass(frozen=True)
class HeatmapPeriod:
    """Whole local days, with the local day and hour of every quarter hour."""

    first_day: int
    end_day: int  #: not included
    start_ms: int
    end_ms: int
    quarters: pa.Table  #: quarter (int64, since the epoch), day (uint16), hour (uint8)

    @classmethod
    def of(cls, zone: LocalZone, first_day: int, end_day: int) -> HeatmapPeriod:
        """The local days `[first_day, end_day)`."""
        start, end = zone.midnight_ms(first_day), zone.midnight_ms(end_day)
        hours = zone.slots(start, end - 1)
        quarters = {
            "quarter": start // QUARTER_MS + np.arange(len(hours)),
            # A clock set back past midnight repeats minutes of a day that is over: the midnight cuts.
            "day": np.clip(hours // 24, first_day, end_day - 1).astype(np.uint16),
            "hour": (hours % 24).astype(np.uint8),
        }
        return cls(first_day, end_day, start, end, pa.table(quarters))


def encode(
    connection: duckdb.DuckDBPyConnection,
    plan: Plan,
    period: HeatmapPeriod,
    users: tuple[int, int] | None = None,
) -> HeatmapCells:
    """The cells of a period's events; of users with an index in `[users[0], users[1])` where given."""
    parameters = {"start_ms": period.start_ms, "end_ms": period.end_ms}
    if users is not None:
        parameters |= {"first_user": users[0], "end_user": users[1]}
    only = "" if users is None else statement("heatmaps", "users_between")
    parts = []
    for table, channels in plan.channels.items():
        events = statement("heatmaps", table, users=only)
        last = "last" if "last" in channels["aggregate"].to_pylist() else "no_last"
        part = {"events": events, "last": statement("heatmaps", last), "channels": f"channels_of_{table}"}
        parts.append(statement("heatmaps", "amounts", **part))
    if plan.baskets is not None:
        parts.append(statement("heatmaps", "payments", events=statement("heatmaps", "purchases", users=only)))
        parameters["baskets"] = plan.baskets
    query = statement("heatmaps", "cells", parts="\nUNION ALL\n".join(parts))
    tables = {f"channels_of_{table}": channels for table, channels in plan.channels.items()}
    # A cursor of its own, because a result of the connection may still be open.
    with cursor_of(connection) as own, staged(own, quarters_of_period=period.quarters, **tables):
        cells = own.sql(query, params=parameters).to_arrow_table()
    return HeatmapCells.of_rows(*(cells[name].to_numpy() for name in cells.column_names))
