"""Hours whose logs come late: seen in the landing folder, loaded, and the ranking brought up to date.

Both sensors look at what lies there and at what is recorded, not at events: a tick that was missed loses
nothing, and one that comes twice does nothing twice.
"""

from collections.abc import Sequence
from typing import Any

import dagster as dg
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

from assets.common import clock
from assets.common.resources import HomeResource
from assets.logs.verdicts import LANDED
from orchestration.jobs import DAILY, HOURLY, LOGS, RANKING, daily_assets
from orchestration.landed_hours import DIMENSIONS, due_runs
from orchestration.spans import in_words, runs
from orchestration.turns import (
    LOOK_BACK_HOURS,
    Survey,
    digest,
    dimensions,
    due_ranking,
    file_marks,
    hour_folder,
    is_trained,
    late_window,
    look,
    unfinished,
)
from warehouse.landing.service_time import DAY_MS, HOUR_MS

NIGHT_MS = 2 * HOUR_MS  #: after midnight, when a day that was not trained on counts as late


def late_files_sensor(status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    """Requests the loading of hours whose files came or changed after their turn.

    Hours without files get a warning in their check `landed`, once.
    """

    @dg.sensor(
        job_name=LOGS,
        name="late_files",
        minimum_interval_seconds=300,
        default_status=status,
        description=f"Of the last {LOOK_BACK_HOURS} hours, loads those whose files have come or changed.",
    )
    def late_files(
        context: dg.SensorEvaluationContext, home: HomeResource
    ) -> dg.SensorResult | dg.SkipReason:
        from warehouse.store.waiting import WarehouseBusy

        if run := unfinished(context.instance):
            return dg.SkipReason(f"waits for {run}")
        try:
            survey = Survey.of(home, late_window(home), context.cursor)
        except WarehouseBusy as busy:
            return dg.SkipReason(str(busy))
        state, marks = survey.state, survey.marks
        described = sorted(file_marks(home, DIMENSIONS).items())
        requests = [
            dg.RunRequest(
                # A refused hour is tried again when its files or those of users and items change, and daily.
                run_key=_key(span, [marks.get(hour) for hour in span], described, _today(home)),
                asset_selection=[dg.AssetKey(name) for name in [*dimensions(home), *state.tables(span)]],
                **_partitions(span),
            )
            for span in due_runs(state)
        ]
        missing = [
            *_missing(home, context.instance, "exposures", state.missing),
            *_missing(home, context.instance, "external_clicks", state.half),
        ]
        return dg.SensorResult(
            run_requests=requests,
            skip_reason=None if requests else f"the last {LOOK_BACK_HOURS} hours are loaded as they lie",
            cursor=survey.cursor,
            asset_events=missing,
        )

    return late_files


def late_hours_sensor(status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    """Requests the ranking of hours whose logs were loaded after their turn, and of those that follow them.

    An hour after a late one is ranked again as well: its state was made without it. Hours whose files are not
    loaded as they lie there (refused by the gate, say) are left alone, and so are those that no model of an
    earlier day can score.
    """

    @dg.sensor(
        job_name=RANKING,
        name="late_hours",
        minimum_interval_seconds=60,
        default_status=status,
        description="Ranks hours whose logs were loaded after their turn, and again those that follow them.",
    )
    def late_hours(
        context: dg.SensorEvaluationContext, home: HomeResource
    ) -> dg.SensorResult | dg.SkipReason:
        from warehouse.store.waiting import WarehouseBusy

        if run := unfinished(context.instance):
            return dg.SkipReason(f"waits for {run}")
        try:
            hours = late_window(home)
            survey = Survey.of(home, hours, context.cursor)
            due = due_ranking(home, context.instance, survey.state.ready)
        except WarehouseBusy as busy:
            return dg.SkipReason(str(busy))
        if not due.hours:
            waiting = in_words(due.without_base)
            reason = f"no model yet for {waiting}" if waiting else "every loaded hour is ranked"
            return dg.SensorResult(skip_reason=reason, cursor=survey.cursor)
        order = {hour: number for number, hour in enumerate(hours)}
        spans = runs(due.hours, lambda last, hour: order[hour] == order[last] + 1)
        return dg.SensorResult(
            run_requests=[
                dg.RunRequest(run_key=_key(span, due.digests[span[-1]]), **_partitions(span))
                for span in spans
            ]
        )

    return late_hours


def late_days_sensor(status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    """Requests the training of yesterday where its logs came after the night's turn."""

    @dg.sensor(
        job_name=DAILY,
        name="late_days",
        minimum_interval_seconds=600,
        default_status=status,
        description="Trains on the day that ended last, where its logs came after the night's turn.",
    )
    def late_days(context: dg.SensorEvaluationContext, home: HomeResource) -> dg.RunRequest | dg.SkipReason:
        from warehouse.store.waiting import WarehouseBusy

        deployment, now_ms = home.deployment, clock.now_ms()
        zone = deployment.service_zone
        day = zone.day_key(now_ms - DAY_MS - NIGHT_MS)
        if run := unfinished(context.instance, LOGS, RANKING, HOURLY, DAILY):
            return dg.SkipReason(f"waits for {run}")
        if day < deployment.first_day or is_trained(home, day):
            return dg.SkipReason(f"{day} needs no training")
        try:
            state = look(home, zone.hours_of_day(day))
            due = due_ranking(home, context.instance, state.ready)
        except WarehouseBusy as busy:
            return dg.SkipReason(str(busy))
        if not state.ready or state.to_load or due.hours:
            return dg.SkipReason(f"{day} is not loaded and ranked as its files lie there")
        assets = [dg.AssetKey(name) for name in daily_assets(deployment)]
        return dg.RunRequest(run_key=f"late {day}", partition_key=day, asset_selection=assets)

    return late_days


def _partitions(span: Sequence[str]) -> dict[str, Any]:
    """How a run request names one partition, or a range that is one run."""
    if len(span) == 1:
        return {"partition_key": span[0]}
    tags = {ASSET_PARTITION_RANGE_START_TAG: span[0], ASSET_PARTITION_RANGE_END_TAG: span[-1]}
    return {"tags": tags}


def _key(span: Sequence[str], *marks: object) -> str:
    """A run's key: Dagster starts no second run of the same one."""
    return f"{span[0]}..{span[-1]} {digest(marks)}"


def _today(home: HomeResource) -> str:
    return home.deployment.service_zone.day_key(clock.now_ms())


def _missing(
    home: HomeResource, instance: dg.DagsterInstance, table: str, hours: Sequence[str]
) -> list[dg.AssetCheckEvaluation]:
    """Warnings for hours whose files have not come and of whose files nothing was said before.

    Dagster takes one verdict without a run for a partition, and fails on a second one.
    """
    key = dg.AssetCheckKey(dg.AssetKey(table), LANDED)
    known = {info.partition_key for info in instance.event_log_storage.get_asset_check_partition_info([key])}
    return [
        dg.AssetCheckEvaluation(
            asset_key=key.asset_key,
            check_name=key.name,
            passed=False,
            severity=dg.AssetCheckSeverity.WARN,
            description=f"no files yet in {hour_folder(home, table, hour)}",
            partition=hour,
        )
        for hour in hours
        if hour not in known
    ]
