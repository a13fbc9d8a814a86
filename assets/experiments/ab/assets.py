"""ab_test: systems against each other online, on simulated users."""

import time
from typing import TYPE_CHECKING, Any

import dagster as dg

from assets.common import plots
from assets.common.faults import retried_or_explained
from assets.common.launchpad import LaunchpadConfig, launchpad
from assets.common.links import mlflow_link
from assets.common.resources import HomeResource, ProgressReport
from assets.common.timings import Timings
from assets.experiments.ab.settings import ABSettings

if TYPE_CHECKING:
    from assets.experiments.ab.results import ABResult


@launchpad(ABSettings, leave_out=("draws", "resplits", "device", "tuned"))
class ABConfig(LaunchpadConfig):
    """What a test compares, as the launchpad asks for it."""


def ab_test_asset() -> dg.AssetsDefinition:
    """The asset; it needs no logs, for its users are simulated as they are asked."""

    @dg.asset(
        group_name="experiments",
        owners=["team:ranking"],
        kinds={"pytorch", "mlflow"},
    )
    def ab_test(
        context: dg.AssetExecutionContext,
        config: ABConfig,
        home: HomeResource,
        progress: dg.ResourceParam[ProgressReport],
    ) -> None:
        """An online A/B test on simulated users, split by hash: CTR, ACN, HCR and DT with their lifts.

        As `hourfold ab`: both arms adapt every hour and retrain every day. A sample-ratio test stands guard,
        and with `aa` the base against itself. The JSON lies in reports/ab/; MLflow has a run in `ab tests`.
        A run that was killed goes on where it was.
        """
        with retried_or_explained(context):
            from assets.experiments.ab.run import ab_test as run
            from assets.experiments.ab.tracking import page, record

            timings, started, source = Timings(), time.time(), home.home.source("simulator")
            chosen = config.chosen() | {"device": home.deployment.device}
            settings = ABSettings.model_validate(chosen).with_tuned(source)
            first, last = settings.test_days[0], settings.test_days[-1]
            out = source.reports / "ab" / f"{'-'.join(settings.arms)}.{first}..{last}.json"
            with timings.phase("compute"):
                listen = progress.to(context.log)
                result = run(settings, out, workers=config.workers, progress=listen)
            with timings.phase("record"):
                run_id = record(home.home.mlflow, result, out, started)
            progress.spent(timings.seconds)
            link = mlflow_link(page(home.home.mlflow, result, run_id))
            about = {"json": dg.MetadataValue.path(str(out)), "mlflow_run": run_id, "MLflow": link}
            context.add_asset_metadata(_page(result) | about | timings.metadata())

    return ab_test


def _page(result: "ABResult") -> dict[str, Any]:
    """What the asset's page shows of a test."""
    from assets.experiments.ab.plots import ab_pictures
    from assets.experiments.ab.report import bounds, lifts

    days = result.settings.test_days
    tables = {"lifts": lifts(result), "arms and bounds": bounds(result)}
    pictures = ab_pictures(result)
    return {
        "users": "simulated",
        "days": f"{days[0]} to {days[-1]}",
        "split": "as it should be" if result.valid else "broken: read nothing below",
        **{name: dg.MetadataValue.md(text.partition("\n\n![")[0]) for name, text in tables.items()},
        **{name.removesuffix(".png"): plots.embedded(png) for name, png in pictures.items()},
    }
