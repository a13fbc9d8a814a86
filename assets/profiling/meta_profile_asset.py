"""meta_profile[D]: the profilers trained on everything known as of the morning after day D."""

from typing import TYPE_CHECKING

import dagster as dg
from pydantic import Field

from assets.common import plots
from assets.common.faults import BadRequest, retried_or_explained
from assets.common.links import mlflow_links
from assets.common.partitions import Partitions
from assets.common.resources import HomeResource, ProgressReport, TrackingResource
from assets.common.timings import Timings
from assets.profiling.heatmaps_asset import as_of

if TYPE_CHECKING:
    from assets.profiling.held_back import Backtest
    from assets.profiling.profilers import Trained


class ProfilersConfig(dg.Config):
    """Which profilers are trained, as the launchpad takes it."""

    systems: list[str] = Field(default=[], description="profilers to train; without a name all")


def meta_profile_asset(partitions: Partitions) -> dg.AssetsDefinition:
    """The asset over a deployment's days; a weekly schedule trains, any day can be."""
    clicked = ["exposures", "external_clicks"] if partitions.one_account else []

    # Not in the pool `duckdb`: it reads once and closes, and would hold loads back for the whole training.
    @dg.asset(
        partitions_def=partitions.shop,
        deps=["time_heatmaps", "demographics", "labels", *clicked],
        group_name="profiling",
        owners=["team:profiling"],
        kinds={"pytorch", "mlflow"},
    )
    def meta_profile(
        context: dg.AssetExecutionContext,
        config: ProfilersConfig,
        home: HomeResource,
        tracking: TrackingResource,
        progress: dg.ResourceParam[ProgressReport],
    ) -> None:
        """The printed Meta-Profile Network and ours, meta-trained before any brand is asked for.

        Each becomes a version of the registered model; the alias of a system points at its newest one. What
        is asked as of a date uses the newest model that is not of a later date. AUPR and AUROC are of a
        backtest: with the clock held back by 90 days, the newcomers of up to 20 brands, chosen by what was
        known then, are ranked by the model of then.
        """
        with retried_or_explained(context):
            context.add_asset_metadata(trained_all(context, config, home.shop, tracking.shop, progress))

    return meta_profile


def trained_all(
    context: dg.AssetExecutionContext,
    config: ProfilersConfig,
    home: HomeResource,
    tracking: TrackingResource,
    progress: ProgressReport,
) -> dict[str, object]:
    """Train, store, record and backtest the profilers of a day; returns what its page shows."""
    from assets.common.tracking import PROFILING
    from assets.profiling.held_back import backtest
    from assets.profiling.profilers import PROFILERS
    from assets.profiling.sources import ProfileSource
    from assets.profiling.tracking import record_backtest

    systems = config.systems or list(PROFILERS)
    unknown = [name for name in systems if name not in PROFILERS]
    if unknown:
        raise BadRequest(f"unknown profiler {unknown[0]!r}; known: {', '.join(PROFILERS)}")
    date, deployment, timings = as_of(context.partition_key), home.deployment, Timings()
    with timings.phase("read"):
        source = ProfileSource.opened(home.home, deployment.source)
        data, (first_day, _) = source.read(date), source.days()
    shown: dict[str, object] = {"as of": date, "users": len(data), "purchases": len(data.purchases)}
    for system in systems:
        runs = tracking.open(PROFILING)
        listen = progress.to(context.log, f"{system} {date}:")
        trainer = source.trainer(
            deployment.size, deployment.seed, deployment.device, progress=listen, tracking=runs
        )
        with timings.phase("compute"):
            trained = trainer.train(system, date)
            measured = backtest(system, date, data, first_day, trainer)
        with timings.phase("record"):
            record_backtest(runs, trained, measured)
        shown |= figures(trained, measured) | mlflow_links(runs.urls)
    progress.spent(timings.seconds)
    return {**shown, **timings.metadata()}


def figures(trained: "Trained", measured: "Backtest | str") -> dict[str, object]:
    """What the asset's page shows of one system's training."""
    from assets.profiling.tracking import loss_picture

    system = trained.record.system
    shown: dict[str, object] = {f"{system}: state_hash": trained.record.state_hash}
    if isinstance(measured, str):
        shown[f"{system}: backtest"] = f"none: {measured}"
    else:
        of = measured.figures
        shown |= {f"{system}: aupr": of.aupr, f"{system}: auroc": of.auroc}
        shown[f"{system}: backtest"] = (
            f"mean over the {of.newcomers} newcomers between {measured.since} and {measured.until} of "
            f"{of.brands} brands ({of.silent} more were tried and tell nothing), ranked by the model of "
            f"{measured.model_as_of}; a random order has an AUPR of {of.base_rate:.3f}"
        )
    if trained.losses:
        shown[f"{system}: last loss"] = float(trained.losses[-1])
        shown[f"{system}: loss"] = plots.embedded(loss_picture(trained))
    return shown
