"""time_heatmaps[D]: a year of every user by day and hour, as of the morning after day D."""

from datetime import timedelta
from typing import TYPE_CHECKING

import dagster as dg

from assets.common import plots
from assets.common.faults import retried_or_explained
from assets.common.partitions import Partitions
from assets.common.resources import HomeResource, ProgressReport, WarehouseResource
from assets.common.timings import Timings
from assets.profiling.audience.requests import as_day

if TYPE_CHECKING:
    import numpy as np

    from warehouse.heatmaps.reading import Heatmaps

SAMPLED_USERS = 200  #: among whom the user is found whose year is drawn

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
        partitions_def=partitions.shop,
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
        progress: dg.ResourceParam[ProgressReport],
    ) -> None:
        """Time-heatmaps of the 365 local days through the partition's day: sparse cells, one file set a date.

        What stands already is kept, so moving on by a day costs a day. The picture is the year of one user
        with a middling number of cells.
        """
        with retried_or_explained(context):
            for day in context.partition_keys:
                timings = Timings()
                shown = encode(as_of(day), home.shop, warehouse.shop, timings)
                progress.spent(timings.seconds)
                context.add_asset_metadata({**shown, **timings.metadata()}, partition_key=day)

    return time_heatmaps


def encode(date: str, home: HomeResource, warehouse: WarehouseResource, timings: Timings) -> Shown:
    """Make the heatmaps of a date stand; returns counts and the picture of one user's year."""
    from warehouse.heatmaps.reading import Heatmaps
    from warehouse.heatmaps.settings import default_settings
    from warehouse.heatmaps.store import encode_heatmaps
    from warehouse.landing.local_time import LocalZone
    from warehouse.store.profiling import users_before

    description = home.description
    zone, settings = LocalZone(description.local), default_settings(description.points)
    with timings.phase("compute"), warehouse.open() as opened:
        report = encode_heatmaps(opened, home.paths.heatmaps, zone, settings, date)
        ids, index = users_before(opened, zone.midnight_ms(zone.day(date)))
    with timings.phase("record"):
        heatmaps = Heatmaps.open(home.paths.heatmaps, date)
        shown: Shown = {
            "as of": date,
            "last day with events": report.last_day,
            "users": len(ids),
            "channels": sum(len(heatmaps.channels(name)) for name in heatmaps.modalities),
            "channels fixed at": report.vocabulary.fitted_at,
            "segments kept": report.reused,
            "segments encoded": len(report.encoded),
            "segments laid together": len(report.compacted),
            "data_hash": report.manifest.data_hash,
        }
        return shown | typical_year(heatmaps, ids, index, date, description.simulated)


def typical_year(
    heatmaps: "Heatmaps", ids: "np.ndarray", index: "np.ndarray", date: str, simulated: bool
) -> Shown:
    """The picture of the user who has the median number of cells among some that are drawn evenly.

    `ids` are str [U], `index` int64 [U] their numbers in the warehouse.
    """
    import numpy as np

    from assets.profiling.plots import heatmap_picture
    from assets.profiling.reading import sparse_heatmaps

    some = np.unique(np.linspace(0, len(ids) - 1, SAMPLED_USERS).astype(np.int64))
    sampled = [sparse_heatmaps(heatmaps, name, index[some]) for name in heatmaps.modalities]
    cells = np.sum([np.diff(one.offsets) for one in sampled], axis=0)
    with_cells = np.flatnonzero(cells > 0)
    if not len(with_cells):
        return {}
    chosen = with_cells[np.argsort(cells[with_cells], kind="stable")[len(with_cells) // 2]]
    year = [one.take(np.array([chosen])) for one in sampled]
    picture = heatmap_picture(year, str(ids[some[chosen]]), date, simulated=simulated)
    return {"a user's year": plots.embedded(picture), "cells of that user": int(cells[chosen])}
