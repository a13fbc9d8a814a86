"""Clicks of the same accounts in other applications: the same interests, received late."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from simulator.feed.habits import READING, chronotype_weights
from simulator.feed.items import DOMAINS, Catalogue, HotTopics
from simulator.feed.randomness import Stream, gumbel, stream
from simulator.feed.settings import SimulatorSettings
from simulator.feed.users import Population

LOOK_BACK_HOURS = 72  #: clicks that occurred so long before the first day may still be received in it
_CHUNK = 65_536


@dataclass(frozen=True)
class External:
    """External clicks; times in hours since the first day's start."""

    user: np.ndarray  #: int64 [X]
    item: np.ndarray  #: int64 [X], rows of the catalogue
    occurred: np.ndarray  #: float64 [X]
    received: np.ndarray  #: float64 [X], ≥ occurred

    def __len__(self) -> int:
        return len(self.user)

    def rows(self, rows: np.ndarray) -> External:
        """The clicks at some rows, by index or by mask."""
        return External(self.user[rows], self.item[rows], self.occurred[rows], self.received[rows])


def before_the_log(
    settings: SimulatorSettings, users: Population, catalogue: Catalogue, hot: HotTopics
) -> Iterator[tuple[int, External]]:
    """The hours of `history_days`, which end with the first day's start: number of each and its clicks."""
    first = -24 * settings.external.history_days
    world = ExternalWorld(settings, users, catalogue, hot)
    for hour in range(first - LOOK_BACK_HOURS if first else 0, 0):
        received = world.received(hour)
        if hour >= first:
            yield hour, received


class ExternalWorld:
    """Draws what occurs hour by hour, and hands out what is received hour by hour."""

    def __init__(
        self, settings: SimulatorSettings, users: Population, catalogue: Catalogue, hot: HotTopics
    ) -> None:
        self._settings, self._users, self._catalogue, self._hot = settings, users, catalogue, hot
        self._under_way = External(
            *(np.zeros(0, dtype=t) for t in (np.int64, np.int64, np.float64, np.float64))
        )

    def received(self, hour: int) -> External:
        """Clicks received within `[hour, hour + 1)`, by time of receipt; ask hour by hour, in turn."""
        fresh = self._occurring(hour)
        old = self._under_way
        waiting = External(
            np.concatenate([old.user, fresh.user]),
            np.concatenate([old.item, fresh.item]),
            np.concatenate([old.occurred, fresh.occurred]),
            np.concatenate([old.received, fresh.received]),
        )
        due = waiting.received < hour + 1
        self._under_way = waiting.rows(~due)
        arrived = waiting.rows(due)
        return arrived.rows(np.argsort(arrived.received, kind="stable"))

    def _occurring(self, hour: int) -> External:
        external, users = self._settings.external, self._users
        rng = stream(self._settings.seed, Stream.EXTERNAL, hour)
        # video and shop come after news: their hours are shifted
        tilt = chronotype_weights((hour + 2) % 24, self._settings.population.habit)
        activity = users.external_activity * ((users.arrived <= hour) & (users.departed > hour))
        weight = np.cumsum(activity * tilt[users.chronotype])
        count = rng.poisson(activity.sum() * external.clicks_per_day * READING[hour % 24])
        user = np.searchsorted(weight, rng.uniform(0, weight[-1], count), side="right")
        user = np.minimum(user, len(users) - 1)
        occurred = np.sort(hour + rng.uniform(0, 1, count))
        topic = np.concatenate(
            [np.zeros(0, dtype=np.int64)]
            + [self._topics(user[low : low + _CHUNK], hour, rng) for low in range(0, count, _CHUNK)]
        )
        rank = np.searchsorted(self._catalogue.popularity, rng.uniform(0, 1, count))
        rank = np.minimum(rank, self._catalogue.per_topic - 1)
        domain = rng.choice(len(DOMAINS), size=count, p=[0.5, 0.2, 0.3])
        topics = self._settings.news.topics
        item = (domain * topics + topic) * self._catalogue.per_topic + rank
        delay = external.delay_hours * np.exp(external.delay_spread * rng.standard_normal(count))
        return External(user, item, occurred, occurred + delay)

    def _topics(self, user: np.ndarray, hour: int, rng: np.random.Generator) -> np.ndarray:
        """A topic each, drawn by interest and heat, int64 [n]."""
        external = self._settings.external
        topics = np.arange(self._settings.news.topics)
        at = np.asarray(hour + 0.5)
        liking = self._users.interest(user[:, None], topics, at, self._settings.population.drift)
        score: np.ndarray = external.interest * liking + external.hot * self._hot.heat(topics, at)
        return np.argmax(score + gumbel(rng, score.shape), axis=1)
