"""One day of a news feed in Python: logs, training, 24 hours of scoring and adapting, AUC by hour.

    python examples/one_day.py

The logs are four simulated days of a small feed and the models are tiny, so that it takes half a minute. The
steps are those of production; `hourfold day` runs them as Dagster partitions.
"""

import tempfile
from pathlib import Path

import numpy as np

from assets.logs.sources import open_source
from assets.ranking.reading import read_log
from models.metrics import auc
from models.ranking.day import ServedDay
from models.ranking.lsttm.long_term_mornings import train_long_term_days
from models.ranking.registry import SYSTEMS, long_term_settings
from simulator import SimulatorSettings
from simulator.feed.settings import PopulationSettings
from warehouse.home import Home
from warehouse.landing.contract import RANKING_TABLES
from warehouse.landing.service_time import DAY_MS, HOUR_MS, ServiceZone
from warehouse.store.warehouse import Warehouse


def main(system: str = "lsttm") -> float:
    """AUC of the last day."""
    with tempfile.TemporaryDirectory() as folder:
        # 1. Logs lie in a landing folder, by hour. Yours look like these: docs/bring-your-own-logs.md.
        small = SimulatorSettings(days=4, population=PopulationSettings(users=3_000))
        logs = open_source("simulator", Home(Path(folder)), simulation=small)

        # 2. Every batch passes the Great Expectations suites into DuckDB; bad rows go to quarantine.
        logs.load(RANKING_TABLES)

        # 3. History is what was received before the last day; each hour is a log of its own.
        zone = ServiceZone(logs.description.zone)
        start, today = (zone.day_start_ms(day) for day in (logs.description.first_day, logs.last_day))
        with Warehouse(logs.home.warehouse, read_only=True) as warehouse:
            history = read_log(warehouse, zone, start, today)
            hours = [
                read_log(warehouse, zone, hour, hour + HOUR_MS, "mentioned")
                for hour in range(today, today + DAY_MS, HOUR_MS)
            ]

    # 4. The night: exposures are encoded as each hour's start knew them, and so are the long-term vectors as
    # of each morning; then the ranker (here by temporal MAML).
    long_term = train_long_term_days(history, long_term_settings("tiny"), seed=0)
    served = ServedDay.train(SYSTEMS[system].tiny, history, seed=0, long_term=long_term)

    # 5. The day: an hour is scored before its clicks are known, then the ranker adapts to it.
    scores, clicked = [], []
    for number, (hour, scored) in enumerate(zip(hours, served.live(hours), strict=True)):
        scores.append(scored.probability)
        clicked.append(hour.exposures.clicked)
        area = auc(clicked[-1], scores[-1])
        print(f"hour {number:02d}, {len(hour.exposures):5d} exposures: AUC {area:.3f}")
    day = auc(np.concatenate(clicked), np.concatenate(scores))
    print(f"{system} on simulated logs, AUC of the day: {day:.3f}")
    return day


if __name__ == "__main__":
    main()
