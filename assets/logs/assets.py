"""Every table of the landing folder as an asset: through the gate into the warehouse."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from assets.common import plots
from assets.common.faults import retried_or_explained
from assets.common.links import report_link
from assets.common.partitions import Partitions
from assets.common.resources import HomeResource, ProgressReport
from assets.common.timings import PREFIX
from assets.logs import verdicts
from assets.logs.arrivals import Arrivals
from assets.logs.loading import Loading, load_partitions

if TYPE_CHECKING:
    from assets.logs.ingest import IngestReport

Events = Iterator[
    dg.AssetMaterialization | dg.AssetCheckEvaluation | dg.AssetCheckResult | dg.MaterializeResult
]
Metadata = dict[str, Any]
FORCE = "hourfold/force"  #: tag of runs that load what breaks batch rules

_WHAT = {
    "users": "Accounts with their chosen categorical columns; every file that is not loaded as it is now.",
    "items": "Items with publication time and chosen columns; every file that is not loaded as it is now.",
    "exposures": "Exposures of the hour and whether they were clicked: what is learned from and judged on.",
    "external_clicks": "Clicks of the same accounts in other applications, by hour of receipt.",
    "purchases": "What accounts bought and cancelled: price, genre, brand; a day of service time.",
    "points": "Points owned or moved (standard, limited, used); a day of service time.",
    "demographics": "Survey answers of accounts, numbers and categories; every file not loaded as it is now.",
    "labels": "Observed answers (user, task, 0 or 1, when); every file that is not loaded as it is now.",
}


def log_assets(partitions: Partitions) -> list[dg.AssetsDefinition]:
    """The tables of the ranking (hours) and of the profiler (days); dimensions have no partitions."""
    return [
        *(_dimension(table) for table in ("users", "items", "demographics", "labels")),
        *(_dated(table, partitions.hourly, ("users", "items")) for table in ("exposures", "external_clicks")),
        *(_dated(table, partitions.shop, ()) for table in ("purchases", "points")),
    ]


def _dimension(table: str) -> dg.AssetsDefinition:
    # Its checks do not block: exposures have a gate of their own, which sees rows of unknown users or items.
    # A dimension file that nobody mends would otherwise hold back every hour from then on.
    @dg.asset(
        name=table,
        description=_WHAT[table],
        group_name="logs",
        owners=["team:data"],
        kinds={"duckdb", "greatexpectations"},
        check_specs=verdicts.check_specs(table, None, blocking=False),
        pool="duckdb",
    )
    def load(
        context: dg.AssetExecutionContext, home: HomeResource, progress: dg.ResourceParam[ProgressReport]
    ) -> dg.MaterializeResult:
        home = home.of_table(table)
        with retried_or_explained(context):
            loading = load_partitions(home, table, pending(home, table), force=FORCE in context.run.tags)
            progress.spent(loading.seconds())
            arrivals = _arrivals(home, loading)
            return dg.MaterializeResult(
                metadata=_files_metadata(loading), check_results=verdicts.of_files(loading, arrivals.check())
            )

    return load


def _dated(
    table: str, partitions: dg.TimeWindowPartitionsDefinition, deps: Sequence[str]
) -> dg.AssetsDefinition:
    # A multi-asset, because only its outputs may be skipped: a partition that was refused or has no files
    # must not look materialised. In a run of many partitions its checks are events of a partition rather than
    # outputs, which would be one verdict on all.
    @dg.multi_asset(
        name=table,
        specs=[
            dg.AssetSpec(
                table,
                description=_WHAT[table],
                deps=list(deps),
                group_name="logs",
                owners=["team:data"],
                kinds={"duckdb", "greatexpectations"},
                partitions_def=partitions,
                skippable=True,
            )
        ],
        check_specs=verdicts.check_specs(table, partitions, blocking=True),
        can_subset=True,
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool="duckdb",
    )
    def load(
        context: dg.AssetExecutionContext, home: HomeResource, progress: dg.ResourceParam[ProgressReport]
    ) -> Events:
        keys, key, home = list(context.partition_keys), dg.AssetKey(table), home.of_table(table)
        with retried_or_explained(context):
            loading = load_partitions(home, table, keys, force=FORCE in context.run.tags)
            progress.spent(loading.seconds())
            arrivals = _arrivals(home, loading)
        for partition in keys:
            results = verdicts.of_partition(loading, partition, arrivals.check(partition))
            yield from results if len(keys) == 1 else verdicts.evaluations(table, results, partition)
        if set(loading.reports) == set(keys) and key in context.selected_asset_keys:
            for partition in keys:
                metadata = _metadata(loading.reports[partition], partition)
                context.add_asset_metadata(metadata, asset_key=key, partition_key=partition)
            yield dg.MaterializeResult(asset_key=key)
            return
        for partition, report in loading.reports.items():
            yield dg.AssetMaterialization(key, partition=partition, metadata=_metadata(report, partition))
        if loading.stopped and not (len(keys) == 1 and loading.refused):
            # One refused partition fails by its blocking checks.
            raise dg.Failure(description=_refusal(loading), allow_retries=False)

    return load


def _arrivals(home: HomeResource, loading: Loading) -> Arrivals:
    contract = home.description.contract(loading.table)
    return Arrivals(loading, home.deployment.landing_folder(home.home), contract)


def pending(home: HomeResource, table: str) -> list[str]:
    """Landed partitions of a table that are not loaded as they are now."""
    from assets.logs import ingest

    return ingest.pending(home.paths, table, landing=home.deployment.landing_folder(home.home))


def _metadata(report: "IngestReport", partition: str) -> Metadata:
    """What the asset's page shows of one partition's load."""
    rows = {name: int(report.rows.at[partition, name]) for name in ("rows_in", "kept", "quarantined")}
    alone = len(report.rows) == 1
    warnings = [text for text in report.warnings if alone or partition in text]
    metadata: Metadata = {
        "rows in": rows["rows_in"],
        "kept": rows["kept"],
        "quarantined": rows["quarantined"],
        "share quarantined": dg.MetadataValue.float(rows["quarantined"] / max(rows["rows_in"], 1)),
        "warnings": dg.MetadataValue.md("\n".join(f"- {text}" for text in warnings) or "none"),
    }
    if report.data_docs is not None:
        metadata["data docs"] = report_link(report.data_docs)
    if not alone:
        return metadata | {"partitions of the same load": len(report.rows)}
    return metadata | _pictures(report)


def _files_metadata(loading: Loading) -> Metadata:
    """What the page of a table without partitions shows of a load of its files."""
    if not loading.reports:
        return {"files loaded": 0, "files refused": len(loading.stopped)}
    report = next(iter(loading.reports.values()))
    return {
        "files loaded": len(loading.reports),
        "files refused": len(loading.stopped),
        "rows in": int(report.rows["rows_in"].sum()),
        "kept": report.kept,
        "quarantined": report.quarantined,
        "warnings": dg.MetadataValue.md("\n".join(f"- {text}" for text in report.warnings) or "none"),
        **_pictures(report),
    }


def _pictures(report: "IngestReport") -> Metadata:
    """Seconds by phase, and rows in quarantine by rule."""
    seconds = {f"{PREFIX}{name}": dg.MetadataValue.float(value) for name, value in report.seconds.items()}
    if not report.rules:
        return seconds
    bars = plots.bars(report.rules, "Quarantine by rule", "rows")
    return seconds | {"quarantine by rule": plots.embedded(bars)}


def _refusal(loading: Loading) -> str:
    """Which partitions were not loaded, why, and what to do."""
    texts = [failure.message for broken in loading.refused.values() for failure in broken]
    texts = list(dict.fromkeys([*loading.unreadable.values(), *texts]))
    more = [f"and {len(texts) - 10} more"] if len(texts) > 10 else []
    return "\n".join(
        [
            f"{loading.table}: {len(loading.stopped)} of {len(loading.asked)} partitions were not loaded; "
            "what was loaded of them before stays.",
            *texts[:10],
            *more,
            verdicts.REMEDY,
        ]
    )
