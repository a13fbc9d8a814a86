"""A simulated log as the models see it, for benchmarks: sizes are arguments, contents are random."""

from __future__ import annotations

import numpy as np

from models.ranking.features.event_log import HOUR_MS, MISSING, Entities, EventLog, Exposures, ExternalClicks

USER_FIELDS = (6, 3, 12, 4, 3, 3)  #: values of each: age band, gender, region, household, platform, plan
ITEM_FIELDS = (30, 150, 300, 5, 6, 4)  #: topic, subtopic, provider, kind, length, tone
START_MS = 1_700_006_400_000 // (24 * HOUR_MS) * (24 * HOUR_MS)


def simulated_log(
    *,
    users: int,
    items: int,
    hours: int,
    exposures_per_hour: int,
    seed: int,
    click_rate: float = 0.3,
    first_hour: int = 0,
) -> EventLog:
    """Zipf-like users and items, `hours` service hours from `first_hour` on, every tenth click external."""
    rng = np.random.default_rng(seed)
    n = hours * exposures_per_hour
    start = START_MS + first_hour * HOUR_MS
    end = start + hours * HOUR_MS
    externals = max(n // 10, 1)
    return EventLog(
        exposures=Exposures(
            user=_skewed(rng, users, n),
            item=_skewed(rng, items, n),
            shown_at=np.sort(rng.integers(start, end, n)),
            clicked=rng.random(n) < click_rate,
            dwell_seconds=rng.exponential(20, n).astype(np.float32),
            context=rng.integers(0, 4, (n, 1)),
        ),
        external=ExternalClicks(
            user=_skewed(rng, users, externals),
            item=_skewed(rng, items, externals),
            domain=rng.integers(0, 2, externals),
            occurred_at=np.full(externals, start),
            received_at=np.sort(rng.integers(start, end, externals)),
        ),
        users=_entities(users, USER_FIELDS, seed=1, published=None),
        items=_entities(items, ITEM_FIELDS, seed=2, published=START_MS),
        start_ms=start,
        end_ms=end,
    )


def _skewed(rng: np.random.Generator, size: int, n: int) -> np.ndarray:
    return np.minimum((size * rng.random(n) ** 2).astype(np.int64), size - 1)


def _entities(size: int, values: tuple[int, ...], seed: int, published: int | None) -> Entities:
    rng = np.random.default_rng(seed)
    return Entities(
        index=np.arange(size),
        fields=np.stack([_skewed(rng, number, size) for number in values], axis=1),
        published_at=np.full(size, MISSING if published is None else published),
    )
