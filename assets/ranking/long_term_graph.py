"""long_term_graph[D]: walks, GAT and L_N over all behaviours received by the end of day D, from [D − 1]'s."""

from typing import Any

import dagster as dg

from assets.common import plots
from assets.common.faults import retried_or_explained
from assets.common.links import mlflow_links
from assets.common.partitions import PREVIOUS_DAY, Partitions
from assets.common.resources import HomeResource, ProgressReport, TrackingResource, WarehouseResource
from assets.common.timings import Timings
from assets.ranking.long_term_reading import beginning, read_clicks
from assets.ranking.states import StateRecord, States
from assets.ranking.tracking import record_training

NAME = "long_term_graph"


def long_term_graph_asset(partitions: Partitions) -> dg.AssetsDefinition:
    """The asset over a deployment's days."""

    # Not in the pool `duckdb`: it reads once and closes, and would hold hourly loads back for the whole
    # training.
    @dg.asset(
        partitions_def=partitions.daily,
        deps=[
            "exposures",
            "external_clicks",
            *partitions.history,
            dg.AssetDep("long_term_graph", partition_mapping=PREVIOUS_DAY),
        ],
        group_name="ranking",
        owners=["team:ranking"],
        kinds={"pytorch", "mlflow"},
    )
    def long_term_graph(
        context: dg.AssetExecutionContext,
        home: HomeResource,
        warehouse: WarehouseResource,
        tracking: TrackingResource,
        progress: dg.ResourceParam[ProgressReport],
    ) -> None:
        """Long-term vectors of users and items from every click of every application received through the
        day.

        One for all systems. A day goes on from the newest earlier graph (`warm from`) over the clicks of the
        last `click_days`, in fewer epochs than from scratch. `collapse` is the mean cosine of 1,000 random
        users: near 1 all users look alike, which is what the printed loss (no negatives) leads to.
        """

        with retried_or_explained(context):
            context.add_asset_metadata(trained(context, home, warehouse, tracking, progress))

    return long_term_graph


def trained(
    context: dg.AssetExecutionContext,
    home: HomeResource,
    warehouse: WarehouseResource,
    tracking: TrackingResource,
    progress: ProgressReport,
) -> dict[str, Any]:
    """Train, store and record the graph of a day; returns what its page shows."""
    from models.ranking.lsttm.long_term_graph import train_long_term
    from models.ranking.registry import long_term_settings

    day, deployment, timings, runs = context.partition_key, home.deployment, Timings(), tracking.open()
    states, settings = States(home.paths.models), long_term_settings(deployment.size)
    with timings.phase("read"), warehouse.open() as opened:
        clicks, data_hash = read_clicks(opened, deployment, day, settings)
    before = beginning(states, day, settings, deployment.seed)
    with timings.phase("compute"):
        listen = progress.to(context.log, f"long-term graph {day}:")
        state = train_long_term(
            clicks,
            settings,
            seed=deployment.seed,
            before=before.state,
            device=deployment.device,
            progress=listen,
        )
        record = StateRecord.of_training(NAME, day, deployment, settings, data_hash)
        folder = states.long_term(day)
        with states.write(folder, record) as path:
            state.save(path)
    with timings.phase("record"):
        plot = plots.curves({"L_N": state.losses}, f"Long-term graph, {day}", "mean loss", "epoch")
        metrics = {"collapse": state.collapse}
        finished = states.finished(folder)
        record_training(runs, finished, "long_term", losses=state.losses, plot=plot, metrics=metrics)
    progress.spent(timings.seconds)
    return {
        "users": len(state.user_vectors),
        "items": len(state.item_vectors),
        "clicks": len(clicks.user),
        "users with a click": int(state.user_known.sum()),
        "warm from": before.about,
        "epochs": len(state.losses),
        "collapse": state.collapse,
        "loss": plots.embedded(plot),
        "data_hash": data_hash,
        **mlflow_links(runs.urls),
        **timings.metadata(),
    }
