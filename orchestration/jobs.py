"""What is run together: an hour, its logs or its ranking alone, and the night's training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dagster as dg

from assets.common.partitions import Partitions
from assets.profiling.few_shot_job import REQUESTS

HOURLY, LOGS, RANKING, DAILY = "hourly", "hourly_logs", "hourly_ranking", "daily"
DAILY_LOGS = "daily_logs"
PROFILING, META_TRAINING, FEW_SHOT = "profiling", "meta_training", "few_shot"
COMPARISON, AB = "comparison_job", "ab_job"

LOG_ASSETS = ("users", "items", "exposures", "external_clicks")
DESCRIBING_ASSETS = ("demographics", "labels")  #: of the profiler, without partitions
DAILY_LOG_ASSETS = (*DESCRIBING_ASSETS, "purchases", "points")
RANKING_ASSETS = ("hourly_ranker", "hourly_auc")
DAILY_ASSETS = ("long_term_graph", "daily_ranker", "promotion")


def asset_jobs(partitions: Partitions) -> list[Any]:
    """All jobs, each in one process: importing the libraries anew for every step would outlast the work."""
    return [
        _job(
            HOURLY,
            (*LOG_ASSETS, *RANKING_ASSETS),
            partitions.hourly,
            "One hour: gate and load its logs, score it with the state before, adapt on it.",
        ),
        _job(
            LOGS,
            LOG_ASSETS,
            partitions.hourly,
            "Gate and load hours, with nothing downstream; a range of hours is one run.",
        ),
        _job(
            RANKING,
            RANKING_ASSETS,
            partitions.hourly,
            "One hour whose logs are loaded: score it with the state before, adapt on it.",
        ),
        _job(
            DAILY_LOGS,
            DAILY_LOG_ASSETS,
            partitions.shop,
            "Gate and load days of purchases and points, with what is known of the accounts.",
        ),
        _job(
            PROFILING,
            (*DAILY_LOG_ASSETS, "time_heatmaps"),
            partitions.shop,
            "After midnight: gate and load the day's purchases and points, move the heatmaps on by a day.",
        ),
        _job(
            META_TRAINING,
            ("meta_profile",),
            partitions.shop,
            "Once a week: train the profilers on everything through the day.",
        ),
        _job(
            FEW_SHOT,
            ("few_shot_job",),
            REQUESTS,
            "One request for an audience: embed, compare, rank, and write the page.",
        ),
        _job(
            DAILY,
            DAILY_ASSETS,
            partitions.daily,
            "After midnight: long-term graph, daily rankers, challenger against champion.",
        ),
        _job(
            COMPARISON,
            ("ranking_comparison",),
            None,
            "On demand: systems retrained, scored hour by hour and tested in pairs on loaded days.",
        ),
        _job(
            AB,
            ("ab_test",),
            None,
            "On demand: an online A/B test on simulated users, with its A/A run.",
        ),
    ]


def _job(
    name: str, assets: Sequence[str], partitions: dg.PartitionsDefinition | None, description: str
) -> Any:
    return dg.define_asset_job(
        name,
        selection=list(assets),
        partitions_def=partitions,
        executor_def=dg.in_process_executor,
        description=description,
    )
