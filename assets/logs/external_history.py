"""External clicks from before the first exposure: what accounts did elsewhere, loaded as a whole.

They have a first day of their own (`external_first_day` of source.json). The hours of the feed are partitions
of `external_clicks`; what lies before them is this asset, which has none.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import dagster as dg

from assets.common.faults import retried_or_explained
from assets.common.partitions import EXTERNAL_HISTORY
from assets.common.resources import HomeResource, ProgressReport
from assets.logs.assets import FORCE
from assets.logs.loading import load_partitions
from models.progress import Progress
from warehouse.landing import layout

if TYPE_CHECKING:
    from pathlib import Path

    from assets.logs.loading import Loading

TABLE = "external_clicks"
HOURS_AT_ONCE = 72  #: in one transaction, which bounds memory
CHECK = "gate"


@dataclass
class HistoryLoad:
    """What became of the hours of a load."""

    hours: int = 0
    rows_in: int = 0
    rows_loaded: int = 0
    quarantined: int = 0
    refused: dict[str, str] = field(default_factory=dict)  #: hour → rules that it breaks, or its bad file

    def add(self, loading: "Loading") -> None:
        """Take in some hours."""
        self.hours += len(loading.reports)
        for report in {id(report): report for report in loading.reports.values()}.values():
            self.rows_in += int(report.rows["rows_in"].sum())
            self.rows_loaded += report.kept
            self.quarantined += report.quarantined
        self.refused |= loading.unreadable
        for hour, broken in loading.refused.items():
            self.refused[hour] = "; ".join(failure.message for failure in broken)


def external_history_asset() -> dg.AssetsDefinition:
    """The asset of deployments whose external clicks begin before their exposures."""

    # Its check does not block: a refused hour of years ago must not hold back the hours of today.
    @dg.asset(
        name=EXTERNAL_HISTORY,
        deps=["users", "items"],
        group_name="logs",
        owners=["team:data"],
        kinds={"duckdb", "greatexpectations"},
        check_specs=[
            dg.AssetCheckSpec(
                CHECK,
                asset=EXTERNAL_HISTORY,
                description="Batch rules of every hour before the first exposure.",
            )
        ],
        pool="duckdb",
    )
    def external_history(
        context: dg.AssetExecutionContext, home: HomeResource, progress: dg.ResourceParam[ProgressReport]
    ) -> dg.MaterializeResult:
        """Clicks in other applications received before the first exposure; hours not loaded as they are now.

        Models read them as they read later ones: counts, latest clicks, both graphs.
        """
        with retried_or_explained(context):
            load = load_history(home, progress.to(context.log), force=FORCE in context.run.tags)
            refused = list(load.refused.values())
            return dg.MaterializeResult(
                metadata={
                    "hours loaded": load.hours,
                    "rows in": load.rows_in,
                    "kept": load.rows_loaded,
                    "quarantined": load.quarantined,
                    "hours refused": len(load.refused),
                },
                check_results=[
                    dg.AssetCheckResult(
                        check_name=CHECK,
                        passed=not refused,
                        description="\n".join(refused[:10]) or "all batch rules hold",
                    )
                ],
            )

    return external_history


def load_history(home: HomeResource, progress: Progress | None = None, *, force: bool = False) -> HistoryLoad:
    """Gate and load the external clicks before the first exposure; refused hours are left as they were."""
    load, due = HistoryLoad(), history_due(home)
    for first in range(0, len(due), HOURS_AT_ONCE):
        hours = due[first : first + HOURS_AT_ONCE]
        load.add(load_partitions(home, TABLE, hours, force=force))
        if progress is not None:
            progress("hours of external history", first + len(hours), len(due))
    return load


def history_due(home: HomeResource) -> list[str]:
    """Hours of external clicks before the first exposure that are not loaded as they are now."""
    from assets.logs.ingest import pending

    deployment = home.deployment
    landing = deployment.landing_folder(home.home)
    landed = layout.partitions(landing, home.description.contract(TABLE))
    within = [hour for hour in landed if deployment.behaviours_first_day <= hour[:10] < deployment.first_day]
    if not within:
        return []
    return pending(home.paths, TABLE, landing=landing, only=within)


def left_out(landing: "Path") -> list[str]:
    """Sentences on hours that have files and lie before the first day from which they are read."""
    from warehouse.landing.reading import describe

    description = describe(landing)
    firsts = {"exposures": description.first_day}
    firsts[TABLE] = min(description.first_day, description.external_first_day or description.first_day)
    said = []
    for table, first in firsts.items():
        early = [key for key in layout.partitions(landing, description.contract(table)) if key[:10] < first]
        if early:
            said.append(_said(table, early, first))
    return said


def _said(table: str, early: Sequence[str], first: str) -> str:
    setting = "external_first_day" if table == TABLE else "first_day"
    return (
        f"{table}: {len(early):,} hours with files, {early[0]} to {early[-1]}, lie before {first} and are "
        f'not read: set "{setting}": "{early[0][:10]}" in source.json to read them'
    )
