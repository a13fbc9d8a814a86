"""The simulated world, hour by hour: memory in proportion to an hour, accounts and news aside."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from warehouse.sources.simulator.clicks import ClickModel
from warehouse.sources.simulator.exposures import Impressions, Memory, Policy, Shown, draw_impressions
from warehouse.sources.simulator.external import LOOK_BACK_HOURS, External, ExternalWorld
from warehouse.sources.simulator.items import Catalogue, Items, build_catalogue, build_hot_topics, build_items
from warehouse.sources.simulator.randomness import Stream, stream
from warehouse.sources.simulator.settings import SimulatorSettings
from warehouse.sources.simulator.users import Population, build_population

SLOT_BITS = 5  #: an exposure's id is its impression's number times 2^5 plus its position − 1


@dataclass(frozen=True)
class Hour:
    """What one hour brought; all columns in order of time."""

    hour: int  #: hours since the first day's start
    exposure: np.ndarray  #: int64 [E], ids
    user: np.ndarray  #: int64 [E]
    item: np.ndarray  #: int64 [E]
    at: np.ndarray  #: float64 [E], hours
    device: np.ndarray  #: int64 [E]
    number: np.ndarray  #: int64 [E], place of the impression within the visit
    position: np.ndarray  #: int64 [E]
    seen: np.ndarray  #: int64 [E], earlier sights of the item
    probability: np.ndarray  #: float64 [E], the true one
    clicked: np.ndarray  #: bool [E]
    dwell: np.ndarray  #: float64 [E], seconds, NaN without a click
    external: External  #: received in this hour


class World:
    """Accounts, news, hot topics and the click model of a simulation; `hours()` plays it."""

    def __init__(self, settings: SimulatorSettings, days: int | None = None) -> None:
        self.settings = settings
        self.days = settings.days if days is None else days
        hot = build_hot_topics(settings, self.days)
        self.users: Population = build_population(settings, self.days)
        self.items: Items = build_items(settings, hot, self.days)
        self.catalogue: Catalogue = build_catalogue(settings)
        self.clicks = ClickModel(settings, self.users, self.items, hot)
        self._hot = hot

    def hours(self) -> Iterator[Hour]:
        """All hours of the simulated days, in order. Each call plays the same world anew."""
        policy, memory = Policy(self.settings, self.users, self.items, self._hot), Memory()
        external = ExternalWorld(self.settings, self.users, self.catalogue, self._hot)
        for hour in range(-LOOK_BACK_HOURS, -self.settings.warm_up_hours):
            external.received(hour)
        impressions_so_far = 0
        for hour in range(-self.settings.warm_up_hours, 24 * self.days):
            impressions = draw_impressions(
                self.settings, self.users, hour, self._stream(Stream.IMPRESSIONS, hour)
            )
            shown = policy.choose(impressions, hour, self._stream(Stream.CHOICE, hour))
            played = self._play(hour, impressions, shown, memory, external.received(hour), impressions_so_far)
            policy.learn(played.item, played.clicked)
            memory.remember(played.user, played.item, played.clicked, hour)
            if hour >= 0:
                impressions_so_far += len(impressions)
                yield played

    def _play(
        self,
        hour: int,
        impressions: Impressions,
        shown: Shown,
        memory: Memory,
        external: External,
        before: int,
    ) -> Hour:
        rng = self._stream(Stream.CLICKS, hour)
        user, at = impressions.user[shown.impression], impressions.at[shown.impression]
        device = impressions.device[shown.impression]
        seen = memory.seen(user, shown.item)
        probability = self.clicks.probability(
            user, shown.item, at, position=shown.position, device=device, seen=seen
        )
        clicked = rng.uniform(size=len(user)) < probability
        spread = np.exp(self.settings.click.dwell_spread * rng.standard_normal(len(user)))
        dwell = np.where(
            clicked, np.minimum(self.clicks.dwell(user, shown.item, at) * spread, 7200.0), np.nan
        )
        return Hour(
            hour=hour,
            exposure=((before + shown.impression + 1) << SLOT_BITS) + shown.position - 1,
            user=user,
            item=shown.item,
            at=at,
            device=device,
            number=impressions.number[shown.impression],
            position=shown.position,
            seen=seen,
            probability=probability,
            clicked=clicked,
            dwell=dwell,
            external=external,
        )

    def _stream(self, kind: Stream, hour: int) -> np.random.Generator:
        return stream(self.settings.seed, kind, hour)
