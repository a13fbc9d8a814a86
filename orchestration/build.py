"""All definitions of one deployment, put together from the home it lives in."""

from __future__ import annotations

from dataclasses import dataclass

import dagster as dg

from assets.common.partitions import Partitions
from assets.common.resources import HomeResource, ProgressReport, TrackingResource, WarehouseResource
from assets.experiments.ab.assets import ab_test_asset
from assets.experiments.comparison.assets import ranking_comparison_asset
from assets.experiments.profilers.assets import profile_evaluation_asset
from assets.logs.assets import log_assets
from assets.logs.external_history import external_history_asset
from assets.profiling.audience_outcomes import audience_outcomes_asset
from assets.profiling.few_shot_job import few_shot_job_asset
from assets.profiling.heatmaps_asset import time_heatmaps_asset
from assets.profiling.meta_profile_asset import meta_profile_asset
from assets.ranking.daily_ranker import daily_ranker_asset
from assets.ranking.hourly_auc import hourly_auc_asset
from assets.ranking.hourly_ranker import hourly_ranker_asset
from assets.ranking.long_term_graph import long_term_graph_asset
from assets.ranking.promotion import promotion_asset
from assets.ranking.training_instances import training_instances_asset
from assets.upkeep.assets import upkeep_asset
from orchestration import automation, freshness, jobs, schedules
from orchestration.days import last_day
from orchestration.requests import requests_sensor
from orchestration.telling import checks_sensor, failure_sensor
from warehouse.home import Deployment, Home


@dataclass(frozen=True)
class Built:
    """The definitions, and the partitions that they were made with."""

    definitions: dg.Definitions
    partitions: Partitions


def build(home: Home, deployment: Deployment, progress: ProgressReport | None = None) -> Built:
    """Definitions for `deployment`; `progress` listens to trainings (default: the run's log alone)."""
    shop = deployment.of_shop(home)
    end, zone, root = last_day(home, deployment), deployment.service_zone, str(home.root)
    partitions, lives = Partitions.of(deployment, end, shop, last_day(home, shop)), end is None
    definitions = dg.Definitions(
        assets=[
            *log_assets(partitions),
            *(external_history_asset() for _ in partitions.history),
            training_instances_asset(partitions),
            long_term_graph_asset(partitions),
            daily_ranker_asset(partitions, freshness.of_days(lives, zone)),
            hourly_ranker_asset(partitions),
            hourly_auc_asset(partitions, freshness.of_hours(lives)),
            promotion_asset(partitions),
            time_heatmaps_asset(partitions),
            meta_profile_asset(partitions),
            few_shot_job_asset(),
            audience_outcomes_asset(partitions),
            ranking_comparison_asset(),
            profile_evaluation_asset(),
            ab_test_asset(),
            upkeep_asset(),
        ],
        jobs=jobs.asset_jobs(partitions),
        schedules=_schedules(partitions, deployment, shop),
        sensors=_sensors(deployment),
        resources={
            "home": HomeResource(root=root),
            "warehouse": WarehouseResource(root=root),
            "tracking": TrackingResource(root=root),
            "progress": progress or ProgressReport(),
        },
        executor=dg.in_process_executor,
    )
    return Built(definitions, partitions)


def _schedules(
    partitions: Partitions, deployment: Deployment, shop: Deployment
) -> list[dg.ScheduleDefinition]:
    """What runs by the clock, each by its source's; on where the deployment is live."""
    status = dg.DefaultScheduleStatus.RUNNING if deployment.live else dg.DefaultScheduleStatus.STOPPED
    return [
        make(partitions, of.service_zone, status)
        for make, of in (
            (schedules.hourly_schedule, deployment),
            (schedules.daily_schedule, deployment),
            (schedules.upkeep_schedule, deployment),
            (schedules.profiling_schedule, shop),
            (schedules.meta_training_schedule, shop),
        )
    ]


def _sensors(deployment: Deployment) -> list[dg.SensorDefinition]:
    """What watches; on where the deployment is live, and requests for audiences always."""
    status = dg.DefaultSensorStatus.RUNNING if deployment.live else dg.DefaultSensorStatus.STOPPED
    return [
        automation.late_files_sensor(status),
        automation.late_hours_sensor(status),
        automation.late_days_sensor(status),
        failure_sensor(status),
        checks_sensor(status),
        requests_sensor(),
    ]
