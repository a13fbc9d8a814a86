"""hourly_auc[h]: score hour h with the state after h − 1, before its labels are used for anything else."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from assets import plots
from assets.faults import told
from assets.partitions import DAY_BEFORE, HOUR_BEFORE, Partitions
from assets.ranking.hour import open_hour, ranker_before
from assets.ranking.recording import record_day, record_hour
from assets.ranking.states import States
from assets.resources import HomeResource, Progress, TrackingResource, WarehouseResource
from assets.timings import Timings

if TYPE_CHECKING:
    import numpy as np

    from assets.ranking.hour import Hour
    from assets.ranking.reading import HourLog
    from assets.tracking import Tracking

Scores = dict[str, "np.ndarray"]  #: system → float64 [E]
Figures = dict[str, dict[str, float | None]]  #: system → figure → value


def hourly_auc_asset(partitions: Partitions, late: dg.AutomationCondition) -> dg.AssetsDefinition:
    """The asset over a deployment's hours; `late` says when a late hour runs by itself."""

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
        automation_condition=late,
        pool="duckdb",
    )
    def hourly_auc(
        context: dg.AssetExecutionContext,
        home: HomeResource,
        warehouse: WarehouseResource,
        tracking: TrackingResource,
        progress: dg.ResourceParam[Progress],
    ) -> None:
        """AUC of the hour for each system, its exposures scored by the state adapted through the hour before.

        Scores go to `predictions`, figures (auc, log_loss, gauc, auc_se) to `metrics` and MLflow. An hour in
        which only one class occurs has no AUC: it is empty, never a number.
        """
        with told(context):
            for key in context.partition_keys:
                timings = Timings()
                metadata = score_hour(key, home, warehouse, tracking.open(), timings)
                progress.spent(timings.seconds)
                context.add_asset_metadata({**metadata, **timings.metadata()}, partition_key=key)

    return hourly_auc


def score_hour(
    key: str, home: HomeResource, warehouse: WarehouseResource, tracking: "Tracking", timings: Timings
) -> dict[str, object]:
    """Score one hour with every system, store scores and figures; returns what the asset's page shows."""
    states = States(home.paths.models)
    with timings.phase("read"):
        hour = open_hour(warehouse, states, key)
    with timings.phase("compute"):
        scores = {
            start.system: ranker_before(states, start, hour, home.deployment.device).score(hour.logs[key].log)
            for start in hour.starts
        }
        figures = {system: evaluate(hour.logs[key], scored) for system, scored in scores.items()}
    with timings.phase("write"):
        curves = _store(warehouse, hour, scores, figures)
    with timings.phase("record"):
        simulated = " (simulated)" if tracking.simulated else ""
        png = plots.auc_by_hour(curves, f"AUC by hour, {hour.day}, {tracking.source}{simulated}")
        _record(tracking, hour, figures, png)
    metadata: dict[str, object] = {
        f"{system}: {name}": value
        for system, values in figures.items()
        for name, value in values.items()
        if value is not None
    }
    metadata |= {f"{start.system}: base_partition": start.base.partition for start in hour.starts}
    metadata["hours caught up"] = sorted({key for start in hour.starts for key in start.catch_up})
    return metadata | {"AUC by hour": plots.embedded(png)}


def evaluate(hour: "HourLog", scores: "np.ndarray") -> dict[str, float | None]:
    """Figures of one system's scores float64 [E]; AUC and its error are None where one class occurs."""
    from models import evaluation

    clicked, user = hour.log.exposures.clicked, hour.log.exposures.user
    return {
        "auc": evaluation.auc(clicked, scores),
        "auc_se": evaluation.auc_standard_error(clicked, scores),
        "log_loss": evaluation.log_loss(clicked, scores) if len(scores) else None,
        "gauc": evaluation.gauc(clicked, scores, user),
        "exposures": float(len(scores)),
    }


def _store(
    warehouse: WarehouseResource, hour: "Hour", scores: Scores, figures: Figures
) -> dict[str, dict[int, float | None]]:
    """Write scores and figures; returns the AUCs of the day so far, system → hour of day → AUC."""
    from warehouse.results import Metric

    with warehouse.open(read_only=False) as opened:
        for start in hour.starts:
            ids = hour.logs[hour.key].exposure_ids
            opened.write_predictions(start.system, start.version, hour.key, ids, scores[start.system])
        opened.write_metrics(
            [
                Metric(name, system, hour.key, value)
                for system, values in figures.items()
                for name, value in values.items()
            ]
        )
        return auc_curves(opened.read_metrics("auc"), hour.day, list(scores))


def auc_curves(metrics: object, day: str, systems: list[str]) -> dict[str, dict[int, float | None]]:
    """Stored hourly AUCs of a day, system → hour of day → AUC or None."""
    curves: dict[str, dict[int, float | None]] = {system: {} for system in systems}
    for row in metrics.itertuples():  # type: ignore[attr-defined]
        if row.system in curves and row.partition[:10] == day and len(row.partition) > 10:
            curves[row.system][int(row.partition[11:13])] = None if row.value != row.value else row.value
    return curves


def _record(tracking: "Tracking", hour: "Hour", figures: Figures, png: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        plot = Path(folder) / "auc_by_hour.png"
        plot.write_bytes(png)
        for start in hour.starts:
            values, step = figures[start.system], int(hour.key[11:13])
            day = {name: values[name] for name in ("auc", "log_loss", "gauc")}
            parent = record_day(
                tracking, start.base, hour.day, metrics=day, step=step, artifacts={"plots": plot}
            )
            record_hour(tracking, start.base, hour.key, parent, metrics=values, tags=start.tags())
