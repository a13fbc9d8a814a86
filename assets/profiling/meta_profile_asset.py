"""meta_profile[D]: the profilers trained on everything known as of the morning after day D."""

from typing import TYPE_CHECKING

import dagster as dg

from assets.common import plots
from assets.common.faults import retried_or_explained
from assets.common.partitions import Partitions
from assets.common.resources import HomeResource, ProgressReport, TrackingResource
from assets.common.timings import Timings
from assets.profiling.heatmaps_asset import as_of

if TYPE_CHECKING:
    from assets.profiling.profilers import Trained


def meta_profile_asset(partitions: Partitions) -> dg.AssetsDefinition:
    """The asset over a deployment's days; a weekly schedule trains, any day can be."""

    # Not in the pool `duckdb`: it reads once and closes, and would hold loads back for the whole training.
    @dg.asset(
        partitions_def=partitions.shop,
        deps=["time_heatmaps", "demographics", "labels"],
        group_name="profiling",
        owners=["team:profiling"],
        kinds={"pytorch", "mlflow"},
    )
    def meta_profile(
        context: dg.AssetExecutionContext,
        home: HomeResource,
        tracking: TrackingResource,
        progress: dg.ResourceParam[ProgressReport],
    ) -> None:
        """The printed Meta-Profile Network and ours, meta-trained before any brand is asked for.

        Each becomes a version of the registered model; the alias of a system points at its newest one. What
        is asked as of a date uses the newest model that is not of a later date.
        """
        with retried_or_explained(context):
            from assets.common.tracking import PROFILING
            from assets.profiling.profilers import PROFILERS
            from assets.profiling.sources import ProfileSource

            date, deployment, timings = as_of(context.partition_key), home.deployment, Timings()
            with timings.phase("read"):
                source = ProfileSource.opened(home.home, deployment.source)
                data = source.read(date)
            shown: dict[str, object] = {"as of": date, "users": len(data), "purchases": len(data.purchases)}
            for system in PROFILERS:
                trainer = source.trainer(
                    size=deployment.size,
                    seed=deployment.seed,
                    device=deployment.device,
                    progress=progress.to(context.log, f"{system} {date}:"),
                    tracking=tracking.open(PROFILING),
                )
                with timings.phase("compute"):
                    trained = trainer.train(system, date)
                shown |= figures(trained)
            progress.spent(timings.seconds)
            context.add_asset_metadata({**shown, **timings.metadata()})

    return meta_profile


def figures(trained: "Trained") -> dict[str, object]:
    """What the asset's page shows of one system's training."""
    from assets.profiling.tracking import loss_picture

    system = trained.record.system
    shown: dict[str, object] = {f"{system}: state_hash": trained.record.state_hash}
    if trained.losses:
        shown[f"{system}: last loss"] = float(trained.losses[-1])
        shown[f"{system}: loss"] = plots.embedded(loss_picture(trained))
    return shown
