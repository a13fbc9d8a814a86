"""Who opens the feed when, and what the logging policy puts before them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.feed.clicks import READ_ALREADY
from simulator.feed.habits import READING, chronotype_weights
from simulator.feed.items import FeedItems, HotTopics
from simulator.feed.randomness import gumbel
from simulator.feed.settings import SimulatorSettings
from simulator.feed.users import Population

_CHUNK = 2048  # impressions ranked at once: bounds memory at [_CHUNK, pool] whatever the size
_KEEP_SIGHTS_HOURS = 48
_SESSION_HOURS = 1 / 3
_DEVICE_BY_PLATFORM = np.cumsum([[0.9, 0.04, 0.06], [0.82, 0.05, 0.13], [0.25, 0.68, 0.07]], axis=1)
_ITEM_BITS = 32


@dataclass(frozen=True)
class Impressions:
    """Openings of the feed in an hour, sorted by time."""

    user: np.ndarray  #: int64 [M]
    at: np.ndarray  #: float64 [M], hours
    device: np.ndarray  #: int64 [M]
    number: np.ndarray  #: int64 [M], within the visit, from 1

    def __len__(self) -> int:
        return len(self.user)


@dataclass(frozen=True)
class Shown:
    """Exposures in order of time, then of position."""

    impression: np.ndarray  #: int64 [E], row of the hour's impressions
    item: np.ndarray  #: int64 [E]
    position: np.ndarray  #: int64 [E], from 1


NOBODY = -1  #: in a list of candidates, where the pool held fewer


@dataclass(frozen=True)
class Recalled:
    """Candidates of impressions, best first by the logging policy, of which the first few are shown."""

    item: np.ndarray  #: int64 [M, N], NOBODY where the pool held fewer
    slots: np.ndarray  #: int64 [M], how many an impression shows

    def shown(self) -> Shown:
        """The first `slots` of each impression: what the logging policy shows."""
        row, column = np.nonzero((np.arange(self.item.shape[1]) < self.slots[:, None]) & (self.item >= 0))
        return Shown(row, self.item[row, column], column + 1)


def draw_impressions(
    settings: SimulatorSettings, users: Population, hour: int, rng: np.random.Generator
) -> Impressions:
    """Visits of an hour and their impressions; a visit ends with the hour at the latest."""
    size = settings.population
    tilt = chronotype_weights(hour % 24, size.habit)
    activity = users.activity * ((users.arrived <= hour) & (users.departed > hour))
    weight = np.cumsum(activity * tilt[users.chronotype])
    mean = activity.sum() * size.impressions_per_day / size.impressions_per_session * READING[hour % 24]
    visits = rng.poisson(mean)
    visitor = np.searchsorted(weight, rng.uniform(0, weight[-1], visits), side="right")
    visitor = np.minimum(visitor, len(users) - 1)
    length = rng.geometric(1 / size.impressions_per_session, visits)
    begins = hour + rng.uniform(0, 1, visits)
    visit = np.repeat(np.arange(visits), length)
    first = np.concatenate([[0], np.cumsum(length)[:-1]]) if visits else np.zeros(0, dtype=np.int64)
    number = np.arange(len(visit)) - first[visit] + 1
    ends = np.minimum(begins + _SESSION_HOURS, hour + 1)
    at = begins[visit] + (ends - begins)[visit] * (number - 1) / length[visit]
    platform = users.fields["platform"][visitor]
    device = (rng.uniform(size=visits)[:, None] > _DEVICE_BY_PLATFORM[platform]).sum(axis=1)
    order = np.argsort(at, kind="stable")
    visit = visit[order]
    return Impressions(user=visitor[visit], at=at[order], device=device[visit], number=number[order])


class Memory:
    """How often an account has seen an item in the last days: sorted pairs, merged hour by hour."""

    def __init__(self) -> None:
        self._pairs = np.zeros(0, dtype=np.int64)
        self._sights = np.zeros(0, dtype=np.int16)
        self._latest = np.zeros(0, dtype=np.int32)

    def seen(self, users: np.ndarray, items: np.ndarray) -> np.ndarray:
        """Sights before this hour, int64 [E]; READ_ALREADY and more where a click was among them."""
        pairs = (users << _ITEM_BITS) | items
        if not len(self._pairs):
            return np.zeros(len(pairs), dtype=np.int64)
        row = np.minimum(np.searchsorted(self._pairs, pairs), len(self._pairs) - 1)
        return np.where(self._pairs[row] == pairs, self._sights[row], 0).astype(np.int64)

    def copy(self) -> Memory:
        """A memory of its own, with the same past."""
        other = Memory()
        other._pairs, other._sights = self._pairs.copy(), self._sights.copy()
        other._latest = self._latest.copy()
        return other

    def remember(self, users: np.ndarray, items: np.ndarray, clicked: np.ndarray, hour: int) -> None:
        """Add an hour's exposures; once a day, forget what was last seen long ago."""
        pairs, inverse = np.unique((users << _ITEM_BITS) | items, return_inverse=True)
        added = np.bincount(inverse, weights=1 + clicked * (READ_ALREADY - 1), minlength=len(pairs))
        added = added.astype(np.int16)
        row = np.searchsorted(self._pairs, pairs)
        known = row < len(self._pairs)
        known[known] = self._pairs[row[known]] == pairs[known]
        self._sights[row[known]] += added[known]
        self._latest[row[known]] = hour
        fresh = ~known
        self._pairs = np.insert(self._pairs, row[fresh], pairs[fresh])
        self._sights = np.insert(self._sights, row[fresh], added[fresh])
        self._latest = np.insert(self._latest, row[fresh], hour)
        if hour % 24 == 0:
            recent = self._latest >= hour - _KEEP_SIGHTS_HOURS
            self._pairs, self._sights = self._pairs[recent], self._sights[recent]
            self._latest = self._latest[recent]


