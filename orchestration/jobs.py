"""What is run together: an hour, its logs or its ranking alone, and the night's training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dagster as dg

from assets.partitions import Partitions

HOURLY, LOGS, RANKING, DAILY = "hourly", "hourly_logs", "hourly_ranking", "daily"

LOG_ASSETS = ("users", "items", "exposures", "external_clicks")
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
            DAILY,
            DAILY_ASSETS,
            partitions.daily,
            "After midnight: long-term graph, daily rankers, challenger against champion.",
        ),
    ]


def _job(name: str, assets: Sequence[str], partitions: dg.PartitionsDefinition, description: str) -> Any:
    return dg.define_asset_job(
        name,
        selection=list(assets),
        partitions_def=partitions,
        executor_def=dg.in_process_executor,
        description=description,
    )
