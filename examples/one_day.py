"""One day of a news feed in Python: logs, training, 24 hours of scoring and adapting, AUC by hour.

    python examples/one_day.py

The logs are four simulated days of a small feed and the models are tiny, so that it takes half a minute. The
steps are those of production; `hourfold day` runs them as Dagster partitions.
"""

import tempfile
from pathlib import Path

import numpy as np

from assets.logs.ingest import ingest_pending
from assets.ranking.reading import read_log
from models.metrics import auc
from models.ranking.lsttm.long_term_graph import train_long_term
from models.ranking.ranker import Ranker
from models.ranking.registry import SYSTEMS, long_term_settings
from simulator import SimulatorSettings
from simulator.feed.fill import fill
from simulator.feed.settings import PopulationSettings
from warehouse.home import Home
from warehouse.landing.contract import RANKING_TABLES
from warehouse.landing.description import SourceDescription
from warehouse.landing.service_time import DAY_MS, HOUR_MS, ServiceZone
from warehouse.store.warehouse import Warehouse


def main(system: str = "lsttm") -> float:
    """AUC of the last day."""
    with tempfile.TemporaryDirectory() as folder:
        # 1. Logs lie in a landing folder, by hour. Yours look like these: docs/bring-your-own-logs.md.
        home = Home(Path(folder)).source("simulator")
        small = PopulationSettings(users=3_000)
        fill(home.landing, SimulatorSettings(days=4, population=small))
        logs = SourceDescription.load(home.landing)

        # 2. Every batch passes the Great Expectations suites into DuckDB; bad rows go to quarantine.
        ingest_pending(home, RANKING_TABLES, landing=home.landing, description=logs, at_once=72)

        # 3. History is what was received before the last day; each hour is a log of its own.
        zone = ServiceZone(logs.zone)
        start, today = zone.day_start_ms(logs.first_day), zone.day_start_ms(logs.last_day)
        with Warehouse(home.warehouse, read_only=True) as warehouse:
            history = read_log(warehouse, zone, start, today)
            hours = [
                read_log(warehouse, zone, hour, hour + HOUR_MS, "mentioned")
                for hour in range(today, today + DAY_MS, HOUR_MS)
            ]

    # 4. The night: long-term vectors of users and items, then the ranker (here by temporal MAML).
    long_term = train_long_term(history, long_term_settings("tiny"), seed=0)
    ranker = Ranker.train(SYSTEMS[system].tiny, history, seed=0, long_term=long_term)

    # 5. The day: score an hour before its clicks are known, then adapt to it.
    scores, clicked = [], []
    for number, hour in enumerate(hours):
        scores.append(ranker.score(hour))
        clicked.append(hour.exposures.clicked)
        ranker.adapt(hour)
        print(
            f"hour {number:02d}, {len(hour.exposures):5d} exposures: AUC {auc(clicked[-1], scores[-1]):.3f}"
        )
    day = auc(np.concatenate(clicked), np.concatenate(scores))
    print(f"{system} on simulated logs, AUC of the day: {day:.3f}")
    return day


if __name__ == "__main__":
    main()
