"""The asset ranking_comparison: systems against each other on the deployment's own logs."""

import re
import time
from typing import TYPE_CHECKING, Any

import dagster as dg

from assets.common import plots
from assets.common.faults import retried_or_explained
from assets.common.launchpad import LaunchpadConfig, launchpad
from assets.common.links import mlflow_link
from assets.common.resources import HomeResource, ProgressReport, WarehouseResource
from assets.common.timings import Timings
from assets.experiments.comparison.settings import CompareSettings

if TYPE_CHECKING:
    from assets.experiments.comparison.results import Comparison
    from assets.experiments.source_logs import Logs

#: to another page of docs, which Dagster has not
LINK = re.compile(r" \(\[\w+\]\(\.\./[^)]*\)\)| \[\w+\]\(\.\./[^)]*\)\.")


@launchpad(
    CompareSettings,
    leave_out=("source", "device", "tuned"),
    otherwise={
        "systems": "the deployment's",
        "days": "the last that is loaded",
        "size": "the deployment's",
    },
)
class ComparisonConfig(LaunchpadConfig):
    """What a comparison compares, as the launchpad takes it."""


def ranking_comparison_asset() -> dg.AssetsDefinition:
    """The asset; it has no partitions, for a comparison is of several days."""

    # Not in the pool `duckdb`: it reads a day at a time and closes, and would hold hourly loads back.
    @dg.asset(
        deps=["exposures", "external_clicks"],
        group_name="experiments",
        owners=["team:ranking"],
        kinds={"pytorch", "mlflow"},
    )
    def ranking_comparison(
        context: dg.AssetExecutionContext,
        config: ComparisonConfig,
        home: HomeResource,
        warehouse: WarehouseResource,
        progress: dg.ResourceParam[ProgressReport],
    ) -> None:
        """Systems retrained before each test day, scored hour by hour on loaded logs, and tested in pairs.

        As `hourfold compare`: figures by hour and within lists, gain of the hourly updates, a test over users
        for every pair, segments, calibration. The JSON lies in reports/comparisons/; MLflow has an experiment
        for it. A run that was killed goes on where it was.
        """
        with retried_or_explained(context):
            from assets.experiments.comparison.run import compare
            from assets.experiments.comparison.tracking import page, record

            timings, started = Timings(), time.time()
            with timings.phase("read"):
                logs, settings = logs_and_settings(config, home, warehouse)
            out = home.paths.reports / "comparisons" / f"{settings.span}.json"
            with timings.phase("compute"):
                listen = progress.to(context.log)
                result = compare(settings, logs, out, workers=config.workers, progress=listen)
            with timings.phase("record"):
                run_id = record(home.home.mlflow, result, out, started)
            progress.spent(timings.seconds)
            context.add_asset_metadata(
                {
                    **shown(result),
                    "json": dg.MetadataValue.path(str(out)),
                    "mlflow_run": run_id,
                    "MLflow": mlflow_link(page(home.home.mlflow, result, run_id)),
                    **timings.metadata(),
                }
            )

    return ranking_comparison


def shown(result: "Comparison") -> dict[str, Any]:
    """What the asset's page says of a comparison: tables, pictures, the experiment's name."""
    from assets.experiments.comparison.plots import pictures
    from assets.experiments.comparison.report import table
    from assets.experiments.comparison.report_parts import held
    from assets.experiments.comparison.report_tests import tests, within
    from assets.experiments.comparison.tracking import experiment_name

    return {
        "logs": "simulated" if result.simulated else result.source,
        "days": ", ".join(result.settings.days),
        "best": result.best() or "none",
        "systems": dg.MetadataValue.md(LINK.sub("", table(result))),
        "parts": dg.MetadataValue.md(held(result)),
        "tests": dg.MetadataValue.md(tests(result).partition("\n\n![")[0] or "one system only"),
        "order within": dg.MetadataValue.md(within(result) or "one system only"),
        **{name.removesuffix(".png"): plots.embedded(png) for name, png in pictures(result).items()},
        "data_hash": result.data_hash,
        "mlflow_experiment": experiment_name(result),
    }


def logs_and_settings(
    config: ComparisonConfig, home: HomeResource, warehouse: WarehouseResource
) -> "tuple[Logs, CompareSettings]":
    """The deployment's logs as a comparison reads them, and its settings.

    Raises:
        LookupError: the launchpad names no days, and fewer than two are loaded.
    """
    from assets.experiments.source_logs import Logs

    deployment = home.deployment
    chosen = config.chosen()
    if "days" not in chosen:
        chosen["days"] = (_last_day(warehouse),)
    of_deployment = deployment.model_dump(include={"source", "systems", "size", "device"})
    settings = CompareSettings.model_validate(of_deployment | chosen)
    logs = Logs.deployed(deployment, home.home, home.description.simulated)
    return logs, settings.with_tuned(home.paths)


def _last_day(warehouse: WarehouseResource) -> str:
    """The latest day with loaded exposures that has a day before it."""
    with warehouse.open() as opened:
        days = sorted({str(key)[:10] for key in opened.loaded("exposures")["partition"]})
    if len(days) < 2:
        raise LookupError(f"{len(days)} day(s) of exposures are loaded: a comparison needs one to train on")
    return days[-1]
