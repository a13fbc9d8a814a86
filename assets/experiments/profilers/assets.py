"""The asset profile_evaluation: profilers against each other on the deployment's own purchases."""

from typing import TYPE_CHECKING, Any

import dagster as dg

from assets.common import plots
from assets.common.faults import NoPurchases, retried_or_explained
from assets.common.launchpad import LaunchpadConfig, launchpad
from assets.common.links import mlflow_link
from assets.common.resources import HomeResource, ProgressReport, TrackingResource
from assets.common.timings import Timings
from assets.experiments.profilers.settings import ProfileEvalSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from assets.experiments.profilers.evaluation import PurchaseSource
    from assets.experiments.profilers.results import ProfileResult


@launchpad(ProfileEvalSettings, leave_out=("source", "device"), otherwise={"size": "the deployment's"})
class ProfileEvaluationConfig(LaunchpadConfig):
    """What an evaluation evaluates, as the launchpad takes it."""


def profile_evaluation_asset() -> dg.AssetsDefinition:
    """The asset; it has no partitions, for an evaluation is of one as-of date and the horizon after it."""

    # Not in the pool `duckdb`: it reads once and closes, and would hold loads back for hours.
    @dg.asset(
        deps=["purchases", "points", "demographics", "labels"],
        group_name="experiments",
        owners=["team:profiling"],
        kinds={"pytorch", "mlflow"},
    )
    def profile_evaluation(
        context: dg.AssetExecutionContext,
        config: ProfileEvaluationConfig,
        home: HomeResource,
        tracking: TrackingResource,
        progress: dg.ResourceParam[ProgressReport],
    ) -> None:
        """Profilers on brands that they never saw: AUPR and AUROC of who buys them first within the horizon.

        As `hourfold profile-eval`: normal training and honest opponents beside them, paired tests, Table 3,
        label masking and class imbalance of the paper. The JSON lies in reports/profile-evaluations/; MLflow
        has a run a system and seed. A run that was killed goes on where it was.
        """
        with retried_or_explained(context):
            from assets.common.tracking import PROFILING
            from assets.experiments.profilers.run import profile_eval
            from assets.experiments.profilers.tracking import record

            timings, runs = Timings(), tracking.shop.open(PROFILING)
            with timings.phase("read"):
                shop, settings = shop_and_settings(config, home.shop)
            name = (settings.as_of or "latest") + "-development" * settings.development
            name += "-modalities" * (settings.table == "modalities")
            out = home.shop.paths.reports / "profile-evaluations" / f"{name}.json"
            with timings.phase("compute"):
                listen, tell = progress.to(context.log), context.log.info
                result = profile_eval(
                    settings, shop, out, workers=config.workers, progress=listen, tell=by_line(tell)
                )
            with timings.phase("record"):
                run_id = record(runs, result, out)
            progress.spent(timings.seconds)
            link = mlflow_link(runs.url(run_id))
            page = {"json": dg.MetadataValue.path(str(out)), "mlflow_run": run_id, "MLflow": link}
            context.add_asset_metadata(shown(result) | page | timings.metadata())

    return profile_evaluation


def shop_and_settings(
    config: ProfileEvaluationConfig, home: HomeResource
) -> "tuple[PurchaseSource, ProfileEvalSettings]":
    """The purchases that are loaded and the evaluation's settings, from the profiler's view of the home.

    Raises NoPurchases where none are loaded.
    """
    from assets.experiments.profilers.prepare import loaded_shop
    from assets.profiling.sources import ProfileSource

    deployment = home.deployment
    if deployment.source == "kuairand":
        raise NoPurchases("kuairand has no purchases: deploy a source that has, such as complete-journey")
    ProfileSource.opened(home.home, deployment.source).days()
    of_deployment = deployment.model_dump(include={"source", "size", "device"})
    settings = ProfileEvalSettings.model_validate(of_deployment | config.chosen())
    return loaded_shop(deployment.source, home.paths, home.description), settings


def by_line(log: "Callable[[str], None]") -> "Callable[[Iterable[str]], None]":
    """Sentences in a log, one a line of it."""

    def tell(sentences: "Iterable[str]") -> None:
        for sentence in sentences:
            log(sentence)

    return tell


def shown(result: "ProfileResult") -> dict[str, Any]:
    """What the asset's page says of an evaluation: tables and pictures."""
    from assets.experiments.profilers import brand_report, report
    from assets.experiments.profilers.facts import sentences
    from assets.experiments.profilers.plots import pictures

    protocol = result.protocol
    summary = result.summary
    sections = {
        "brands": brand_report.brands(summary, protocol.top),
        "against": brand_report.against(summary),
        "modalities": brand_report.modalities(summary),
        "by number of labels": report.budgets(summary),
        "9-way 1-shot": report.ood(summary),
        "label masking": report.masking(summary),
        "class imbalance": report.imbalance(summary),
    }
    tables = {name: text.partition("\n\n![")[0] for name, text in sections.items()}
    return {
        "purchases": "simulated" if result.simulated else result.source,
        "as of": protocol.as_of,
        "horizon, days": protocol.horizon_days,
        "target brands": len(protocol.targets),
        "remarks": dg.MetadataValue.md("\n".join(f"- {text}" for text in sentences(protocol))),
        **{f"failed: {one.system}": one.reason for one in result.failed},
        **{name: dg.MetadataValue.md(text) for name, text in tables.items() if text},
        **{name.removesuffix(".png"): plots.embedded(png) for name, png in pictures(result).items()},
        "data_hash": result.data_hash,
    }
