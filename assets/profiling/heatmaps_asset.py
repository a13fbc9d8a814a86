"""time_heatmaps[D]: a year of every user by day and hour, as of the morning after day D."""

from datetime import timedelta

import dagster as dg

from assets.faults import told
from assets.partitions import Partitions
from assets.profiling.requests import as_day
from assets.resources import HomeResource, Progress, WarehouseResource
from assets.timings import Timings

Shown = dict[str, dg.MetadataValue | int | str]

#: The window of 365 days that ends with the partition's own day.
YEAR = dg.TimeWindowPartitionMapping(
    start_offset=-364, end_offset=0, allow_nonexistent_upstream_partitions=True
)


def as_of(day: str) -> str:
    """The as-of date of a daily partition, which holds the data through the end of its day."""
    return (as_day(day) + timedelta(days=1)).isoformat()


def time_heatmaps_asset(partitions: Partitions) -> dg.AssetsDefinition:
    """The asset over a deployment's days."""

    @dg.asset(
        partitions_def=partitions.daily,
        deps=[dg.AssetDep(table, partition_mapping=YEAR) for table in ("purchases", "points")],
        group_name="profiling",
        owners=["team:profiling"],
        kinds={"duckdb", "parquet"},
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool="duckdb",
    )
    def time_heatmaps(
        context: dg.AssetExecutionContext,
        home: HomeResource,
        warehouse: WarehouseResource,
        progress: dg.ResourceParam[Progress],
    ) -> None:
        """Time-heatmaps of the 365 local days through the partition's day: sparse cells, one file set a date.

        What stands already is kept, so moving on by a day costs a day. The picture is the year of one user,
        whose number of cells is the median.
        """
        with told(context):
            for day in context.partition_keys:
                timings = Timings()
                shown = encode(as_of(day), home, warehouse, timings)
                progress.spent(timings.seconds)
                context.add_asset_metadata({**shown, **timings.metadata()}, partition_key=day)

    return time_heatmaps


def encode(date: str, home: HomeResource, warehouse: WarehouseResource, timings: Timings) -> Shown:
    """Make the heatmaps of a date stand; returns counts and the picture of one user's year."""
    from warehouse.heatmaps.reading import Heatmaps
    from warehouse.heatmaps.settings import default_settings
    from warehouse.heatmaps.store import encode_heatmaps
    from warehouse.local_time import LocalZone

    description = home.description
    with timings.phase("compute"), warehouse.open() as opened:
        zone, settings = LocalZone(description.local), default_settings(description.points)
        report = encode_heatmaps(opened, home.paths.heatmaps, zone, settings, date)
    with timings.phase("record"):
        heatmaps = Heatmaps.open(home.paths.heatmaps, date)
        return {
            "as of": date,
            "last day with events": report.last_day,
            "users": len(heatmaps.users),
            "channels": sum(len(heatmaps.channels(name)) for name in heatmaps.modalities),
            "channels fixed at": report.vocabulary.fitted_at,
            "segments kept": report.kept,
            "segments encoded": len(report.encoded),
            "segments laid together": len(report.compacted),
            "data_hash": report.manifest.data_hash,
        }
