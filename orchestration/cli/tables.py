"""Tables that several commands print."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from rich.table import Table

if TYPE_CHECKING:
    from assets.experiments.comparison.parts import PeriodFigures, SystemFigures, Truth
    from assets.experiments.comparison.results import Comparison
    from warehouse.store.warehouse import Warehouse

#: in their order; definitions in docs/metrics.md
COLUMNS = (
    *("auc", "auc_error", "auc_std", "auc_static", "gain", "gain_error"),
    *("aupr", "log_loss", "ece"),
)
ORDER_COLUMNS = (
    *("gauc", "gauc_hour", "gauc_request"),
    *("request_auc", "request_mrr", "request_ndcg5", "request_ndcg10"),
)
PERIOD_COLUMNS = tuple(f"{kind}{number}" for kind in ("pooled", "gain", "period") for number in (1, 2, 3))
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


def figures_table(title: str, entries: Sequence[SystemFigures], truth: Truth | None = None) -> Table:
    """One row a system; the ceiling of simulated logs below, dimmed. Columns without a value are left out."""
    return _systems_table(title, COLUMNS, entries, truth)


def order_table(title: str, entries: Sequence[SystemFigures], truth: Truth | None = None) -> Table:
    """The order within a user's day and hour, and within the lists shown, where requests are known."""
    table = _systems_table(title, ORDER_COLUMNS, entries, truth)
    requests = [entry.requests for entry in entries if entry.requests is not None]
    if requests:
        most = max(requests)
        table.caption = (
            f"{most:,.0f} lists a day" if most else "no requests in these logs: no figure of lists"
        )
    return table


def periods_table(title: str, entries: Sequence[SystemFigures], truth: Truth | None = None) -> Table:
    """The thirds of a day: the exposures of each pooled, and beside them the paper's means of hourly AUCs."""
    table = _systems_table(title, PERIOD_COLUMNS, entries, truth)
    nulls = max((entry.null_hours for entry in entries), default=0)
    if nulls:
        table.caption = f"{nulls} hours of each system have one class only and no AUC; means leave them out"
    return table


def _systems_table(
    title: str, names: Sequence[str], entries: Sequence[SystemFigures], truth: PeriodFigures | None
) -> Table:
    from models.metrics import FIGURES

    columns = [name for name in names if any(getattr(entry, name) is not None for entry in entries)]
    # Words and hours on a line each: a row of nine periods then fits a page.
    headings = (re.sub(r"^([a-z]+) (?=\d)", r"\1\n", FIGURES[name].label) for name in columns)
    table = new_table(title, "system", *headings)
    table.collapse_padding = True
    for entry in entries:
        table.add_row(entry.system, *(_cell(name, getattr(entry, name)) for name in columns))
    if truth is not None:
        cells = (_cell(name, getattr(truth, name, None)) for name in columns)
        table.add_row("true probability", *cells, style="dim")
    return table


def failed_lines(failed: Mapping[str, str]) -> Iterator[str]:
    """A line for each system that has no figures, with the reason."""
    for system, reason in failed.items():
        yield f"{system} failed and has no figures; the others are told without it. {reason}"


def tests_table(title: str, result: Comparison, others: Sequence[str], reference: str) -> Table:
    """Each of `others` less `reference`: the interval and p over users, and p corrected by Holm."""
    table = new_table(title, "system", "difference", "95 % over users", "p", "p corrected")
    for name in others:
        test = result.between(name, reference)
        if test is None:
            table.add_row(name, *"––––")
            continue
        interval = f"{or_dash(test.low, '+.4f')} … {or_dash(test.high, '+.4f')}"
        p_values = map(_p_value, (test.p, test.p_holm))
        table.add_row(name, or_dash(test.difference, "+.4f"), interval, *p_values)
    table.caption = f"p: over users; corrected by Holm's rule over all {len(result.tests)} pairs"
    return table


def comparison_tables(title: str, result: Comparison) -> Iterator[Table]:
    """The paper's Tables 2 and 4 and its Figure 3 for a comparison, with what is sure of them."""
    from assets.experiments.comparison.roles import ABLATIONS, REFERENCE

    yield figures_table(title, result.summary, result.truth)
    yield order_table(f"{title}: order within users and lists", result.summary, result.truth)
    yield periods_table(f"{title}: AUC by period", result.summary, result.truth)
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
    """A line of blocks a system, one an hour, all on one scale; a dot where an hour has no AUC."""
    from assets.experiments.comparison.averages import mean

    curves: dict[str, list[float | None]] = {}
    for name in result.systems:
        rows = [row for row in result.rows if row.system == name]
        curves[name] = [mean(row.auc for row in rows if row.hour == hour) for hour in range(24)]
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


def _cell(figure: str, value: float | None) -> str:
    from models.metrics import FIGURES

    declared = FIGURES[figure]
    return or_dash(value, f"{'+' * declared.signed}.{declared.digits}f")


def _p_value(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.3f}" if value >= 0.001 else f"{value:.0e}" if value >= 1e-300 else "0"


def _block(value: float | None, low: float, high: float) -> str:
    if value is None:
        return "·"
    return BLOCKS[min(int((value - low) / (high - low) * len(BLOCKS)), len(BLOCKS) - 1) if high > low else 0]
