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
from assets.profiling.few_shot_job import few_shot_job_asset
from assets.profiling.heatmaps_asset import time_heatmaps_asset
from assets.profiling.meta_profile_asset import meta_profile_asset
from assets.ranking.daily_ranker import daily_ranker_asset
from assets.ranking.hourly_auc import hourly_auc_asset
from assets.ranking.hourly_ranker import hourly_ranker_asset
from assets.ranking.long_term_graph import long_term_graph_asset
from assets.ranking.promotion import promotion_asset
from assets.ranking.reading import EVENT_TABLES
from orchestration import automation, jobs, schedules
from orchestration.requests import requests_sensor
from warehouse.home import Deployment, Home

GROWING_SOURCE = "landing"  #: the one source whose logs go on; the others end with their last day


@dataclass(frozen=True)
class Built:
    """The definitions, and the partitions that they were made with."""

    definitions: dg.Definitions
    partitions: Partitions


def build(home: Home, deployment: Deployment, progress: ProgressReport | None = None) -> Built:
    """Definitions for `deployment`; `progress` listens to trainings (default: the run's log alone)."""
    partitions = Partitions.of(deployment, last_day=_last_day(home, deployment))
    root = str(home.root)
    definitions = dg.Definitions(
        assets=[
            *log_assets(partitions),
            *(external_history_asset() for _ in partitions.history),
            long_term_graph_asset(partitions),
            daily_ranker_asset(partitions),
            hourly_ranker_asset(partitions, automation.late_hours_condition(*EVENT_TABLES)),
            hourly_auc_asset(partitions, automation.late_hours_condition("exposures")),
            promotion_asset(partitions),
            time_heatmaps_asset(partitions),
            meta_profile_asset(partitions),
            few_shot_job_asset(),
            ranking_comparison_asset(),
            profile_evaluation_asset(),
            ab_test_asset(),
        ],
        jobs=jobs.asset_jobs(partitions),
        schedules=[
            schedules.hourly_schedule(partitions, deployment.service_zone),
            schedules.daily_schedule(partitions, deployment.service_zone),
            schedules.profiling_schedule(partitions, deployment.service_zone),
            schedules.meta_training_schedule(partitions, deployment.service_zone),
        ],
        sensors=[
            automation.late_files_sensor(partitions, deployment.service_zone),
            automation.late_hours_automation(),
            requests_sensor(),
        ],
        resources={
            "home": HomeResource(root=root),
            "warehouse": WarehouseResource(root=root),
            "tracking": TrackingResource(root=root),
            "progress": progress or ProgressReport(),
        },
        executor=dg.in_process_executor,
    )
    return Built(definitions, partitions)


def _last_day(home: Home, deployment: Deployment) -> str | None:
    """The last day of an archive; None where logs go on, or have not landed yet."""
    from warehouse.landing.description import SourceDescription

    if deployment.source == GROWING_SOURCE:
        return None
    try:
        return SourceDescription.load(deployment.landing_folder(home)).last_day
    except FileNotFoundError:
        return None
