"""hourly_auc[h]: score hour h with the state after h − 1, before its labels are used for anything else."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import dagster as dg

from assets.common import curves_svg
from assets.common.links import mlflow_links
from assets.common.partitions import DAY_BEFORE, HOUR_BEFORE, Partitions
from assets.common.resources import HomeResource, ProgressReport, TrackingResource, WarehouseResource
from assets.common.timings import Timings
from assets.ranking.figures import REQUESTS, lists_in_words, metrics_of, static_name, verdicts_of
from assets.ranking.hour import each_hour, open_hour
from assets.ranking.hour_scores import score_systems
from assets.ranking.states import States
from assets.ranking.tracking import pictures, record_day, record_hour

if TYPE_CHECKING:
    from assets.common.tracking import Tracking
    from assets.ranking.hour import Hour
    from assets.ranking.hour_scores import HourScores
    from warehouse.store.warehouse import Warehouse

Curves = dict[str, dict[int, float | None]]  #: system → hour of day → value
CURVES = ("auc", "auc_se", "auc_static", "gate_short")  #: that a day's pictures are drawn from
BY_HOUR = (  #: on the MLflow run of the day
    *("auc", "aupr", "auc_static", "log_loss", "gauc", "gate_short"),
    *("request_auc", "request_mrr", "request_ndcg5", "request_ndcg10"),
)
SCORES = "scores"  #: the asset check
LAST_HOUR = 23


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
        check_specs=[_check(partitions)],
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
    ) -> dg.MaterializeResult:
        """AUC of the hour for each system, its exposures scored by the state adapted through the hour before.

        The model as trained that morning scores them too (`auc_static`): does following the hour help? Scores
        go to `predictions`, figures (auc, aupr, log_loss, gauc, auc_se) to `metrics` and MLflow, with those
        of lists where requests are known. An hour of one class has no AUC: it is empty, never a number. A
        system whose scores are no numbers has no figures; the check names it, the others are stored.
        """
        failed: dict[str, Mapping[str, str]] = {}
        run = context.run_id if len(context.partition_keys) == 1 else None

        def work(key: str, timings: Timings) -> Mapping[str, object]:
            scored = score_hour(key, home, warehouse, tracking.open(), timings, run)
            failed.update({key: scored.failed} if scored.failed else {})
            return scored.metadata

        each_hour(context, progress, work)
        return dg.MaterializeResult(check_results=[_verdict(failed)])

    return hourly_auc


def _check(partitions: Partitions) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(
        SCORES,
        asset="hourly_auc",
        description="Every system has scores of the hour, and all of them are finite numbers.",
        partitions_def=partitions.hourly,
    )


def _verdict(failed: Mapping[str, Mapping[str, str]]) -> dg.AssetCheckResult:
    """Of the hours of a run: those in which a system failed, with the reasons."""
    reasons_by_hour = [
        f"{key}, {name}: {why}" for key, reasons in failed.items() for name, why in reasons.items()
    ]
    return dg.AssetCheckResult(
        check_name=SCORES,
        passed=not failed,
        description="\n".join(reasons_by_hour) or "every system has finite scores",
        metadata={"systems failed": sorted({name for reasons in failed.values() for name in reasons})},
    )


@dataclass(frozen=True)
class ScoredPartition:
    """What the asset's page shows of an hour, and which systems failed."""

    metadata: Mapping[str, object]
    failed: Mapping[str, str]  #: system → reason


