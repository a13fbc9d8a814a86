"""The simulated world, hour by hour: memory in proportion to an hour, accounts and news aside."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from simulator.feed.clicks import ClickModel
from simulator.feed.content import SimulatedContent
from simulator.feed.exposures import Impressions, Memory, Policy, Recalled, draw_impressions
from simulator.feed.external import LOOK_BACK_HOURS, External, ExternalWorld, before_the_log
from simulator.feed.items import Catalogue, FeedItems, build_catalogue, build_hot_topics, build_items
from simulator.feed.randomness import Stream, stream
from simulator.feed.settings import SimulatorSettings
from simulator.feed.users import Population, build_population

SLOT_BITS = 5  #: an exposure's id is its impression's number times 2^5 plus its position − 1


@dataclass(frozen=True)
class SimulatedHour:
    """What one hour brought; all columns in order of time."""

    hour: int  #: hours since the first day's start
    exposure: np.ndarray  #: int64 [E], ids
    user: np.ndarray  #: int64 [E]
    item: np.ndarray  #: int64 [E]
    at: np.ndarray  #: float64 [E], hours
    device: np.ndarray  #: int64 [E]
    number: np.ndarray  #: int64 [E], of the impression within the visit
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
        self.items: FeedItems = build_items(settings, hot, self.days)
        self.catalogue: Catalogue = build_catalogue(settings)
        self.content = SimulatedContent(settings)
        self.clicks = ClickModel(settings, self.users, self.items, hot)

    def hours(self) -> Iterator[SimulatedHour]:
        """All hours of the simulated days, in order. Each call plays the same world anew."""
        play = WorldRun(self)
        for hour in range(-self.settings.warm_up_hours, 24 * self.days):
            played = play.next(self.settings.policy.most_slots).played
            if hour >= 0:
                yield played

    def external_history(self) -> Iterator[tuple[int, External]]:
        """External clicks of the days before the log, hour by hour."""
        return before_the_log(self.settings, self.users, self.catalogue, self.clicks.hot)

    def stream(self, kind: Stream, hour: int) -> np.random.Generator:
        """The random stream of an hour of one kind."""
        return stream(self.settings.seed, kind, hour)


@dataclass(frozen=True)
class SimulatorStep:
    """An hour of a play: the openings of the feed, what could be shown, and what the policy did with it."""

    impressions: Impressions
    recalled: Recalled
    first_impression: int  #: number of the hour's first impression; exposure ids derive from it
    played: SimulatedHour


class WorldRun:
    """One run through a world under the logging policy, hour by hour from the warm-up on."""

    def __init__(self, world: World) -> None:
        self._world = world
        settings, users, hot = world.settings, world.users, world.clicks.hot
        self._policy, self.memory = Policy(settings, users, world.items, hot), Memory()
        self._external = ExternalWorld(settings, users, world.catalogue, hot)
        for hour in range(-LOOK_BACK_HOURS, -settings.warm_up_hours):
            self._external.received(hour)
        self.hour = -settings.warm_up_hours  #: the next one
        self._impressions = 0

    def next(self, most: int) -> SimulatorStep:
        """Play the next hour; `most` candidates an impression (no fewer than are shown) are told of."""
        world, hour = self._world, self.hour
        impressions = draw_impressions(
            world.settings, world.users, hour, world.stream(Stream.IMPRESSIONS, hour)
        )
        recalled = self._policy.recall(impressions, hour, world.stream(Stream.CHOICE, hour), most)
        first = self._impressions + 1
        played = self._play(impressions, recalled, first)
        self._policy.learn(played.item, played.clicked)
        self.memory.remember(played.user, played.item, played.clicked, hour)
        if hour >= 0:
            self._impressions += len(impressions)
        self.hour += 1
        return SimulatorStep(impressions, recalled, first, played)

    def _play(self, impressions: Impressions, recalled: Recalled, first: int) -> SimulatedHour:
        world, shown = self._world, recalled.shown()
        rng = world.stream(Stream.CLICKS, self.hour)
        user, at = impressions.user[shown.impression], impressions.at[shown.impression]
        device = impressions.device[shown.impression]
        seen = self.memory.seen(user, shown.item)
        probability = world.clicks.probability(
            user, shown.item, at, position=shown.position, device=device, seen=seen
        )
        clicked = rng.uniform(size=len(user)) < probability
        spread = rng.standard_normal(len(user))
        return SimulatedHour(
            hour=self.hour,
            exposure=((first + shown.impression) << SLOT_BITS) + shown.position - 1,
            user=user,
            item=shown.item,
            at=at,
            device=device,
            number=impressions.number[shown.impression],
            position=shown.position,
            seen=seen,
            probability=probability,
            clicked=clicked,
            dwell=np.where(clicked, world.clicks.dwell_drawn(user, shown.item, at, spread), np.nan),
            external=self._external.received(self.hour),
        )
