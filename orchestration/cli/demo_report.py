"""What the demo prints at its end; every table says that its logs are simulated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from orchestration.cli.console import Stopwatch, out, peak_memory_gib
from orchestration.cli.day import bases, ceiling, entries
from orchestration.cli.tables import (
    figures_table,
    loaded_table,
    new_table,
    or_dash,
    order_table,
    periods_table,
)

if TYPE_CHECKING:
    from rich.table import Table

    from assets.experiments.comparison.parts import Truth
    from orchestration.report import DayReport
    from orchestration.session import Session
    from warehouse.store.warehouse import Warehouse

Broken = Mapping[str, Mapping[str, int]]  #: table → rule that must catch it → rows broken


def print_report(session: Session, report: DayReport, broken: Broken, watch: Stopwatch) -> None:
    """Everything: what came in, what was caught, AUC by period and hour, time, memory, where to look next."""
    from warehouse.store.warehouse import Warehouse

    with watch.stage("report"):
        with Warehouse(session.deployment.paths(session.home).warehouse, read_only=True) as warehouse:
            loaded = loaded_table(warehouse, "Simulated logs, as they passed the gate")
            quarantined = caught(warehouse, broken)
        truth = ceiling(session.home, session.deployment, report.day)
    title = f"AUC on {report.day} (simulated logs), each hour scored before its clicks were used"
    figures = figures_table(title, entries(report), truth)
    periods = periods_table(f"AUC by period, {report.day} (simulated logs)", entries(report), truth)
    order = order_table(
        f"Order within users and lists, {report.day} (simulated logs)", entries(report), truth
    )
    curves = by_hour(report, truth)
    for table in (loaded, quarantined, figures, order, periods, curves, spent(session, watch)):
        out.print(table)
        out.print()
    out.print(f"Base models: {bases(report)}. Plot: {report.plot}")


def print_where_next() -> None:
    """The way on from here."""
    out.print("Where to look next: make ui (or hourfold ui) shows the assets, runs and AUC curves;")
    out.print(
        "hourfold quarantine show lists the broken rows; docs/read-the-results.md explains the figures."
    )


def caught(warehouse: Warehouse, broken: Broken) -> Table:
    """By table and rule: rows broken on purpose, and rows in quarantine."""
    from warehouse.store.quarantine import list_quarantine

    quarantined = list_quarantine(warehouse).groupby(["table", "rule"])["rows"].sum().to_dict()
    on_purpose = {(table, rule): rows for table, rules in broken.items() for rule, rows in rules.items()}
    title = "What the gate caught (simulated logs, rows broken on purpose)"
    shown = new_table(title, "table", "rule", "broken", "quarantined", words=2)
    for key in sorted(on_purpose.keys() | quarantined.keys()):
        shown.add_row(*key, f"{on_purpose.get(key, 0):,}", f"{int(quarantined.get(key, 0)):,}")
    shown.add_section()
    shown.add_row("all", "", f"{sum(on_purpose.values()):,}", f"{int(sum(quarantined.values())):,}")
    return shown


def by_hour(report: DayReport, truth: Truth) -> Table:
    """AUC of each hour, a column a system, and the true probability's beside them."""
    systems = list(report.auc_by_hour)
    title = f"AUC by hour, {report.day} (simulated logs)"
    shown = new_table(title, "hour", *systems, "true probability")
    ceilings = {row.hour: row.auc for row in truth.rows}
    for hour in range(24):
        values = [report.auc_by_hour[system].get(hour) for system in systems]
        shown.add_row(f"{hour:02d}", *(or_dash(value, ".3f") for value in (*values, ceilings.get(hour))))
    return shown


def spent(session: Session, watch: Stopwatch) -> Table:
    """Wall time by stage and by what it went into, the share of overhead, and peak memory."""
    total, used = watch.total, session.spent
    shown = new_table(f"{total:.0f} s in all, {used.runs} Dagster runs", "wall time", "seconds", "share")
    overhead = watch.stages.get("imports", 0.0) + used.orchestration
    inside = {f"inside runs: {name}": seconds for name, seconds in used.work.items()}
    inside["inside runs: orchestration"] = used.orchestration
    for section in (watch.stages, inside, {"imports and orchestration": overhead}):
        for name, seconds in section.items():
            shown.add_row(name, f"{seconds:.1f}", f"{seconds / total:.0%}")
        shown.add_section()
    shown.caption = f"Peak memory {peak_memory_gib():.1f} GiB"
    return shown
