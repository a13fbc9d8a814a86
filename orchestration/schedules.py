"""When hours and days run: a while after they have ended, so that their logs can land."""

from collections.abc import Callable, Sequence
from datetime import datetime

import dagster as dg

from assets.common.partitions import Partitions
from assets.common.resources import HomeResource
from assets.ranking.states import States
from orchestration.jobs import DAILY, HOURLY, LOG_ASSETS, META_TRAINING, PROFILING
from warehouse.landing.service_time import DAY_MS, HOUR_MS, ServiceZone

HOUR_MINUTE = 10  #: minutes past the hour at which the hour that ended is run
DAY_TIME = "40 0 * * *"  #: after the run of hour 23
PROFILING_TIME = "20 1 * * *"
META_TRAINING_TIME = "30 2 * * 1"  #: Mondays, after the heatmaps of Sunday


def hourly_schedule(partitions: Partitions, zone: ServiceZone) -> dg.ScheduleDefinition:
    """The hour that has just ended.

    A schedule does not wait for upstream: hour 00 may run before the night's training has ended. The ranker
    therefore takes the newest *finished* base model and records which. Before the first one, only logs are
    loaded.
    """

    @dg.schedule(
        job_name=HOURLY,
        name="every_hour",
        cron_schedule=f"{HOUR_MINUTE} * * * *",
        execution_timezone=zone.name,
        description="Ten minutes past each hour of service time: the hour that has just ended.",
    )
    def every_hour(
        context: dg.ScheduleEvaluationContext, home: HomeResource
    ) -> dg.RunRequest | dg.SkipReason:
        key = _ended(partitions.hourly, zone.hour_key, context.scheduled_execution_time, HOUR_MS)
        if key is None:
            return dg.SkipReason("no hour of this source has just ended")
        if not has_base(States(home.paths.models), home.deployment.systems, key[:10]):
            only_logs = [dg.AssetKey(name) for name in LOG_ASSETS]
            return dg.RunRequest(run_key=key, partition_key=key, asset_selection=only_logs)
        return dg.RunRequest(run_key=key, partition_key=key)

    return every_hour


def daily_schedule(partitions: Partitions, zone: ServiceZone) -> dg.ScheduleDefinition:
    """The day that has just ended."""

    @dg.schedule(
        job_name=DAILY,
        name="every_night",
        cron_schedule=DAY_TIME,
        execution_timezone=zone.name,
        description="Forty minutes after midnight of service time: the day that has just ended.",
    )
    def every_night(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        return _run_of_day(partitions.daily, zone, context.scheduled_execution_time)

    return every_night


def profiling_schedule(partitions: Partitions, zone: ServiceZone) -> dg.ScheduleDefinition:
    """The day that has just ended, where the source has a shop."""

    @dg.schedule(
        job_name=PROFILING,
        name="every_night_profiling",
        cron_schedule=PROFILING_TIME,
        execution_timezone=zone.name,
        description="Twenty past one of service time: the purchases and heatmaps of the day that has ended.",
    )
    def every_night_profiling(
        context: dg.ScheduleEvaluationContext, home: HomeResource
    ) -> dg.RunRequest | dg.SkipReason:
        return _shop_day(partitions, zone, context.scheduled_execution_time, home)

    return every_night_profiling


def meta_training_schedule(partitions: Partitions, zone: ServiceZone) -> dg.ScheduleDefinition:
    """The profilers, trained anew each week: what people buy drifts by seasons, not by days."""

    @dg.schedule(
        job_name=META_TRAINING,
        name="every_week",
        cron_schedule=META_TRAINING_TIME,
        execution_timezone=zone.name,
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


def has_base(states: States, systems: Sequence[str], day: str) -> bool:
    """Whether every system has a finished daily model of a day before `day`."""
    try:
        for system in systems:
            states.newest_base(system, day)
    except LookupError:
        return False
    return True


def _ended(
    partitions: dg.TimeWindowPartitionsDefinition,
    key_of: Callable[[int], str],
    tick: datetime,
    length_ms: int,
) -> str | None:
    """The partition that has just ended at a tick; None where the source has no such partition."""
    key = key_of(int(tick.timestamp() * 1000) - length_ms)
    return key if partitions.has_partition_key(key) else None
