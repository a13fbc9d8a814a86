"""Results that are older than a home keeps them; logs stay."""

from __future__ import annotations

from typing import Literal

from warehouse.keeping import first_day
from warehouse.store.statements import statement
from warehouse.store.transactions import transaction
from warehouse.store.warehouse import Warehouse

Results = Literal["predictions", "metrics"]


def expired(warehouse: Warehouse, table: Results, days: int | None, today: str) -> tuple[str, int] | None:
    """The first day that stays, and how many rows are older; None where nothing is.

    Args:
        warehouse: open; reading is enough.
        table: `predictions` or `metrics`.
        days: that are kept, through the newest day with rows; None: for ever.
        today: later days are no measure of age.
    """
    if days is None:
        return None
    execute = warehouse.connection.execute
    newest = execute(statement("results", "newest_result", table=table), {"today": today}).fetchone()
    if newest is None or newest[0] is None:
        return None
    first = first_day(newest[0], days)
    counted = execute(statement("results", "count_results", table=table), {"first": first}).fetchone()
    rows = int(counted[0]) if counted else 0
    return (first, rows) if rows else None


def expire(warehouse: Warehouse, table: Results, first: str) -> None:
    """Remove the rows of days before `first`, in one transaction; the file's space is used again."""
    with transaction(warehouse.connection):
        warehouse.connection.execute(statement("results", "expire_results", table=table), {"first": first})
