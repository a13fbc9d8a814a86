"""A deployment whose feed and shop have the same accounts, through Dagster: trained, saved, served."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from assets.common.timings import Timings
from assets.ranking.account_vectors import LAG_DAYS, purchases_end_ms
from assets.ranking.hourly_auc import score_hour
from assets.ranking.hourly_ranker import adapt_hour
from assets.ranking.states import States
from models.profiling.account_vectors import WIDTH
from orchestration.session import Session
from tests.deployed import BASE, DAY, HOURS
from tests.warehouse.frames import NO_QUARANTINE
from warehouse.landing.records import PartitionLoad, SourceFile
from warehouse.landing.service_time import DAY_MS

pytestmark = pytest.mark.slow
SYSTEM = "deepfm"


def bought(ready, first_ms, days, seed):
    """Load purchases of the feed's users on these days, in place of what they held."""
    zone, rng = ready.deployment.service_zone, np.random.default_rng(seed)
    with ready.warehouse.open(read_only=False) as opened:
        ids = [row[0] for row in opened.connection.execute("SELECT user_id FROM user_index").fetchall()]
        for start in range(first_ms, first_ms + days * DAY_MS, DAY_MS):
            key, count = zone.day_key(start), 200
            rows = pd.DataFrame(
                {
                    "user_id": rng.choice(np.sort(ids), count),
                    "purchased_at": start + np.sort(rng.integers(0, DAY_MS, count)),
                    "price": 1.0,
                    "genre": rng.choice(["food/fruit", "food/bread", "toys/cars", "books"], count),
                    "brand": None,
                    "cancelled": False,
                    "_partition": key,
                    "_row": np.arange(count),
                }
            )
            file = SourceFile(f"purchases/{key}.parquet", count, str(seed))
            opened.load("purchases", [PartitionLoad(key, start, (file,), count)], rows, NO_QUARANTINE)


def trained_and_scored(ready):
    """Train on day one and score two hours of day two; layout of the model, probabilities."""
    with Session(ready.deployment, ready.home) as session:
        session.run("daily", BASE, only=["training_instances", "long_term_graph", "daily_ranker"])
    for hour in HOURS[:2]:
        score_hour(hour, ready.resource, ready.warehouse, ready.tracking.open(), Timings())
        adapt_hour(hour, ready.resource, ready.warehouse, ready.tracking.open(), Timings())
    with ready.warehouse.open() as opened:
        frame = opened.read_predictions()
    frame = frame[(frame["system"] == SYSTEM) & frame["partition"].isin(HOURS[:2])]
    states = States(ready.models)
    about = json.loads((states.ranker_path(states.daily(SYSTEM, BASE)) / "ranker.json").read_text())
    return about["vectors"], frame.sort_values("exposure_id")["score"].to_numpy()


def test_a_deployment_of_one_account_reads_purchases_until_the_window_alone(ready):
    on = ready.deployment.model_copy(update={"one_account": True, "systems": (SYSTEM,)})
    zone = on.service_zone
    end_ms = purchases_end_ms(zone, DAY)
    assert end_ms == zone.day_start_ms(BASE) - (LAG_DAYS - 1) * DAY_MS
    bought(ready, end_ms - 30 * DAY_MS, 30, seed=0)
    ready.deployment.model_copy(update={"systems": (SYSTEM,)}).save(ready.home)
    ready = type(ready)(ready.home, ready.deployment.model_copy(update={"systems": (SYSTEM,)}))
    (_, items), without = trained_and_scored(ready)
    on.save(ready.home)
    ready = type(ready)(ready.home, on)
    widths, scores = trained_and_scored(ready)
    assert widths == [WIDTH, items] and not np.array_equal(scores, without)
    assert len(scores) == len(without) > 100
    bought(ready, end_ms, 9, seed=1)  # purchases of the window's days and of the day that is served
    _, same = trained_and_scored(ready)
    np.testing.assert_array_equal(same, scores)
    bought(ready, end_ms - DAY_MS, 1, seed=2)  # of the last day before it
    _, other = trained_and_scored(ready)
    assert not np.array_equal(other, scores)
