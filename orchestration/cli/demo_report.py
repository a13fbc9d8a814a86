"""What the demo prints at its end; every table says that its logs are simulated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from orchestration.cli.console import Stopwatch, out, peak_memory_gib
from orchestration.cli.day import ceiling, entries
from orchestration.cli.tables import figures_table, loaded_table

if TYPE_CHECKING:
    from rich.table import Table

    from assets.experiments.comparison.parts import Truth
    from orchestration.run import DayReport
    from orchestration.session import Session
    from warehouse.store.warehouse import Warehouse

Broken = Mapping[str, Mapping[str, int]]  #: table → rule that must catch it → rows broken


def print_report(session: Session, report: DayReport, broken: Broken, watch: Stopwatch) -> None:
    """Everything: what came in, what was caught, AUC by period and hour, time, memory, where to look next."""
    from warehouse.store.warehouse import Warehouse

    with watch.stage("report"):
        with Warehouse(session.deployment.paths(session.home).warehouse, read_only=True) as warehouse:
            tables = [
                loaded_table(warehouse, "Simulated logs, as they passed the gate"),
                caught(warehouse, broken),
            ]
        truth = ceiling(session.home, session.deployment, report.day)
    title = f"AUC on {report.day} (simulated logs), each hour scored before its clicks were used"
    for table in (
        *tables,
        figures_table(title, entries(report), truth),
        by_hour(report, truth),
        spent(session, watch),
    ):
        out.print(table)
        out.print()
    bases = ", ".join(f"{system} from {base}" for system, base in report.base_partitions.items())
    out.print(f"Base models: {bases}. Plot: {report.plot}")


def print_where_next() -> None:
    """The way on from here."""
    out.print("Where to look next: [bold]make ui[/] (or hourfold ui) shows the assets, runs and AUC curves;")
    out.print(
        "hourfold quarantine show lists the broken rows; docs/read-the-results.md explains the figures."
    )


def caught(warehouse: Warehouse, broken: Broken) -> Table:
    """By table and rule: rows broken on purpose, and rows in quarantine."""
    from rich.table import Table

    from warehouse.store.quarantine import list_quarantine

    found = list_quarantine(warehouse).groupby(["table", "rule"])["rows"].sum().to_dict()
    told = {(table, rule): rows for table, rules in broken.items() for rule, rows in rules.items()}
    shown = Table(
        "table",
        "rule",
        title="What the gate caught (simulated logs, rows broken on purpose)",
        title_justify="left",
    )
    shown.add_column("broken", justify="right")
    shown.add_column("quarantined", justify="right")
    for key in sorted(told.keys() | found.keys()):
        shown.add_row(*key, f"{told.get(key, 0):,}", f"{int(found.get(key, 0)):,}")
    shown.add_section()
    shown.add_row("all", "", f"{sum(told.values()):,}", f"{int(sum(found.values())):,}")
    return shown


def by_hour(report: DayReport, truth: Truth) -> Table:
    """AUC of each hour, a column a system, and the true probability's beside them."""
    from rich.table import Table

    systems = list(report.auc_by_hour)
    shown = Table("hour", title=f"AUC by hour, {report.day} (simulated logs)", title_justify="left")
    for name in (*systems, "true probability"):
        shown.add_column(name, justify="right")
    ceilings = {row.hour: row.auc for row in truth.rows}
    for hour in range(24):
        values = [report.auc_by_hour[system].get(hour) for system in systems]
        cells = ["–" if value is None else f"{value:.3f}" for value in (*values, ceilings.get(hour))]
        shown.add_row(f"{hour:02d}", *cells)
    return shown


def spent(session: Session, watch: Stopwatch) -> Table:
    """Wall time by stage and by what it went into, the share of overhead, and peak memory."""
    from rich.table import Table

    total, used = watch.total, session.spent
    shown = Table("wall time", title=f"{total:.0f} s in all, {used.runs} Dagster runs", title_justify="left")
    shown.add_column("seconds", justify="right")
    shown.add_column("share", justify="right")

    def row(name: str, seconds: float) -> None:
        shown.add_row(name, f"{seconds:.1f}", f"{seconds / total:.0%}")

    for name, seconds in watch.stages.items():
        row(name, seconds)
    shown.add_section()
    for name, seconds in used.work.items():
        row(f"inside runs: {name}", seconds)
    row("inside runs: orchestration", used.orchestration)
    overhead = watch.stages.get("imports", 0.0) + used.orchestration
    shown.add_section()
    row("imports and orchestration", overhead)
    shown.caption = f"Peak memory {peak_memory_gib():.1f} GiB"
    return shown
