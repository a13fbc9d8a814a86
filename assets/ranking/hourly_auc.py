"""hourly_auc[h]: score hour h with the state after h − 1, before its labels are used for anything else."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import dagster as dg

from assets.common import plots
from assets.common.partitions import DAY_BEFORE, HOUR_BEFORE, Partitions
from assets.common.resources import HomeResource, ProgressReport, TrackingResource, WarehouseResource
from assets.common.timings import Timings
from assets.ranking.figures import Figures, figures_of, metrics_of
from assets.ranking.hour import day_before, each_hour, open_hour
from assets.ranking.states import States
from assets.ranking.tracking import pictures, record_day, record_hour

if TYPE_CHECKING:
    import numpy as np

    from assets.common.tracking import Tracking
    from assets.ranking.hour import Hour
    from assets.ranking.reading import HourLog
    from warehouse.store.warehouse import Warehouse

Curves = dict[str, dict[int, float | None]]  #: system → hour of day → value


def hourly_auc_asset(
    partitions: Partitions, freshness: dg.FreshnessPolicy | None = None
) -> dg.AssetsDefinition:
    """The asset over a deployment's hours; `freshness` says how old its newest one may be."""

    @dg.asset(
        partitions_def=partitions.hourly,
        # It needs the ranker of the hour *before*. Dagster orders a run's steps by asset, so within a run of
        # hour h the adaptation on h goes first; that changes nothing, since the state is looked up by its own
        # hour.
        deps=[
            dg.AssetDep("exposures"),
            dg.AssetDep("external_clicks", partition_mapping=HOUR_BEFORE),
            dg.AssetDep("daily_ranker", partition_mapping=DAY_BEFORE),
            dg.AssetDep("hourly_ranker", partition_mapping=HOUR_BEFORE),
        ],
        group_name="ranking",
        owners=["team:ranking"],
        kinds={"pytorch", "duckdb", "mlflow"},
        backfill_policy=dg.BackfillPolicy.single_run(),
        freshness_policy=freshness,
        pool="duckdb",
    )
    def hourly_auc(
        context: dg.AssetExecutionContext,
        home: HomeResource,
        warehouse: WarehouseResource,
        tracking: TrackingResource,
        progress: dg.ResourceParam[ProgressReport],
    ) -> None:
        """AUC of the hour for each system, its exposures scored by the state adapted through the hour before.

        Scores go to `predictions`, figures (auc, log_loss, gauc, auc_se) to `metrics` and MLflow. An hour in
        which only one class occurs has no AUC: it is empty, never a number.
        """
        each_hour(
            context, progress, lambda key, timings: score_hour(key, home, warehouse, tracking.open(), timings)
        )

    return hourly_auc


def score_hour(
    key: str, home: HomeResource, warehouse: WarehouseResource, tracking: "Tracking", timings: Timings
) -> dict[str, object]:
    """Score one hour with every system, store scores and figures; returns what the asset's page shows."""
    states = States(home.paths.models)
    with timings.phase("read"):
        hour = open_hour(warehouse, states, key)
    with timings.phase("compute"):
        scored = {
            start.system: day_before(states, start, hour, home.deployment.device).score(hour.logs[key].log)
            for start in hour.starts
        }
        figures = {system: evaluate(hour.logs[key], scores.details) for system, scores in scored.items()}
    with timings.phase("write"):
        probabilities = {system: scores.probability for system, scores in scored.items()}
        curves = _store(warehouse, hour, probabilities, figures)
    with timings.phase("record"):
        about = f"{hour.day}, {tracking.source}{' (simulated)' if tracking.simulated else ''}"
        drawn = {"AUC by hour": plots.by_hour(curves["auc"], f"AUC by hour, {about}", "AUC")}
        if any(curves["gate_short"].values()):
            title = f"Gate: weight of the short term, {about}"
            drawn["gate weights"] = plots.by_hour(curves["gate_short"], title, "mean weight")
        _record(tracking, hour, figures, drawn)
    metadata: dict[str, object] = {
        f"{system}: {name}": value
        for system, values in figures.items()
        for name, value in values.items()
        if value is not None
    }
    metadata |= {f"{start.system}: base_partition": start.base.partition for start in hour.starts}
    metadata["hours caught up"] = sorted({key for start in hour.starts for key in start.catch_up})
    return metadata | {name: plots.embedded(png) for name, png in drawn.items()}


def evaluate(hour: "HourLog", details: Mapping[str, "np.ndarray"]) -> Figures:
    """Figures of one system's scores; AUC and its error are None where one class only occurs.

    `details` holds `probability` float64 [E] and, for systems with a gate, `gate_short` [E].
    """
    exposures = hour.log.exposures
    figures = figures_of(exposures.clicked, exposures.user, details["probability"])
    if len(exposures) and "gate_short" in details:
        figures["gate_short"] = float(details["gate_short"].mean())
    return figures


def _store(
    warehouse: WarehouseResource,
    hour: "Hour",
    scores: Mapping[str, "np.ndarray"],
    figures: Mapping[str, Figures],
) -> dict[str, Curves]:
    """Write scores and figures; returns the day so far, figure → system → hour of day → value."""
    with warehouse.open(read_only=False) as opened:
        for start in hour.starts:
            ids = hour.logs[hour.key].exposure_ids
            opened.write_predictions(start.system, start.version, hour.key, ids, scores[start.system])
        opened.write_metrics(metrics_of(figures, hour.key))
        return {name: day_curves(opened, name, hour.day, list(scores)) for name in ("auc", "gate_short")}


def day_curves(warehouse: "Warehouse", name: str, day: str, systems: Sequence[str]) -> Curves:
    """A stored hourly figure of a day, system → hour of day → value; None where it is not defined."""
    curves: Curves = {system: {} for system in systems}
    for row in warehouse.read_metrics(name).itertuples():
        if row.system in curves and row.partition.startswith(f"{day}-"):
            curves[row.system][int(row.partition[11:13])] = None if math.isnan(row.value) else row.value
    return curves


def _record(
    tracking: "Tracking", hour: "Hour", figures: Mapping[str, Figures], drawn: Mapping[str, bytes]
) -> None:
    with pictures(drawn) as artifacts:
        for start in hour.starts:
            values = figures[start.system]
            curve = {name: values.get(name) for name in ("auc", "log_loss", "gauc", "gate_short")}
            parent = record_day(
                tracking, start.base, hour.day, by_hour=curve, step=hour.of_day, artifacts=artifacts
            )
            record_hour(tracking, start.base, hour.key, parent, metrics=values, tags=start.tags())
