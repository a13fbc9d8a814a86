"""What is run together: an hour, its logs or its ranking alone, and the night's training."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import dagster as dg

from assets.common.partitions import Partitions
from assets.profiling.few_shot_job import REQUESTS

if TYPE_CHECKING:
    from warehouse.home import Deployment

# The job `profiling` loads days, which may be many a run, and makes heatmaps, a day a run. Dagster takes the
# smaller, which is meant, and would warn of it at every start.
warnings.filterwarnings("ignore", message="Asset job .* materializes assets with varying BackfillPolicies")

HOURLY, LOGS, RANKING, DAILY = "hourly", "hourly_logs", "hourly_ranking", "daily"
DAILY_LOGS = "daily_logs"
PROFILING, META_TRAINING, FEW_SHOT, OUTCOMES = "profiling", "meta_training", "few_shot", "outcomes"
COMPARISON, AB = "comparison_job", "ab_job"
PROFILE_EVALUATION = "profile_evaluation_job"
UPKEEP = "upkeep_job"

LOG_ASSETS = ("users", "items", "exposures", "external_clicks")
DESCRIBING_ASSETS = ("demographics", "labels")  #: of the profiler, without partitions
DAILY_LOG_ASSETS = (*DESCRIBING_ASSETS, "purchases", "points")
RANKING_ASSETS = ("hourly_ranker", "hourly_auc")
DAILY_ASSETS = ("training_instances", "long_term_graph", "daily_ranker", "promotion")


def daily_assets(deployment: Deployment) -> list[str]:
    """What a night makes: the long-term graph only where a system of the deployment uses it."""
    from models.ranking.registry import SYSTEMS

    settings = [getattr(SYSTEMS[system], deployment.size) for system in deployment.systems]
    if any(each.uses_long_term for each in settings):
        return list(DAILY_ASSETS)
    return [name for name in DAILY_ASSETS if name != "long_term_graph"]


#: Name, assets, the field of `Partitions` (or `requests`, or None) in which it is cut, description.
JOBS: tuple[tuple[str, tuple[str, ...], str | None, str], ...] = (
    (
        HOURLY,
        (*LOG_ASSETS, *RANKING_ASSETS),
        "hourly",
        "One hour: gate and load its logs, score it with the state before, adapt on it.",
    ),
    (
        LOGS,
        LOG_ASSETS,
        "hourly",
        "Gate and load hours, with nothing downstream; a range of hours is one run.",
    ),
    (
        RANKING,
        RANKING_ASSETS,
        "hourly",
        "One hour whose logs are loaded: score it with the state before, adapt on it.",
    ),
    (
        DAILY_LOGS,
        DAILY_LOG_ASSETS,
        "shop",
        "Gate and load days of purchases and points, with what is known of the accounts.",
    ),
    (
        PROFILING,
        (
            *DAILY_LOG_ASSETS,
            "time_heatmaps",
            "audience_outcomes",
        ),
        "shop",
        "After midnight: gate and load the day's purchases and points, move the heatmaps on by a day, and "
        "judge the audiences whose horizon has ended.",
    ),
    (
        OUTCOMES,
        ("audience_outcomes",),
        "shop",
        "Judge the audiences whose horizon has ended, on purchases that are loaded.",
    ),
    (
        META_TRAINING,
        ("meta_profile",),
        "shop",
        "Once a week: train the profilers on everything through the day.",
    ),
    (
        FEW_SHOT,
        ("few_shot_job",),
        "requests",
        "One request for an audience: embed, compare, rank, and write the page.",
    ),
    (
        DAILY,
        DAILY_ASSETS,
        "daily",
        "After midnight: instances, long-term graph, daily rankers, challenger against champion.",
    ),
    (
        UPKEEP,
        ("upkeep",),
        None,
        "Each night: what is older than the home keeps it is removed, and its size by kind is told.",
    ),
    (
        COMPARISON,
        ("ranking_comparison",),
        None,
        "On demand: systems retrained, scored hour by hour and tested in pairs on loaded days.",
    ),
    (
        PROFILE_EVALUATION,
        ("profile_evaluation",),
        None,
        "On demand: profilers against normal training and honest opponents on brands that they never saw.",
    ),
    (
        AB,
        ("ab_test",),
        None,
        "On demand: an online A/B test on simulated users; with `aa` also the base against itself.",
    ),
)


def asset_jobs(partitions: Partitions) -> list[Any]:
    """All jobs, each in one process: importing the libraries anew for every step would outlast the work."""
    cuts: dict[str | None, dg.PartitionsDefinition | None] = {
        "hourly": partitions.hourly,
        "daily": partitions.daily,
        "shop": partitions.shop,
        "requests": REQUESTS,
        None: None,
    }
    return [
        dg.define_asset_job(
            name,
            selection=[*assets, *(partitions.history if name == LOGS else ())],
            partitions_def=cuts[cut],
            executor_def=dg.in_process_executor,
            description=description,
        )
        for name, assets, cut, description in JOBS
    ]
