"""Tables that several commands print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

    from warehouse.store import Warehouse

#: figure → heading; definitions in docs/metrics.md
FIGURES = {
    "period1": "0–8 h",
    "period2": "8–16 h",
    "period3": "16–24 h",
    "auc": "AUC",
    "auc_error": "± error",
    "auc_std": "± seeds",
    "log_loss": "log-loss",
    "gauc": "GAUC",
}


def figures_table(
    title: str, entries: Sequence[Mapping[str, Any]], truth: Mapping[str, Any] | None = None
) -> Table:
    """One row a system; the ceiling of simulated logs below, dimmed. Columns without a value are left out."""
    from rich.table import Table

    columns = [name for name in FIGURES if any(entry.get(name) is not None for entry in entries)]
    table = Table(title=title, title_justify="left")
    table.add_column("system", no_wrap=True)
    for name in columns:
        table.add_column(FIGURES[name], justify="right", no_wrap=True)
    for entry in entries:
        table.add_row(entry["system"], *(_figure(entry.get(name)) for name in columns))
    if truth is not None:
        cells = (_figure(truth.get(name)) for name in columns)
        table.add_row("true probability", *cells, style="dim")
    nulls = sum(entry.get("null_hours") or 0 for entry in entries)
    if nulls:
        table.caption = f"{nulls} hours with one class only have no AUC; the periods leave them out"
    return table


def loaded_table(warehouse: Warehouse, title: str) -> Table:
    """Rows in, kept and quarantined, by table that has any partition."""
    from rich.table import Table

    from warehouse.contract import TABLES

    table = Table("table", "partitions", "rows in", "kept", "quarantined", title=title, title_justify="left")
    for name in TABLES:
        found = warehouse.loaded(name)
        if found.empty:
            continue
        sums = (int(found[column].sum()) for column in ("rows_in", "kept", "quarantined"))
        table.add_row(name, f"{len(found):,}", *(f"{value:,}" for value in sums))
    return table


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"
