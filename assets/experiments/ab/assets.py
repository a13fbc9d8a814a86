"""ab_test: systems against each other online, on simulated users."""

import dagster as dg
from pydantic import Field

from assets.common import plots
from assets.common.faults import retried_or_explained
from assets.common.resources import HomeResource, ProgressReport
from assets.common.timings import Timings


class ABConfig(dg.Config):
    """What a test compares, as the launchpad asks for it."""

    arms: str = Field(
        default="deepfm,lsttm_spectral",
        description="systems with commas, base first; also policy, random, truth",
    )
    days: int = Field(default=5, ge=1, description="days of the test")
    first_day: str = Field(default="", description="first day; empty: 2025-03-10, tiny 2025-03-05")
    aa: bool = Field(default=True, description="also the base on the other arms' users: nothing may be found")
    users: int = Field(default=0, ge=0, description="simulated accounts; 0: as calibrated")
    seed: int = Field(default=0, ge=0, description="of trainings, exploration and bootstrap")
    size: str = Field(default="real", description="real or tiny")
    workers: int = Field(default=1, ge=1, description="processes, one thread each")


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

        As `hourfold ab`: both arms adapt every hour and retrain every day; the base against itself (A/A) and
        a sample-ratio test stand guard. The JSON lies in reports/ab/; MLflow has a run in `ab tests`. A run
        that was killed goes on where it was.
        """
        with retried_or_explained(context):
            from assets.common.tuned import tuned_settings
            from assets.experiments.ab.plots import ab_pictures
            from assets.experiments.ab.report import bounds, lifts
            from assets.experiments.ab.run import ab_test as run
            from assets.experiments.ab.settings import SCRIPTED, ABSettings
            from assets.experiments.ab.tracking import record

            timings, arms = Timings(), tuple(name.strip() for name in config.arms.split(","))
            source = home.home.source("simulator")
            settings = ABSettings.model_validate(
                {
                    "arms": arms,
                    "days": config.days,
                    "first_day": config.first_day or None,
                    "aa": config.aa,
                    "users": config.users or None,
                    "seed": config.seed,
                    "size": config.size,
                    "device": home.deployment.device,
                    "tuned": tuned_settings(source, "simulator", config.size, set(arms) - set(SCRIPTED)),
                }
            )
            first, last = settings.test_days[0], settings.test_days[-1]
            out = source.reports / "ab" / f"{'-'.join(arms)}.{first}..{last}.json"
            with timings.phase("compute"):
                listen = progress.to(context.log)
                result = run(settings, out, workers=config.workers, progress=listen)
            with timings.phase("record"):
                run_id = record(home.home.mlflow, result, out)
            progress.spent(timings.seconds)
            tables = {"lifts": lifts(result), "arms and bounds": bounds(result)}
            context.add_asset_metadata(
                {
                    "users": "simulated",
                    "days": f"{first} to {last}",
                    "split": "as it should be" if result["valid"] else "broken: read nothing below",
                    **{
                        name: dg.MetadataValue.md(text.partition("\n\n![")[0])
                        for name, text in tables.items()
                    },
                    **{
                        name.removesuffix(".png"): plots.embedded(png)
                        for name, png in ab_pictures(result).items()
                    },
                    "json": dg.MetadataValue.path(str(out)),
                    "mlflow_run": run_id,
                    **timings.metadata(),
                }
            )

    return ab_test
