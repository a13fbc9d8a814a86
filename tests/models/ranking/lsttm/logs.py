"""Small random logs and node rows for the tests of this folder."""

from __future__ import annotations

import numpy as np

from models.ranking.features.event_log import HOUR_MS, MISSING, Entities, EventLog, Exposures, ExternalClicks


def random_log(
    seed: int, users: int = 12, items: int = 15, exposures: int = 150, external: int = 60, hours: int = 6
) -> EventLog:
    """Events at random, many at equal times; external clicks are received up to three hours late."""
    g = np.random.default_rng(seed)
    shown_at = np.sort(g.integers(0, hours * 20, exposures)) * (HOUR_MS // 20)
    received_at = np.sort(g.integers(0, hours * 20, external)) * (HOUR_MS // 20)
    return EventLog(
        exposures=Exposures(
            user=g.integers(0, users, exposures),
            item=g.integers(0, items, exposures),
            shown_at=shown_at,
            clicked=g.random(exposures) < 0.5,
            dwell_seconds=np.where(g.random(exposures) < 0.3, np.nan, g.random(exposures) * 60).astype(
                np.float32
            ),
            context=np.zeros((exposures, 0), np.int64),
        ),
        external=ExternalClicks(
            user=g.integers(0, users, external),
            item=g.integers(0, items, external),
            domain=g.integers(0, 2, external),
            occurred_at=received_at - g.integers(0, 3 * HOUR_MS, external),
            received_at=received_at,
        ),
        users=entities(users),
        items=entities(items),
        start_ms=0,
        end_ms=hours * HOUR_MS,
    )


def entities(n: int) -> Entities:
    return Entities(np.arange(n), np.zeros((n, 2), np.int64), np.full(n, MISSING))


class Rows:
    """A row view: user IDs, item IDs, three rows for each of two fields of users, the same of items."""

    def __init__(self, users: int = 12, items: int = 15) -> None:
        self.users, self.items = users, items
        self.table = users + items + 12

    def user_rows(self, users: np.ndarray) -> np.ndarray:
        return users

    def item_rows(self, items: np.ndarray) -> np.ndarray:
        return items + self.users

    def user_field_rows(self, users: np.ndarray) -> np.ndarray:
        base = self.users + self.items
        return np.stack([base + users % 3, base + 3 + users // 3 % 3], axis=-1)

    def item_field_rows(self, items: np.ndarray) -> np.ndarray:
        base = self.users + self.items + 6
        return np.stack([base + items % 3, base + 3 + items // 3 % 3], axis=-1)
