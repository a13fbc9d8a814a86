"""What makes a click: one logit, known in full, for exposures that happened and for those that never did."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.feed.items import FeedItems, HotTopics
from simulator.feed.settings import SimulatorSettings
from simulator.feed.users import STYLES, Population

DEVICES = ("phone", "desktop", "tablet")
_DEVICE_EFFECT = np.array([0.05, -0.1, 0.0])
_LENGTH_DWELL = np.array([1.0, 1.8, 3.2])
MOST_SECONDS = 7200.0  #: of dwell
READ_ALREADY = 8  #: sights that a click counts for: nobody clicks the same news twice with the same appetite


@dataclass(frozen=True)
class ClickModel:
    """Click probability and dwell of any account on any news item at any time."""

    settings: SimulatorSettings
    users: Population
    items: FeedItems
    hot: HotTopics

    def probability(
        self,
        users: np.ndarray,
        items: np.ndarray,
        at: np.ndarray,
        *,
        position: np.ndarray | int = 1,
        device: np.ndarray | int = 0,
        seen: np.ndarray | int = 0,
    ) -> np.ndarray:
        """Click probability of users on items (indices) at hours `at` since the first day, float64 [...].

        `position` counts from 1; `seen` is how often the account has seen the item before. All broadcast.
        """
        click = self.settings.click
        logit = click.base + self.items.appeal[items]
        old = np.maximum(at - self.items.published[items], 0)
        logit = logit - click.fading / 2 * np.log1p((old / click.fading_hours) ** 3)
        logit = logit + click.hot * self.hot.heat(self.items.topic[items], at)
        personal = click.interest * self._interest(users, items, at)
        personal = personal + click.style * self._taste(users, items)
        logit = logit + personal * (1 - click.common * np.exp(-old / click.common_hours))
        logit = logit + click.propensity * self.users.propensity[users]
        logit = logit - click.position * np.log(position) + _DEVICE_EFFECT[device]
        sights = np.minimum(seen, 3) + np.where(np.asarray(seen) >= READ_ALREADY, 4, 0)
        return 1 / (1 + np.exp(-(logit - click.repeat * sights)))

    def dwell(self, users: np.ndarray, items: np.ndarray, at: np.ndarray) -> np.ndarray:
        """Median dwell in seconds of a click, float64 [...]: longer on long items and on topics one likes."""
        liking = 0.25 * self._interest(users, items, at) + 0.2 * self._taste(users, items)
        return self.settings.click.dwell_seconds * _LENGTH_DWELL[self.items.length[items]] * np.exp(liking)

    def dwell_drawn(
        self, users: np.ndarray, items: np.ndarray, at: np.ndarray, normal: np.ndarray
    ) -> np.ndarray:
        """Dwell in seconds of clicks, from standard normal draws; float64 [...], two hours at most."""
        spread = np.exp(self.settings.click.dwell_spread * normal)
        return np.minimum(self.dwell(users, items, at) * spread, MOST_SECONDS)

    def _interest(self, users: np.ndarray, items: np.ndarray, at: np.ndarray) -> np.ndarray:
        return self.users.interest(users, self.items.topic[items], at, self.settings.population.drift)

    def _taste(self, users: np.ndarray, items: np.ndarray) -> np.ndarray:
        return (self.users.style[users] * self.items.style[items]).sum(axis=-1) / np.sqrt(STYLES)
