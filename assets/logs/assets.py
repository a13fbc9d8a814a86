"""Every table of the landing folder as an asset: through the gate into the warehouse."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import dagster as dg

from assets.common import plots
from assets.common.faults import retried_or_explained
from assets.common.partitions import Partitions
from assets.common.resources import HomeResource, ProgressReport
from assets.common.timings import PREFIX, Timings

if TYPE_CHECKING:
    from assets.logs.ingest import IngestReport
    from expectations.gate import BatchFailure

Failures = dict[str, "tuple[BatchFailure, ...]"]
Events = Iterator[
    dg.AssetMaterialization | dg.AssetCheckEvaluation | dg.AssetCheckResult | dg.MaterializeResult
]
Metadata = dict[str, dg.MetadataValue | int]
GATE = "gate"

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
_CHECK = (
    "Batch rules: {history}share quarantined, {clock}schema. A batch that breaks one is not written; the "
    "state before stays."
)
_HISTORY = {
    "exposures": "row count and click rate against the history of the same hour, ",
    "external_clicks": "row count against the history of the same hour, ",
    "purchases": "row count and price level against the history of the same weekday, ",
    "points": "row count against the history of the same weekday, ",
}


def log_assets(partitions: Partitions) -> list[dg.AssetsDefinition]:
    """The tables of the ranking (hours) and of the profiler (days); dimensions have no partitions."""
    return [
        *(_dimension(table) for table in ("users", "items", "demographics", "labels")),
        *(_dated(table, partitions.hourly, ("users", "items")) for table in ("exposures", "external_clicks")),
        *(_dated(table, partitions.shop, ()) for table in ("purchases", "points")),
    ]


def _check(table: str) -> str:
    clock = "clock, " if table in _HISTORY else ""
    return _CHECK.format(history=_HISTORY.get(table, ""), clock=clock)


def _dimension(table: str) -> dg.AssetsDefinition:
    # Its check does not block: exposures have a gate of their own, which sees rows of unknown users or items.
    # A dimension file that nobody mends would otherwise hold back every hour from then on.
    @dg.asset(
        name=table,
        description=_WHAT[table],
        group_name="logs",
        owners=["team:data"],
        kinds={"duckdb", "greatexpectations"},
        check_specs=[dg.AssetCheckSpec(GATE, asset=table, description=_check(table))],
        pool="duckdb",
    )
    def load(
        context: dg.AssetExecutionContext, home: HomeResource, progress: dg.ResourceParam[ProgressReport]
    ) -> dg.MaterializeResult:
        home = home.of_table(table)
        with retried_or_explained(context):
            timings = Timings()
            with timings.phase("read"):
                due = pending(home, table)
            report, failures = load_partitions(home, table, due)
            progress.spent(timings.seconds)
            progress.spent(report.seconds if report else {})
            return dg.MaterializeResult(
                metadata=_metadata(report) if report else {},
                check_results=[_verdict(table, failures)],
            )

    return load


def _dated(
    table: str, partitions: dg.TimeWindowPartitionsDefinition, deps: Sequence[str]
) -> dg.AssetsDefinition:
    # A multi-asset, because only its outputs may be skipped: a rejected partition must not look
    # materialised.
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
        check_specs=[
            dg.AssetCheckSpec(
                GATE, asset=table, blocking=True, description=_check(table), partitions_def=partitions
            )
        ],
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool="duckdb",
    )
    def load(
        context: dg.AssetExecutionContext, home: HomeResource, progress: dg.ResourceParam[ProgressReport]
    ) -> Events:
        keys, home = list(context.partition_keys), home.of_table(table)
        with retried_or_explained(context):
            report, failures = load_partitions(home, table, keys)
            metadata = _metadata(report) if report else {}
            progress.spent(report.seconds if report else {})
        key = dg.AssetKey(table)
        if len(keys) > 1:
            # A range is one run with one verdict, which no page would count for its partitions: each gets one
            # of its own.
            for partition in keys:
                own = {partition: failures[partition]} if partition in failures else {}
                yield _judged(key, partition, own)
        if failures and report is not None:
            for partition in report.rows.index:
                yield dg.AssetMaterialization(key, partition=str(partition), metadata=metadata)
        yield _verdict(table, failures)
        if not failures:
            yield dg.MaterializeResult(asset_key=key, metadata=metadata)

    return load


def pending(home: HomeResource, table: str) -> list[str]:
    """Landed partitions of a table that are not loaded as they are now."""
    from assets.logs import ingest

    return ingest.pending(home.paths, table, landing=home.deployment.landing_folder(home.home))


def load_partitions(
    home: HomeResource, table: str, partitions: Sequence[str]
) -> "tuple[IngestReport | None, Failures]":
    """Gate and load partitions; those that break a batch rule are left as they were, the others are loaded.

    Returns the report of what was loaded (None: nothing) and the failures by partition.
    """
    from assets.logs.ingest import BatchRejected, ingest

    landing = home.deployment.landing_folder(home.home)
    if not partitions:
        return None, {}
    try:
        return ingest(home.paths, table, partitions, landing=landing), {}
    except BatchRejected as rejected:
        failures = dict(rejected.report.failures)
    sound = [partition for partition in partitions if partition not in failures]
    if not sound:
        return None, failures
    try:
        return ingest(home.paths, table, sound, landing=landing), failures
    except BatchRejected as rejected:
        # Without the rejected hours, the history looks different to the others: one more look is enough.
        return None, failures | dict(rejected.report.failures)


def _metadata(report: "IngestReport") -> Metadata:
    """What the asset's page shows of a load."""
    rows_in = int(report.rows["rows_in"].sum())
    share = report.quarantined / rows_in if rows_in else 0.0
    return {
        "rows in": rows_in,
        "kept": report.kept,
        "quarantined": report.quarantined,
        "share quarantined": dg.MetadataValue.float(share),
        "partitions": len(report.rows),
        "warnings": dg.MetadataValue.md("\n".join(f"- {text}" for text in report.warnings) or "none"),
        **{f"{PREFIX}{name}": dg.MetadataValue.float(seconds) for name, seconds in report.seconds.items()},
        **(
            {"quarantine by rule": plots.embedded(plots.bars(report.rules, "Quarantine by rule", "rows"))}
            if report.rules
            else {}
        ),
    }


def _outcome(failures: Failures) -> str:
    """The broken rules, and what to do."""
    if not failures:
        return "all batch rules hold"
    messages = [failure.message for broken in failures.values() for failure in broken]
    return (
        "\n".join(messages[:10])
        + "\nNothing of these partitions was written; the state before is intact. What to do: mend the files "
        "in the landing folder and materialise the partitions again. If the batch is right as it is, load it "
        "with `hourfold ingest --force`."
    )


def _verdict(table: str, failures: Failures) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=table,
        check_name=GATE,
        passed=not failures,
        description=_outcome(failures),
        metadata={"rules broken": sorted({f.rule for broken in failures.values() for f in broken})},
    )


def _judged(key: dg.AssetKey, partition: str, failures: Failures) -> dg.AssetCheckEvaluation:
    return dg.AssetCheckEvaluation(
        asset_key=key,
        check_name=GATE,
        passed=not failures,
        description=_outcome(failures),
        metadata={},
        blocking=True,
        partition=partition,
    )
