"""long_term_graph[D]: walks, GAT and L_N over all behaviours received by the end of day D, from [D − 1]'s."""

from typing import TYPE_CHECKING, Any

import dagster as dg

from assets.common import plots
from assets.common.faults import retried_or_explained
from assets.common.links import mlflow_links
from assets.common.partitions import PREVIOUS_DAY, Partitions
from assets.common.resources import HomeResource, ProgressReport, TrackingResource, WarehouseResource
from assets.common.timings import Timings
from assets.common.tuned import tuned_settings
from assets.ranking.long_term_reading import beginning, read_clicks
from assets.ranking.states import StateRecord, States
from assets.ranking.tracking import record_training
from assets.ranking.training_window import system_settings
from assets.ranking.window_days import days_of_window, longest
from models.progress import Progress

if TYPE_CHECKING:
    from models.ranking.lsttm.long_term_state import LongTermState
    from models.ranking.lsttm.random_walks import Clicks
    from warehouse.home import Deployment

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
        last `click_days`, in fewer epochs than from scratch. Where there is none to go on from, the graphs of
        the window's earlier mornings are trained first: instances of these days read them. `collapse` is the
        mean cosine of 1,000 random users: near 1 all users look alike, which is what the printed loss (no
        negatives) leads to.
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
    from models.ranking.registry import long_term_settings

    day, deployment, timings, runs = context.partition_key, home.deployment, Timings(), tracking.open()
    states, settings = States(home.paths.models), long_term_settings(deployment.size)
    before = beginning(states, day, settings, deployment.seed)
    state, folder = before.state, states.long_term(day)
    earlier = [] if state is not None else _mornings_before(home, day)
    for number, morning in enumerate([*earlier, day]):
        with timings.phase("read"), warehouse.open() as opened:
            clicks, data_hash = read_clicks(opened, deployment, morning, settings)
        with timings.phase("compute"):
            of_all = f"{number + 1} of {len(earlier) + 1}: " if earlier else ""
            listen = progress.to(context.log, f"{of_all}long-term graph {morning}:")
            state = _train(states, morning, deployment, (clicks, data_hash), state, listen)
    assert state is not None  # the day itself is the last morning
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
        "earlier mornings trained": ", ".join(earlier) or "none",
        "epochs": len(state.losses),
        "collapse": state.collapse,
        "loss": plots.embedded(plot),
        "data_hash": data_hash,
        **mlflow_links(runs.urls),
        **timings.metadata(),
    }


def _mornings_before(home: HomeResource, day: str) -> list[str]:
    """The days before `day` whose graphs a window that ends with it reads, oldest first.

    A chain of graphs that begins anew begins with them: without, instances would be trained on without any
    long-term vector, and ranked with one.
    """
    deployment = home.deployment
    zone = deployment.service_zone
    tuned = tuned_settings(home.paths, deployment.source, deployment.size, deployment.systems)
    systems = system_settings(deployment.systems, deployment.size, tuned).values()
    window = longest([system.training.window_days for system in systems if system.uses_long_term] or [1])
    days = None if window is None else window + 1
    return days_of_window(zone, deployment.behaviours_first_day, day, days)[:-1]


def _train(
    states: States,
    day: str,
    deployment: "Deployment",
    read: "tuple[Clicks, str]",
    before: "LongTermState | None",
    listen: Progress,
) -> "LongTermState":
    """Train the graph of a day from that of an earlier one, and store it."""
    from models.ranking.lsttm.long_term_graph import train_long_term
    from models.ranking.registry import long_term_settings

    settings = long_term_settings(deployment.size)
    clicks, data_hash = read
    state = train_long_term(
        clicks,
        settings,
        seed=deployment.seed,
        before=before,
        device=deployment.device,
        progress=listen,
    )
    record = StateRecord.of_training(NAME, day, deployment, settings, data_hash)
    with states.write(states.long_term(day), record) as path:
        state.save(path)
    return state
