"""Tables that several commands print."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.table import Table

if TYPE_CHECKING:
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


def new_table(title: str | None, *headings: str, words: int = 1) -> Table:
    """An empty table: the first `words` columns are flush left, the figures behind them flush right."""
    table = Table(title=title, title_justify="left")
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="left" if number < words else "right", no_wrap=True)
    return table


def or_dash(value: float | None, form: str = ".4f") -> str:
    """A figure in a format of Python; a dash for one that does not exist."""
    return "–" if value is None else format(value, form)


def figures_table(
    title: str, entries: Sequence[Mapping[str, Any]], truth: Mapping[str, Any] | None = None
) -> Table:
    """One row a system; the ceiling of simulated logs below, dimmed. Columns without a value are left out."""
    entries = [_with_gain(entry) for entry in entries]
    columns = [name for name in FIGURES if any(entry.get(name) is not None for entry in entries)]
    table = new_table(title, "system", *(FIGURES[name] for name in columns))
    table.collapse_padding = True
    for entry in entries:
        cells = (or_dash(entry.get(name), "+.4f" if name in SIGNED else ".4f") for name in columns)
        table.add_row(entry["system"], *cells)
    if truth is not None:
        cells = (or_dash(truth.get(name)) for name in columns)
        table.add_row("true probability", *cells, style="dim")
    nulls = max((entry.get("null_hours") or 0 for entry in entries), default=0)
    if nulls:
        table.caption = f"{nulls} hours of each system have one class only and no AUC; periods leave them out"
    return table


def tests_table(title: str, result: Mapping[str, Any], others: Sequence[str], reference: str) -> Table:
    """Each of `others` less `reference`: the interval over users, p by DeLong, and corrected by Holm."""
    from assets.experiments.comparison.results import between

    table = new_table(title, "system", "difference", "95 % over users", "p", "p corrected")
    for name in others:
        test = between(result, name, reference)
        if test is None:
            table.add_row(name, *"––––")
            continue
        interval = f"{test['low']:+.4f} … {test['high']:+.4f}"
        p_values = (_p_value(test[name]) for name in ("p_delong", "p_holm"))
        table.add_row(name, or_dash(test["difference"], "+.4f"), interval, *p_values)
    table.caption = f"p: DeLong's test; corrected by Holm's rule over all {len(result['tests'])} pairs"
    return table


def comparison_tables(title: str, result: Mapping[str, Any]) -> Iterator[Table]:
    """The paper's Tables 2 and 4 and its Figure 3 for a comparison, with what is sure of them."""
    from assets.experiments.comparison.results import ABLATIONS, REFERENCE, best

    yield figures_table(title, result["summary"], result.get("truth"))
    names = [entry["system"] for entry in result["summary"]]
    ahead = best(result)
    if len(names) > 1 and ahead is not None:
        others = [name for name in names if name != ahead]
        yield tests_table(f"{title}: against {ahead}, the best", result, others, ahead)
    ablations = [name for name in ABLATIONS if name in names]
    if REFERENCE in names and ablations:
        entries = [entry for entry in result["summary"] if entry["system"] in (REFERENCE, *ablations)]
        yield figures_table(f"{title}: ablations of {REFERENCE}", entries)
        yield tests_table(f"{title}: ablations against {REFERENCE}", result, ablations, REFERENCE)
    yield hours_table(f"{title}: AUC by hour", result)


def hours_table(title: str, result: Mapping[str, Any]) -> Table:
    """A line of blocks a system, one an hour, all on one scale; a dot where an hour has no AUC."""
    from assets.experiments.comparison.summary import mean

    curves: dict[str, list[float | None]] = {}
    for name in (entry["system"] for entry in result["summary"]):
        rows = [row for row in result["rows"] if row["system"] == name]
        curves[name] = [mean(row["auc"] for row in rows if row["hour"] == hour) for hour in range(24)]
    known = [value for curve in curves.values() for value in curve if value is not None]
    low, high = min(known, default=0.0), max(known, default=0.0)
    table = new_table(title, "system", "0     6     12    18", "lowest", "highest", words=4)
    for name, curve in curves.items():
        aucs = [value for value in curve if value is not None]
        blocks = "".join(_block(value, low, high) for value in curve)
        table.add_row(name, blocks, or_dash(min(aucs, default=None)), or_dash(max(aucs, default=None)))
    table.caption = f"{BLOCKS[0]} {low:.3f} … {BLOCKS[-1]} {high:.3f}"
    return table


def loaded_table(warehouse: Warehouse, title: str) -> Table:
    """Rows in, kept and quarantined, by table that has any partition."""
    from warehouse.landing.contract import TABLES

    table = new_table(title, "table", "partitions", "rows in", "kept", "quarantined", words=5)
    for name in TABLES:
        partitions = warehouse.loaded(name)
        if not partitions.empty:
            sums = (int(partitions[column].sum()) for column in ("rows_in", "kept", "quarantined"))
            table.add_row(name, f"{len(partitions):,}", *(f"{value:,}" for value in sums))
    return table


def _with_gain(entry: Mapping[str, Any]) -> dict[str, Any]:
    """With what the hourly update gains over the same model left alone, where both are known."""
    adapted, static = entry.get("auc"), entry.get("auc_static")
    return {**entry, "gain": None if adapted is None or static is None else adapted - static}


def _p_value(value: float) -> str:
    return f"{value:.3f}" if value >= 0.001 else f"{value:.0e}" if value >= 1e-300 else "0"


def _block(value: float | None, low: float, high: float) -> str:
    if value is None:
        return "·"
    return BLOCKS[min(int((value - low) / (high - low) * len(BLOCKS)), len(BLOCKS) - 1) if high > low else 0]
