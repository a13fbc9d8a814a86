"""audience_outcomes[D]: what became of every audience whose horizon ended by the end of day D."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import dagster as dg

from assets.common.faults import retried_or_explained
from assets.common.partitions import Partitions
from assets.common.resources import HomeResource, ProgressReport, TrackingResource
from assets.common.timings import Timings
from assets.profiling.few_shot_job import REQUESTS
from assets.profiling.heatmaps_asset import as_of

if TYPE_CHECKING:
    from assets.profiling.audience.followed import FollowedAudience
    from assets.profiling.audience.judging import Recorded
    from assets.profiling.audience.outcome import Outcome

NAME, CHECK = "audience_outcomes", "no_outcome_overdue"


def audience_outcomes_asset(partitions: Partitions) -> dg.AssetsDefinition:
    """The asset over a deployment's days."""

    @dg.asset(
        name=NAME,
        partitions_def=partitions.shop,
        deps=["purchases", dg.AssetDep("few_shot_job", partition_mapping=dg.AllPartitionMapping())],
        group_name="profiling",
        owners=["team:profiling"],
        kinds={"duckdb", "mlflow"},
        check_specs=[
            dg.AssetCheckSpec(
                CHECK,
                asset=NAME,
                description="No audience waits for an outcome although its horizon has ended.",
            )
        ],
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool="duckdb",
    )
    def audience_outcomes(
        context: dg.AssetExecutionContext,
        home: HomeResource,
        tracking: TrackingResource,
        progress: dg.ResourceParam[ProgressReport],
    ) -> Iterator[dg.AssetObservation | dg.MaterializeResult]:
        """AUROC, AUPR and the lift that came true, of every audience whose horizon has ended and is loaded.

        They go to the audience's MLflow run, beside the lift that was expected, and to its request's page.
        Each audience is judged once; what is still open is listed with the day on which it is due.
        """
        with retried_or_explained(context):
            today, timings = as_of(context.partition_keys[-1]), Timings()
            recorded, still_open = record_due(today, home.shop, tracking.shop, timings)
            progress.spent(timings.seconds)
            requests = set(context.instance.get_dynamic_partitions(REQUESTS.name or ""))
        for audience, came in recorded.items():
            if audience.name in requests and not isinstance(came, str):
                yield dg.AssetObservation("few_shot_job", partition=audience.name, metadata=_shown(came))
        yield _result(today, recorded, still_open, timings)

    return audience_outcomes


def record_due(
    today: str, home: HomeResource, tracking: TrackingResource, timings: Timings
) -> "tuple[Recorded, list[FollowedAudience]]":
    """Judge what is due on the morning of `today` and record it; returns that, and what is still open."""
    from assets.common.tracking import PROFILING
    from assets.profiling.audience.followed import FollowedAudiences
    from assets.profiling.audience.judging import judge
    from assets.profiling.sources import ProfileSource
    from assets.profiling.tracking import record_outcome

    source = ProfileSource.opened(home.home, home.deployment.source)
    followed = FollowedAudiences.of(source.home)
    with timings.phase("compute"):
        recorded, still_open = judge(followed, source, today)
    with timings.phase("record"):
        for audience, came in recorded.items():
            if not isinstance(came, str):
                record_outcome(tracking.open(PROFILING), audience, came)
            followed.close(audience, came)
    return recorded, still_open


def _shown(came: "Outcome") -> dict[str, dg.MetadataValue | float | int]:
    """What a request's page shows of its outcome."""
    figures = {"AUROC": came.auroc, "AUPR": came.aupr}
    if came.newcomers:
        figures |= {"lift that came true": came.lift, "new customers in the audience, share": came.share}
    return {
        "new customers among the candidates": came.newcomers,
        "new customers in the audience": came.reached,
        "days without purchases": len(came.missing_days),
        **{name: dg.MetadataValue.float(value) for name, value in figures.items() if value is not None},
    }


def _result(
    today: str, recorded: "Recorded", still_open: "list[FollowedAudience]", timings: Timings
) -> dg.MaterializeResult:
    """The page of a day, and the verdict on what is overdue."""
    overdue = [audience for audience in still_open if audience.due <= today]
    lines = [
        f"- {audience.name}, as of {audience.as_of}: "
        + (
            came
            if isinstance(came, str)
            else f"{came.reached} of {came.newcomers} new customers among {came.audience} of "
            f"{came.candidates} candidates"
            + (f"; {len(came.missing_days)} days without purchases" if came.missing_days else "")
        )
        for audience, came in recorded.items()
    ]
    waiting = [f"- {audience.name}, as of {audience.as_of}: {audience.due}" for audience in still_open]
    return dg.MaterializeResult(
        metadata={
            "outcomes recorded": len(recorded),
            "outcomes": dg.MetadataValue.md("\n".join(lines) or "none"),
            "still open, with the day on which they are due": dg.MetadataValue.md(
                "\n".join(waiting) or "none"
            ),
            **timings.metadata(),
        },
        check_results=[
            dg.AssetCheckResult(
                check_name=CHECK,
                passed=not overdue,
                severity=dg.AssetCheckSeverity.WARN,
                description=(
                    f"{len(overdue)} audiences wait for purchases of days that have ended, such as "
                    f"{overdue[0].name} for those before {overdue[0].due}: ingest them"
                    if overdue
                    else "every outcome that is due is recorded"
                ),
                metadata={"overdue": [audience.name for audience in overdue]},
            )
        ],
    )
