"""training_instances[D]: the exposures of day D as the models saw them, encoded once for every training."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from assets.common import plots
from assets.common.faults import retried_or_explained
from assets.common.partitions import Partitions
from assets.common.resources import HomeResource, ProgressReport, WarehouseResource
from assets.common.timings import Timings
from assets.ranking.account_vectors import LAG_DAYS
from assets.ranking.encoding import EncodedDays
from assets.ranking.instance_page import FieldCounts, FieldSummary, fields_table, histograms, sample_of
from assets.ranking.instance_store import bytes_of
from assets.ranking.training_window import NightlyWindow

if TYPE_CHECKING:
    from warehouse.home import Deployment

COMPLETE = "complete"  #: the asset check

#: The purchases that users' vectors are made of, where rankers read them (`account_vectors`).
YEAR_BEFORE = dg.TimeWindowPartitionMapping(
    start_offset=-364 - LAG_DAYS, end_offset=-LAG_DAYS, allow_nonexistent_upstream_partitions=True
)


def training_instances_asset(partitions: Partitions) -> dg.AssetsDefinition:
    """The asset over a deployment's days."""
    bought = [dg.AssetDep("purchases", partition_mapping=YEAR_BEFORE)] if partitions.one_account else []

    # Not in the pool `duckdb`: it reads a day at a time and closes, and would hold hourly loads back.
    @dg.asset(
        partitions_def=partitions.daily,
        deps=["exposures", "external_clicks", *partitions.history, *bought],
        group_name="ranking",
        owners=["team:ranking"],
        kinds={"duckdb", "arrow"},
        check_specs=[
            dg.AssetCheckSpec(
                COMPLETE,
                asset="training_instances",
                description="As many instances as the warehouse has exposures, every code within its bins.",
                partitions_def=partitions.daily,
            )
        ],
    )
    def training_instances(
        context: dg.AssetExecutionContext,
        home: HomeResource,
        warehouse: WarehouseResource,
        progress: dg.ResourceParam[ProgressReport],
    ) -> dg.MaterializeResult:
        """The day's exposures with the codes of their fields, each as at the start of its hour.

        Encoded once, from the state at the end of the day before, and read by every training whose window
        holds the day. Earlier days that are missing, or whose logs have changed since, are encoded first. A
        way of making features that no other system shares has a version, and a folder, of its own.
        """
        with retried_or_explained(context):
            return encoded(context, home, warehouse, progress)

    return training_instances


def encoded(
    context: dg.AssetExecutionContext,
    home: HomeResource,
    warehouse: WarehouseResource,
    progress: ProgressReport,
) -> dg.MaterializeResult:
    """Encode a day in every version of the deployment; returns what its page shows."""
    day = context.partition_key
    window = NightlyWindow.through(day, home, warehouse)
    timings, metadata, faults = Timings(), dict[str, Any](), list[str]()
    for version in window.versions:
        days = window.encode(version, progress.to(context.log), context.log.info)
        for phase, seconds in days.timings.seconds.items():
            timings.seconds[phase] = timings.seconds.get(phase, 0.0) + seconds
        _record_others(context, version.name, days, window.history.rows, home.deployment.first_day)
        with timings.phase("check"):
            page = _page(days.folders[-1])
        faults += page.faults(version.name, window.history.rows[day])
        name = "" if len(window.versions) == 1 else f"{version.name}: "
        shown = {"version": version.name, "read by": ", ".join(version.systems)}
        shown |= page.metadata(day, home.deployment) | _work(days)
        metadata |= {f"{name}{key}": value for key, value in shown.items()}
    progress.spent(timings.seconds)
    return dg.MaterializeResult(
        metadata={**metadata, **timings.metadata()},
        check_results=[
            dg.AssetCheckResult(
                check_name=COMPLETE,
                passed=not faults,
                description="\n".join(f"{day}, {fault}" for fault in faults) or "complete",
            )
        ],
    )


def _record_others(
    context: dg.AssetExecutionContext,
    version: str,
    days: EncodedDays,
    rows: Mapping[str, int],
    first_day: str,
) -> None:
    """Let Dagster know the earlier days that this run has encoded: their partitions are there, too."""
    for day, why in days.why.items():
        if first_day <= day != context.partition_key:
            about: dict[str, Any] = {"version": version, "rows": rows[day], "why": why}
            context.log_event(dg.AssetMaterialization("training_instances", metadata=about, partition=day))


def _work(days: EncodedDays) -> dict[str, Any]:
    """What had to be done for a page, and at which rate."""
    seconds = sum(days.timings.seconds.values())
    shown: dict[str, Any] = {"days encoded": len(days.why)}
    if days.why:
        reasons = "\n".join(f"- {day}: {why}" for day, why in days.why.items())
        shown["why"] = dg.MetadataValue.md(reasons)
    if days.rows:
        shown["µs an exposure"] = 1e6 * seconds / days.rows
    return shown


@dataclass(frozen=True)
class InstancePage:
    """What is said of one partition."""

    folder: Path
    rows: int
    clicks: int
    fields: tuple[FieldSummary, ...]

    def faults(self, version: str, exposures: int) -> list[str]:
        """What is wrong with the partition of a day that has so many exposures in the warehouse."""
        wrong = []
        if self.rows != exposures:
            wrong.append(
                f"version {version}: {self.rows} instances of {exposures} exposures in {self.folder}"
            )
        wrong += [
            f"version {version}: {field.outside} codes of {field.name} are none of its {field.bins} bins"
            for field in self.fields
            if field.outside
        ]
        return wrong

    def metadata(self, day: str, deployment: "Deployment") -> dict[str, Any]:
        """For the asset's page."""
        sample = sample_of(self.fields)
        title = f"{len(sample)} of {len(self.fields)} fields, {deployment.source} {day}"
        return {
            "rows": self.rows,
            "bytes": bytes_of([self.folder]),
            "fields": len(self.fields),
            "click rate": self.clicks / self.rows if self.rows else float("nan"),
            "folder": dg.MetadataValue.path(str(self.folder)),
            "table of fields": dg.MetadataValue.md(fields_table(self.fields, self.rows)),
            "histograms": plots.embedded(histograms(sample, title)),
        }


def _page(folder: Path) -> InstancePage:
    """Read a partition back, chunk by chunk."""
    from models.ranking.instances.partition import read_day

    day = read_day(folder)
    counts = FieldCounts(day.layout.specs)
    for rows in day.read():
        counts.add(rows.codes)
    return InstancePage(folder, counts.rows, day.clicks, tuple(counts.summaries()))
