"""Tables that several commands print."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

    from assets.experiments.comparison.parts import SystemFigures, Truth
    from assets.experiments.comparison.results import Comparison
    from warehouse.store.warehouse import Warehouse

#: figure → heading; definitions in docs/metrics.md
FIGURES = {
    "period1": "0–8 h",
    "period2": "8–16 h",
    "period3": "16–24 h",
    "auc": "AUC",
    "auc_static": "static",
    "gain": "gain",
    "auc_error": "± error",
    "auc_std": "± seeds",
    "log_loss": "log-loss",
    "gauc": "GAUC",
    "ece": "ECE",
}
SIGNED = ("gain",)
BLOCKS = "▁▂▃▄▅▆▇█"


def figures_table(title: str, entries: Sequence[SystemFigures], truth: Truth | None = None) -> Table:
    """One row a system; the ceiling of simulated logs below, dimmed. Columns without a value are left out."""
    from rich.table import Table

    columns = [name for name in FIGURES if any(getattr(entry, name) is not None for entry in entries)]
    table = Table(title=title, title_justify="left", collapse_padding=True)
    table.add_column("system", no_wrap=True)
    for name in columns:
        table.add_column(FIGURES[name], justify="right", no_wrap=True)
    for entry in entries:
        table.add_row(entry.system, *(_figure(getattr(entry, name), name in SIGNED) for name in columns))
    if truth is not None:
        cells = (_figure(getattr(truth, name, None)) for name in columns)
        table.add_row("true probability", *cells, style="dim")
    nulls = max((entry.null_hours for entry in entries), default=0)
    if nulls:
        table.caption = f"{nulls} hours of each system have one class only and no AUC; periods leave them out"
    return table


def tests_table(title: str, result: Comparison, others: Sequence[str], reference: str) -> Table:
    """Each of `others` less `reference`: the interval over users, p by DeLong, and corrected by Holm."""
    from rich.table import Table

    table = Table("system", title=title, title_justify="left")
    for heading in ("difference", "95 % over users", "p", "p corrected"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name in others:
        test = result.between(name, reference)
        if test is None:
            table.add_row(name, *"––––")
            continue
        interval = f"{_figure(test.low, signed=True)} … {_figure(test.high, signed=True)}"
        p_values = map(_p_value, (test.p_delong, test.p_holm))
        table.add_row(name, _figure(test.difference, signed=True), interval, *p_values)
    table.caption = f"p: DeLong's test; corrected by Holm's rule over all {len(result.tests)} pairs"
    return table


def comparison_tables(title: str, result: Comparison) -> Iterator[Table]:
    """The paper's Tables 2 and 4 and its Figure 3 for a comparison, with what is sure of them."""
    from assets.experiments.comparison.roles import ABLATIONS, REFERENCE

    yield figures_table(title, result.summary, result.truth)
    names = list(result.systems)
    ahead = result.best()
    if len(names) > 1 and ahead is not None:
        others = [name for name in names if name != ahead]
        yield tests_table(f"{title}: against {ahead}, the best", result, others, ahead)
    ablations = [name for name in ABLATIONS if name in names]
    if REFERENCE in names and ablations:
        entries = [entry for entry in result.summary if entry.system in (REFERENCE, *ablations)]
        yield figures_table(f"{title}: ablations of {REFERENCE}", entries)
        yield tests_table(f"{title}: ablations against {REFERENCE}", result, ablations, REFERENCE)
    yield hours_table(f"{title}: AUC by hour", result)


def hours_table(title: str, result: Comparison) -> Table:
    """A line of blocks a system, one an hour, all on one scale; a dot where no exposure tells."""
    from rich.table import Table

    from assets.experiments.comparison.averages import mean

    curves: dict[str, list[float | None]] = {}
    for name in result.systems:
        rows = [row for row in result.rows if row.system == name]
        curves[name] = [mean(row.auc for row in rows if row.hour == hour) for hour in range(24)]
    known = [value for curve in curves.values() for value in curve if value is not None]
    low, high = min(known, default=0.0), max(known, default=0.0)
    table = Table("system", "0     6     12    18", "lowest", "highest", title=title, title_justify="left")
    for name, curve in curves.items():
        there = [value for value in curve if value is not None]
        blocks = "".join(_block(value, low, high) for value in curve)
        table.add_row(name, blocks, _figure(min(there, default=None)), _figure(max(there, default=None)))
    table.caption = f"{BLOCKS[0]} {low:.3f} … {BLOCKS[-1]} {high:.3f}"
    return table


def loaded_table(warehouse: Warehouse, title: str) -> Table:
    """Rows in, kept and quarantined, by table that has any partition."""
    from rich.table import Table

    from warehouse.landing.contract import TABLES

    table = Table("table", "partitions", "rows in", "kept", "quarantined", title=title, title_justify="left")
    for name in TABLES:
        found = warehouse.loaded(name)
        if found.empty:
            continue
        sums = (int(found[column].sum()) for column in ("rows_in", "kept", "quarantined"))
        table.add_row(name, f"{len(found):,}", *(f"{value:,}" for value in sums))
    return table


def _figure(value: float | None, signed: bool = False) -> str:
    return "–" if value is None else f"{value:{'+' if signed else ''}.4f}"


def _p_value(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.3f}" if value >= 0.001 else f"{value:.0e}" if value >= 1e-300 else "0"


def _block(value: float | None, low: float, high: float) -> str:
    if value is None:
        return "·"
    return BLOCKS[min(int((value - low) / (high - low) * len(BLOCKS)), len(BLOCKS) - 1) if high > low else 0]