class Policy:
    """The logging policy: editors' push, age, measured click rates, heat, and some personal choice."""

    def __init__(
        self, settings: SimulatorSettings, users: Population, items: FeedItems, hot: HotTopics
    ) -> None:
        self._settings, self._users, self._items, self._hot = settings, users, items, hot
        self._exposures = np.zeros(len(items))
        self._clicks = np.zeros(len(items))

    def attention(self, hour: int) -> np.ndarray:
        """Log attention of every item at the hour's start, float64 [N]; −inf before the feed takes it up."""
        policy, items = self._settings.policy, self._items
        age = np.maximum(hour + 0.5 - items.taken_up, 0)
        prior = policy.prior_exposures
        mean = max(self._clicks.sum(), 1) / max(self._exposures.sum(), 1 / 0.086)
        rate = (self._clicks + prior * mean) / (self._exposures + prior)
        attention = (
            items.push
            - policy.ageing * (age / items.life) ** policy.ageing_power
            + policy.click_rate * np.log(rate / mean)
        )
        attention = attention + policy.hot * self._hot.heat(items.topic, np.asarray(hour + 0.5))
        return np.where(items.taken_up < hour + 1, attention, -np.inf)

    def recall(self, impressions: Impressions, hour: int, rng: np.random.Generator, most: int) -> Recalled:
        """Up to `most` items for each impression: drawn without replacement, in proportion to attention.

        The first k of a list do not depend on `most`.
        """
        policy = self._settings.policy
        attention = self.attention(hour)
        pool = np.argsort(-attention, kind="stable")[: policy.pool]
        pool = pool[np.isfinite(attention[pool])]
        slots = np.minimum(
            2 + rng.poisson(rng.gamma(4.0, (policy.slots - 2) / 4.0, len(impressions))), policy.most_slots
        )
        item = np.full((len(impressions), min(most, len(pool))), NOBODY, dtype=np.int64)
        for low in range(0, len(impressions), _CHUNK):
            rows = slice(low, low + _CHUNK)
            item[rows] = self._rank(impressions, rows, pool, attention[pool], item.shape[1], rng)
        return Recalled(item, slots)

    def learn(self, items: np.ndarray, clicked: np.ndarray) -> None:
        """Count an hour's feedback."""
        self._exposures += np.bincount(items, minlength=len(self._items))
        self._clicks += np.bincount(items, weights=clicked, minlength=len(self._items))

    def _rank(
        self,
        impressions: Impressions,
        rows: slice,
        pool: np.ndarray,
        attention: np.ndarray,
        most: int,
        rng: np.random.Generator,
    ) -> np.ndarray:
        policy = self._settings.policy
        user, at = impressions.user[rows], impressions.at[rows]
        known = np.clip((at - self._users.arrived[user]) / (24 * policy.knows_after_days), 0, 1)
        score = (policy.interest * known).astype(np.float32)[:, None] * self._users.interests[user][
            :, self._items.topic[pool]
        ]
        score += attention.astype(np.float32)
        score += gumbel(rng, score.shape)  # the best of these are a draw without replacement
        score[at[:, None] < self._items.taken_up[pool]] = -np.inf
        best = np.argpartition(-score, most - 1, axis=1)[:, :most]
        value = np.take_along_axis(score, best, axis=1)
        order = np.argsort(-value, axis=1, kind="stable")
        best, value = np.take_along_axis(best, order, axis=1), np.take_along_axis(value, order, axis=1)
        return np.where(np.isfinite(value), pool[best], NOBODY)
