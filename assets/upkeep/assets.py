"""upkeep: each night what is older than the home keeps it goes, and the page says what the home weighs."""

from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field

from assets.common import clock, plots
from assets.common.faults import retried_or_explained
from assets.common.resources import HomeResource, ProgressReport, TrackingResource, WarehouseResource
from assets.common.timings import Timings
from assets.upkeep.sizes import GROWS, sizes

if TYPE_CHECKING:
    from assets.upkeep.cleaning import Cleared

SIZES = "bytes on disk"  #: the metric; its system is the kind, its partition the day
MIB = 2**20
DRAWN_SHARE = 0.02  #: of the largest kind: smaller ones are lines on the floor


class UpkeepConfig(dg.Config):
    """What the launchpad asks for."""

    dry_run: bool = Field(default=False, description="say what is due, and remove nothing")


def upkeep_asset() -> dg.AssetsDefinition:
    """The asset; it is of the home as it is now, so it has no partitions."""

    @dg.asset(
        group_name="upkeep",
        owners=["team:ranking"],
        kinds={"duckdb", "mlflow"},
        pool="duckdb",
    )
    def upkeep(
        context: dg.AssetExecutionContext,
        config: UpkeepConfig,
        home: HomeResource,
        warehouse: WarehouseResource,
        tracking: TrackingResource,
        progress: dg.ResourceParam[ProgressReport],
    ) -> None:
        """What is older than `keep` in deployment.json is removed; logs as they landed never are.

        What the champion, an alias of the registry, a stored hour or the next training needs stays, and so
        does the newest of every kind. The page says what went, what stayed though it is old, and what each
        kind weighs.
        """
        with retried_or_explained(context):
            from assets.upkeep.cleaning import Cleaning

            timings = Timings()
            with timings.phase("compute"):
                work = Cleaning(home, warehouse, tracking.open(), context.instance, config.dry_run)
                outcome = work.run()
            with timings.phase("record"):
                weighed = sizes(home.home, [home.paths, home.shop.paths])
                if not config.dry_run:
                    _record(warehouse, weighed)
                picture = _picture(warehouse)
            progress.spent(timings.seconds)
            context.add_asset_metadata(page(outcome, weighed) | picture | timings.metadata())

    return upkeep


def page(outcome: "Cleared", weighed: dict[str, int]) -> dict[str, Any]:
    """What the asset's page shows: totals as numbers, the rest as tables."""
    count, freed = outcome.total
    bounded = sum(size for kind, size in weighed.items() if kind not in GROWS)
    return {
        "dry run": outcome.dry_run,
        "freed: entries": count,
        "freed: MiB": freed / MIB,
        "home: MiB": sum(weighed.values()) / MIB,
        "home without logs: MiB": bounded / MIB,
        "freed": dg.MetadataValue.md(freed_table(outcome)),
        "stays though it is old": dg.MetadataValue.md(stays_table(outcome)),
        "sizes": dg.MetadataValue.md(sizes_table(weighed)),
        **{f"MiB: {kind}": size / MIB for kind, size in weighed.items()},
        **({"notes": "; ".join(outcome.notes)} if outcome.notes else {}),
    }


def freed_table(outcome: "Cleared") -> str:
    """A row a kind, in Markdown."""
    verb = "would go" if outcome.dry_run else "went"
    rows = [f"| {kind} | {count:,} | {size / MIB:,.2f} |" for kind, (count, size) in outcome.freed.items()]
    return "\n".join([f"| kind | {verb} | MiB |", "|---|---|---|", *rows])


def stays_table(outcome: "Cleared") -> str:
    """A row a kind and reason, in Markdown."""
    rows = [
        f"| {kind} | {why} | {count:,} |"
        for kind, reasons in outcome.stays.items()
        for why, count in sorted(reasons.items())
    ]
    return "\n".join(["| kind | why | stay |", "|---|---|---|", *rows]) if rows else "nothing"


def sizes_table(weighed: dict[str, int]) -> str:
    """A row a kind, the heaviest first, in Markdown."""
    ordered = sorted(weighed.items(), key=lambda pair: -pair[1])
    return "\n".join(["| kind | MiB |", "|---|---|", *(f"| {k} | {s / MIB:,.2f} |" for k, s in ordered)])


def _record(warehouse: WarehouseResource, weighed: dict[str, int]) -> None:
    """The day's sizes among the figures of the warehouse, from which the picture is drawn."""
    from warehouse.store.results import Metric

    if not warehouse.paths.warehouse.exists():
        return
    day = warehouse.deployment.service_zone.day_key(clock.now_ms())
    with warehouse.open(read_only=False) as opened:
        opened.write_metrics([Metric(SIZES, kind, day, float(size)) for kind, size in weighed.items()])


def _picture(warehouse: WarehouseResource) -> dict[str, Any]:
    """The sizes of every night so far."""
    if not warehouse.paths.warehouse.exists():
        return {}
    with warehouse.open() as opened:
        stored = opened.read_metrics(SIZES)
    if stored.empty:
        return {}
    by_day = stored.pivot_table(index="partition", columns="system", values="value").sort_index() / MIB
    heavy = by_day.columns[by_day.max() >= DRAWN_SHARE * by_day.max().max()]
    series = {str(kind): by_day[kind].tolist() for kind in heavy}
    png = plots.curves(series, f"The home, {by_day.index[0]} to {by_day.index[-1]}", "MiB", "night")
    return {"sizes by night": plots.embedded(png)}