def score_hour(
    key: str,
    home: HomeResource,
    warehouse: WarehouseResource,
    tracking: "Tracking",
    timings: Timings,
    run: str | None = None,
) -> ScoredPartition:
    """Score one hour with every system, store scores and figures; of a Dagster `run`, with what it left.

    Raises:
        ValueError: every system failed; that is stored, too.
    """
    states = States(home.paths.models)
    with timings.phase("read"):
        hour = open_hour(warehouse, states, key, run)
    with timings.phase("compute"):
        scores = score_systems(states, hour, home.deployment.device, run)
    with timings.phase("write"):
        curves = _store(warehouse, hour, scores)
    with timings.phase("record"):
        about = f"{hour.day}, {tracking.source}{' (simulated)' if tracking.simulated else ''}"
        drawn = pictures_of(curves, about)
        # The pictures of the day go to MLflow once, with its last hour.
        _record(tracking, hour, scores, drawn if hour.of_day == LAST_HOUR else {})
    if not scores.probability:
        raise ValueError("; ".join(f"{system}: {reason}" for system, reason in scores.failed.items()))
    metadata: dict[str, object] = {
        f"{system}: {name}": value
        for system, values in scores.figures.items()
        for name, value in values.items()
        if value is not None and name != REQUESTS
    }
    metadata["lists"] = lists_in_words(scores.figures)
    metadata |= {f"{start.system}: base_partition": start.base.partition for start in hour.starts}
    metadata |= {f"{system}: failed": reason for system, reason in scores.failed.items()}
    metadata |= mlflow_links(tracking.urls)
    metadata["hours caught up"] = sorted({key for start in hour.starts for key in start.catch_up})
    metadata |= {name: curves_svg.embedded(svg) for name, svg in drawn.items()}
    return ScoredPartition(metadata, scores.failed)


def pictures_of(curves: Mapping[str, Curves], about: str) -> dict[str, str]:
    """The pictures of a day, SVG: AUC by hour, and the gate's weight where a system has one."""
    drawn = {"AUC by hour": auc_picture(curves, f"AUC by hour, {about}")}
    if any(curves["gate_short"].values()):
        title = f"Gate: weight of the short term, {about}"
        drawn["gate weights"] = curves_svg.by_hour(curves["gate_short"], title, "mean weight")
    return drawn


def auc_picture(curves: Mapping[str, Curves], title: str) -> str:
    """AUC by hour with its standard errors, SVG; dashed: the model left as it was trained that morning.

    `curves` are those of `auc`, `auc_se` and `auc_static`.
    """
    return curves_svg.by_hour(
        curves["auc"], title, "AUC", errors=curves["auc_se"], dashed=curves["auc_static"], dash="static"
    )


def _store(warehouse: WarehouseResource, hour: "Hour", scores: "HourScores") -> dict[str, Curves]:
    """Write scores and figures; returns the day so far, figure → system → hour of day → value."""
    from warehouse.store.results import SystemScores

    ids = hour.logs[hour.key].exposure_ids
    systems = list(scores.figures)
    versions = {start.system: start.version for start in hour.starts}
    scored = []
    for system in systems:
        for name, by in ((system, scores.probability), (static_name(system), scores.static)):
            # Of a system that failed nothing stays of an earlier run.
            known = by.get(system, ids[:0])
            scored.append(SystemScores(name, versions.get(system, ""), ids[: len(known)], known))
    metrics = [*metrics_of(scores.figures, hour.key), *verdicts_of(systems, scores.failed, hour.key)]
    with warehouse.open(read_only=False) as opened:
        opened.write_scores(hour.key, scored, metrics)
        return {name: day_curves(opened, name, hour.day, systems) for name in CURVES}


def day_curves(warehouse: "Warehouse", name: str, day: str, systems: Sequence[str]) -> Curves:
    """A stored hourly figure of a day, system → hour of day → value; None where it is not defined."""
    curves: Curves = {system: {} for system in systems}
    for row in warehouse.read_metrics(name, day=day).itertuples():
        if row.system in curves and row.partition.startswith(f"{day}-"):
            curves[row.system][int(row.partition[11:13])] = None if math.isnan(row.value) else row.value
    return curves


def _record(tracking: "Tracking", hour: "Hour", scores: "HourScores", drawn: Mapping[str, str]) -> None:
    with pictures(drawn) as artifacts:
        for start in hour.starts:
            values = scores.figures[start.system]
            curve = {name: values.get(name) for name in BY_HOUR}
            parent = record_day(
                tracking, start.base, hour.day, by_hour=curve, step=hour.of_day, artifacts=artifacts
            )
            tags = start.tags() | {"scores": scores.failed.get(start.system, "finite")}
            record_hour(tracking, start.base, hour.key, parent, metrics=values, tags=tags)
