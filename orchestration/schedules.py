"""When hours and days run: a while after they have ended, so that their logs can land."""

from collections.abc import Callable
from datetime import datetime

import dagster as dg

from assets.common.partitions import Partitions
from assets.common.resources import HomeResource
from assets.ranking.states import States
from orchestration.jobs import (
    DAILY,
    HOURLY,
    META_TRAINING,
    PROFILING,
    RANKING_ASSETS,
    UPKEEP,
    daily_assets,
)
from orchestration.ranking_due import with_base
from orchestration.turns import (
    DAY_TIME,
    HOUR_MINUTE,
    dimensions,
    due_ranking,
    hour_folder,
    is_trained,
    look,
)
from warehouse.landing.service_time import DAY_MS, HOUR_MS, ServiceZone

PROFILING_TIME = "20 1 * * *"
UPKEEP_TIME = "50 4 * * *"  #: when the night's trainings are over, on most machines
META_TRAINING_TIME = "30 2 * * 1"  #: Mondays, after the heatmaps of Sunday


def hourly_schedule(
    partitions: Partitions, zone: ServiceZone, status: dg.DefaultScheduleStatus
) -> dg.ScheduleDefinition:
    """The hour that has just ended.

    A schedule does not wait for upstream: hour 00 may run before the night's training has ended. The ranker
    therefore takes the newest *finished* base model and records which. The run has what can run: tables with
    files, and the ranking where there is a model to start from.
    """

    @dg.schedule(
        job_name=HOURLY,
        name="every_hour",
        cron_schedule=f"{HOUR_MINUTE} * * * *",
        execution_timezone=zone.name,
        default_status=status,
        description="Ten minutes past each hour of service time: the hour that has just ended.",
    )
    def every_hour(
        context: dg.ScheduleEvaluationContext, home: HomeResource
    ) -> dg.RunRequest | dg.SkipReason:
        key = _ended(partitions.hourly, zone.hour_key, context.scheduled_execution_time, HOUR_MS)
        if key is None:
            return dg.SkipReason("no hour of this source has just ended")
        return _run_of_hour(context, home, key)

    return every_hour


def _run_of_hour(
    context: dg.ScheduleEvaluationContext, home: HomeResource, key: str
) -> dg.RunRequest | dg.SkipReason:
    """What of an hour can run now."""
    from warehouse.store.waiting import WarehouseBusy

    try:
        state = look(home, [key])
        due = due_ranking(home, context.instance, state.ready).hours if state.ready else []
    except WarehouseBusy as busy:
        return dg.SkipReason(f"{busy}; `late_files` and `late_hours` take the hour up")
    if state.missing:
        folder = hour_folder(home, "exposures", key)
        return dg.SkipReason(f"no files yet in {folder}: `late_files` loads the hour when they have come")
    tables = state.tables([key])
    if not tables and not due:
        return dg.SkipReason(f"{key} is loaded, and ranked as far as there is a model")
    assets = [*dimensions(home), *tables] if tables else []
    if with_base(States(home.paths.models), home.deployment.systems, key[:10]):
        assets += RANKING_ASSETS
    return dg.RunRequest(
        run_key=key, partition_key=key, asset_selection=[dg.AssetKey(name) for name in assets]
    )


def daily_schedule(
    partitions: Partitions, zone: ServiceZone, status: dg.DefaultScheduleStatus
) -> dg.ScheduleDefinition:
    """The day that has just ended, if something of it is loaded."""

    @dg.schedule(
        job_name=DAILY,
        name="every_night",
        cron_schedule=DAY_TIME,
        execution_timezone=zone.name,
        default_status=status,
        description="Forty minutes after midnight of service time: the day that has just ended.",
    )
    def every_night(
        context: dg.ScheduleEvaluationContext, home: HomeResource
    ) -> dg.RunRequest | dg.SkipReason:
        from warehouse.store.waiting import WarehouseBusy

        request = _run_of_day(partitions.daily, zone, context.scheduled_execution_time)
        if isinstance(request, dg.SkipReason):
            return request
        day = str(request.partition_key)
        try:
            loaded = look(home, zone.hours_of_day(day), changed=()).loaded.get("exposures")
        except WarehouseBusy:
            loaded = frozenset({day})  # its run waits for the other process
        if not loaded:
            return dg.SkipReason(
                f"nothing of {day} is loaded: `late_days` trains on it when its logs have come"
            )
        if is_trained(home, day):
            return dg.SkipReason(f"{day} is trained on")
        return request.with_replaced_attrs(
            asset_selection=[dg.AssetKey(name) for name in daily_assets(home.deployment)]
        )

    return every_night


