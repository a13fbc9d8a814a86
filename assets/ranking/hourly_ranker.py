"""hourly_ranker[h]: one pass over hour h, from the state after h − 1 to the state for h + 1."""

from typing import TYPE_CHECKING

import dagster as dg

from assets.common.links import mlflow_links
from assets.common.partitions import DAY_BEFORE, HOUR_BEFORE, Partitions
from assets.common.provenance import git_revision
from assets.common.resources import HomeResource, ProgressReport, TrackingResource, WarehouseResource
from assets.common.timings import Timings
from assets.ranking import hand_over
from assets.ranking.hour import Hour, Start, day_before, each_hour, open_hour, open_state, scores_key
from assets.ranking.states import StateRecord, States, since
from assets.ranking.tracking import record_day, record_hour

if TYPE_CHECKING:
    from assets.common.tracking import Tracking
    from models.ranking.day import ScoredHour, ServedDay
    from models.ranking.features.event_log import EventLog


def hourly_ranker_asset(partitions: Partitions) -> dg.AssetsDefinition:
    """The asset over a deployment's hours."""

    @dg.asset(
        partitions_def=partitions.hourly,
        deps=[
            dg.AssetDep("exposures"),
            dg.AssetDep("external_clicks"),
            dg.AssetDep("daily_ranker", partition_mapping=DAY_BEFORE),
            dg.AssetDep("hourly_ranker", partition_mapping=HOUR_BEFORE),
        ],
        group_name="ranking",
        owners=["team:ranking"],
        kinds={"pytorch", "mlflow"},
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool="duckdb",
    )
    def hourly_ranker(
        context: dg.AssetExecutionContext,
        home: HomeResource,
        warehouse: WarehouseResource,
        tracking: TrackingResource,
        progress: dg.ResourceParam[ProgressReport],
    ) -> None:
        """State after the hour: each system adapted in one pass over the hour's exposures, in time order.

        The first hour of a day begins at the newest finished daily model of an earlier day, and
        `base_partition` records which; later hours continue from the hour before. An hour that was skipped
        and has been loaded since is adapted on first, and listed as caught up. Running an hour again gives
        the same parameters, bit for bit.
        """
        run = context.run_id if len(context.partition_keys) == 1 and scored_in(context) else None
        each_hour(
            context,
            progress,
            lambda key, timings: adapt_hour(key, home, warehouse, tracking.open(), timings, run),
        )

    return hourly_ranker


def scored_in(context: dg.AssetExecutionContext) -> bool:
    """Whether the hour is scored in the same run, from the same states."""
    return dg.AssetKey("hourly_auc") in context.job_def.asset_layer.executable_asset_keys


def adapt_hour(
    key: str,
    home: HomeResource,
    warehouse: WarehouseResource,
    tracking: "Tracking",
    timings: Timings,
    run: str | None = None,
) -> dict[str, object]:
    """Adapt every system on one hour and store its state; returns what the asset's page shows.

    With a Dagster `run`, in which the hour is scored too, the scores are made before the states move, and
    handed over to its later step.
    """
    states, device = States(home.paths.models), home.deployment.device
    with timings.phase("read"):
        hour = open_hour(warehouse, states, key, run)
    metadata: dict[str, object] = {"exposures": len(hour.logs[key].log.exposures)}
    metadata |= {f"{system}: failed": reason for system, reason in hour.failed.items()}
    for start in hour.starts:
        with timings.phase("compute"):
            day = day_before(states, start, hour, device, with_twin=run is not None)
            if run is not None:
                scores = hand_over.of_run(run).scores
                scores[scores_key(start, hour)] = _scored(day, hour.logs[key].log)
            report = day.adapt(hour.logs[key].log)
            folder = states.hourly(start.system, key)
            with states.write(folder, _record(start, hour)) as path:
                day.ranker.save_hour(path, moves_to=states.ranker_path(folder))
        record = states.finished(folder)
        hand_over.leave(open_state(states, start.base, record, device), day)
        tags = start.tags() | {
            "state": str(folder.relative_to(home.home.root)),
            "state_hash": record.state_hash,
            "data_hash": hour.loaded[key],
        }
        with timings.phase("record"):
            parent = record_day(
                tracking, start.base, hour.day, by_hour={"adapt_loss": report.loss}, step=hour.of_day
            )
            record_hour(tracking, start.base, key, parent, metrics={"adapt_loss": report.loss}, tags=tags)
        metadata |= {f"{start.system}: {name}": value for name, value in tags.items() if value}
        metadata[f"{start.system}: loss"] = report.loss
    return metadata | mlflow_links(tracking.urls)


def _scored(day: "ServedDay", log: "EventLog") -> "ScoredHour | hand_over.Failed":
    """The hour's scores, or why there are none: that is for `hourly_auc` to tell."""
    try:
        return day.score(log)
    except (ValueError, ArithmeticError) as error:
        return error


def _record(start: Start, hour: Hour) -> StateRecord:
    return StateRecord(
        system=start.system,
        partition=hour.key,
        seed=start.base.seed,
        settings=start.base.settings,
        git_revision=git_revision(),
        base_partition=start.base.partition,
        base_hash=start.base.state_hash,
        hours=since(hour.loaded, start.base.partition, hour.key),
    )
