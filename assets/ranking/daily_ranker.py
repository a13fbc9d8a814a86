"""daily_ranker[D]: every system trained on the instances through day D; what day D + 1 begins from."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from assets.common import model_registry, plots
from assets.common.faults import retried_or_explained
from assets.common.links import mlflow_links
from assets.common.partitions import WINDOW, Partitions
from assets.common.resources import HomeResource, ProgressReport, TrackingResource, WarehouseResource
from assets.common.timings import Timings
from assets.ranking.states import States
from assets.ranking.system_training import SystemTraining, rows_of, train_systems
from assets.ranking.tracking import record_training
from assets.ranking.training_window import NightlyWindow
from warehouse.landing.service_time import DAY_MS

if TYPE_CHECKING:
    from assets.common.tracking import Tracking


TRAINED = "trained"  #: the asset check


def daily_ranker_asset(
    partitions: Partitions, freshness: dg.FreshnessPolicy | None = None
) -> dg.AssetsDefinition:
    """The asset over a deployment's days; `freshness` says how old its newest one may be."""

    # Not in the pool `duckdb`: it asks what is loaded and closes, and would hold hourly loads back for the
    # whole training.
    @dg.asset(
        partitions_def=partitions.daily,
        deps=[dg.AssetDep("training_instances", partition_mapping=WINDOW), "long_term_graph"],
        group_name="ranking",
        owners=["team:ranking"],
        kinds={"pytorch", "mlflow"},
        freshness_policy=freshness,
        check_specs=[
            dg.AssetCheckSpec(
                TRAINED,
                asset="daily_ranker",
                description="Every system was trained: no loss and no weight that is not a number.",
                partitions_def=partitions.daily,
            )
        ],
    )
    def daily_ranker(
        context: dg.AssetExecutionContext,
        home: HomeResource,
        warehouse: WarehouseResource,
        tracking: TrackingResource,
        progress: dg.ResourceParam[ProgressReport],
    ) -> dg.MaterializeResult:
        """Each system of the deployment, trained on the instances of its window, the days through this one,
        with the settings that `hourfold tune` chose, if it did.

        A killed training resumes from its last epoch. Each model becomes a version of the registered model;
        which one is to be served is for `promotion` to say. A system whose training diverges is named by the
        check; the others are stored.
        """
        with retried_or_explained(context):
            return train_all(context, home, warehouse, tracking, progress)

    return daily_ranker


def train_all(
    context: dg.AssetExecutionContext,
    home: HomeResource,
    warehouse: WarehouseResource,
    tracking: TrackingResource,
    progress: ProgressReport,
) -> dg.MaterializeResult:
    """Train and register every system of a day; returns what the asset's page shows.

    Raises:
        ValueError: every system failed.
    """
    day, deployment, timings = context.partition_key, home.deployment, Timings()
    states, zone, listen = States(home.paths.models), home.deployment.service_zone, progress.to(context.log)
    with timings.phase("read"), warehouse.open() as opened:
        start_ms, end_ms = zone.day_start_ms(deployment.behaviours_first_day), zone.day_start_ms(day) + DAY_MS
        data_hash = opened.data_hash(start_ms, end_ms)
        loaded, context_columns = set(opened.loaded("exposures")["partition"]), opened.fields("exposures")
    # They are there where `training_instances` ran before; what is missing, as after an upgrade, is encoded.
    with timings.phase("instances"):
        nightly = NightlyWindow.through(day, home, warehouse)
        windows = nightly.folders(listen, context.log.info)
    plan = [
        SystemTraining(name, day, data_hash, deployment, nightly.systems[name], states, window)
        for name, window in windows.items()
    ]
    metadata: dict[str, Any] = {"data_hash": data_hash, **_windows_shown(plan)}
    absent = [hour[11:13] for hour in zone.hours_of_day(day) if hour not in loaded]
    metadata["hours of the day without exposures"] = ", ".join(absent) or "none"
    with timings.phase("compute"):
        trained = train_systems(plan, listen)
    for one in trained:
        metadata |= {f"{one.system}: note": note for note in one.notes}
    failed = {one.system: one.failure for one in trained if one.failure}
    losses = {one.system: list(one.losses) for one in trained if not one.failure}
    for system in losses:
        runs = tracking.open()
        with timings.phase("record"):
            version = register(runs, system, day, states, losses[system], context_columns)
        metadata |= {f"{system}: version": version, f"{system}: last loss": losses[system][-1]}
        metadata |= mlflow_links(runs.urls)
    if not losses:
        raise ValueError("; ".join(f"{system}: {reason}" for system, reason in failed.items()))
    progress.spent(timings.seconds)
    return dg.MaterializeResult(
        metadata={**metadata, "loss": plots.embedded(_plot(losses, day)), **timings.metadata()},
        check_results=[_verdict(day, failed)],
    )


def _windows_shown(plan: Sequence[SystemTraining]) -> dict[str, Any]:
    """Days and exposures of the systems' windows, each window once."""
    by_window: dict[tuple[Path, ...], list[str]] = {}
    for training in plan:
        by_window.setdefault(training.window.instances, []).append(training.system)
    shown: dict[str, Any] = {}
    for window, systems in by_window.items():
        name = "" if len(by_window) == 1 else f"{', '.join(systems)}: "
        shown[f"{name}days"] = f"{window[0].name} to {window[-1].name}"
        shown[f"{name}exposures"] = rows_of(window)
    return shown


def _verdict(day: str, failed: Mapping[str, str]) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name=TRAINED,
        passed=not failed,
        description="\n".join(f"{day}, {system}: {reason}" for system, reason in failed.items())
        or "every system was trained",
        metadata={"systems failed": sorted(failed)},
    )


def register(
    tracking: "Tracking", system: str, day: str, states: States, losses: list[float], context: Sequence[str]
) -> str:
    """Put a finished training on its MLflow run and in the model registry; returns the version's number.

    `context` names the context columns of exposures, which the version's signature has.
    """
    from assets.ranking.served_version import write_model

    folder = states.daily(system, day)
    write_model(folder, context)
    record = states.finished(folder)
    plot = _plot({system: losses}, day)
    run_id = record_training(tracking, record, "training", losses=losses, plot=plot)
    tags = {"data_hash": record.data_hash, "git_revision": record.git_revision, "seed": str(record.seed)}
    return model_registry.register(tracking, system, day, folder, run_id, record.state_hash, tags)


def _plot(losses: dict[str, list[float]], day: str) -> bytes:
    return plots.curves(losses, f"Daily rankers, trained through {day}", "mean training loss", "epoch")