def upkeep_schedule(
    _partitions: Partitions, zone: ServiceZone, status: dg.DefaultScheduleStatus
) -> dg.ScheduleDefinition:
    """Once a night, whether anything was trained or not."""

    @dg.schedule(
        job_name=UPKEEP,
        name="every_night_upkeep",
        cron_schedule=UPKEEP_TIME,
        execution_timezone=zone.name,
        default_status=status,
        description="Ten to five of service time: what is older than the home keeps it is removed.",
    )
    def every_night_upkeep(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        return dg.RunRequest(run_key=context.scheduled_execution_time.isoformat())

    return every_night_upkeep


def profiling_schedule(
    partitions: Partitions, zone: ServiceZone, status: dg.DefaultScheduleStatus
) -> dg.ScheduleDefinition:
    """The day that has just ended, where the source has a shop."""

    @dg.schedule(
        job_name=PROFILING,
        name="every_night_profiling",
        cron_schedule=PROFILING_TIME,
        execution_timezone=zone.name,
        default_status=status,
        description="Twenty past one of service time: the purchases and heatmaps of the day that has ended.",
    )
    def every_night_profiling(
        context: dg.ScheduleEvaluationContext, home: HomeResource
    ) -> dg.RunRequest | dg.SkipReason:
        return _shop_day(partitions, zone, context.scheduled_execution_time, home)

    return every_night_profiling


def meta_training_schedule(
    partitions: Partitions, zone: ServiceZone, status: dg.DefaultScheduleStatus
) -> dg.ScheduleDefinition:
    """The profilers, trained anew each week: what people buy drifts by seasons, not by days."""

    @dg.schedule(
        job_name=META_TRAINING,
        name="every_week",
        cron_schedule=META_TRAINING_TIME,
        execution_timezone=zone.name,
        default_status=status,
        description="Half past two on Mondays of service time: profilers on everything through Sunday.",
    )
    def every_week(
        context: dg.ScheduleEvaluationContext, home: HomeResource
    ) -> dg.RunRequest | dg.SkipReason:
        return _shop_day(partitions, zone, context.scheduled_execution_time, home)

    return every_week


def _shop_day(
    partitions: Partitions, zone: ServiceZone, tick: datetime, home: HomeResource
) -> dg.RunRequest | dg.SkipReason:
    """The day that has just ended, of a source with purchases."""
    if not (home.shop.deployment.landing_folder(home.home) / "purchases").is_dir():
        return dg.SkipReason("this source has no purchases")
    return _run_of_day(partitions.shop, zone, tick)


def _run_of_day(
    partitions: dg.TimeWindowPartitionsDefinition, zone: ServiceZone, tick: datetime
) -> dg.RunRequest | dg.SkipReason:
    """The day that has just ended."""
    key = _ended(partitions, zone.day_key, tick, DAY_MS)
    if key is None:
        return dg.SkipReason("no day of this source has just ended")
    return dg.RunRequest(run_key=key, partition_key=key)


def _ended(
    partitions: dg.TimeWindowPartitionsDefinition,
    key_of: Callable[[int], str],
    tick: datetime,
    length_ms: int,
) -> str | None:
    """The partition that has just ended at a tick; None where the source has no such partition."""
    key = key_of(int(tick.timestamp() * 1000) - length_ms)
    return key if partitions.has_partition_key(key) else None
