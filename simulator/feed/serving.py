"""The simulated world, asked interactively: what a ranker is asked for, and how accounts react to its answer.

Accounts open the feed when they would have done so anyway. An impression's candidates are what the logging
policy would draw for it in its own run of the world, so that every ranker gets the same requests, and two
rankers never disturb each other; its own exposures are the first of them. Chance is fixed by the question:
whoever shows an item in an impression meets the same draw.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from simulator.feed.exposures import NOBODY, Impressions, Memory, Shown
from simulator.feed.external import External
from simulator.feed.randomness import hashed_normal, hashed_uniform
from simulator.feed.world import SLOT_BITS, SimulatedHour, World, WorldRun

_CLICK, _DWELL, _EXPLORE, _WHICH = range(4)  # what a hashed number decides
_ITEM_BITS = 32


@dataclass(frozen=True)
class Requests:
    """What a ranker is asked for in an hour, in order of time."""

    hour: int  #: hours since the first day's start
    impression: np.ndarray  #: int64 [M], numbers, the same for whoever serves them
    opened: Impressions
    slots: np.ndarray  #: int64 [M], how many items to show
    item: np.ndarray  #: int64 [M, N] candidates, alive at the time; NOBODY where there are fewer
    external: External  #: received in this hour, of all accounts

    def __len__(self) -> int:
        return len(self.impression)

    def rows(self, rows: np.ndarray) -> Requests:
        """Those of some impressions, by mask; external clicks stay whole."""
        opened = self.opened
        return replace(
            self,
            impression=self.impression[rows],
            opened=Impressions(opened.user[rows], opened.at[rows], opened.device[rows], opened.number[rows]),
            slots=self.slots[rows],
            item=self.item[rows],
        )


class Serving:
    """A world in which others may rank: its log so far, then its requests hour by hour."""

    def __init__(self, world: World, candidates: int) -> None:
        """Args: candidates: items recalled for an impression, no fewer than the longest one shows.

        Raises:
            ValueError: fewer candidates than places.
        """
        if candidates < world.settings.policy.most_slots:
            raise ValueError(
                f"{candidates} candidates cannot fill {world.settings.policy.most_slots} places: ask for more"
            )
        self.world, self.candidates = world, candidates
        self._play = WorldRun(world)

    def log(self, until: int) -> list[SimulatedHour]:
        """The hours from the first day up to hour `until`, shown by the logging policy."""
        played = []
        while self._play.hour < until:
            played.append(self._play.next(self.world.settings.policy.most_slots).played)
        return [hour for hour in played if hour.hour >= 0]

    def next(self) -> Requests:
        """The requests of the next hour."""
        step = self._play.next(self.candidates)
        return Requests(
            hour=step.played.hour,
            impression=step.first_impression + np.arange(len(step.impressions)),
            opened=step.impressions,
            slots=step.recalled.slots,
            item=step.recalled.item,
            external=step.played.external,
        )

    def audience(self) -> SimulatedReaders:
        """Accounts that remember what they were shown until now: take each ranker's own before `next`."""
        return SimulatedReaders(self.world, self._play.memory.copy())


class SimulatedReaders:
    """The accounts as one ranker meets them: they remember what *it* has shown them."""

    def __init__(self, world: World, memory: Memory) -> None:
        self._world, self._memory = world, memory

    def probability(self, requests: Requests) -> np.ndarray:
        """True click probability of every candidate at the first position, float64 [M, N]; 0 for NOBODY."""
        opened, candidate = requests.opened, requests.item >= 0
        item = np.where(candidate, requests.item, 0)
        user = np.broadcast_to(opened.user[:, None], item.shape)
        chance = self._world.clicks.probability(
            user,
            item,
            opened.at[:, None],
            device=opened.device[:, None],
            seen=self._memory.seen(user.ravel(), item.ravel()).reshape(item.shape),
        )
        return np.where(candidate, chance, 0.0)

    def react(self, requests: Requests, shown: Shown) -> SimulatedHour:
        """Clicks and dwell on what was shown (`shown.impression`: rows of `requests`); it is remembered."""
        opened, rows, clicks = requests.opened, shown.impression, self._world.clicks
        user, at, device = opened.user[rows], opened.at[rows], opened.device[rows]
        number, seed = requests.impression[rows], self._world.settings.seed
        seen = self._memory.seen(user, shown.item)
        chance = clicks.probability(user, shown.item, at, position=shown.position, device=device, seen=seen)
        clicked = hashed_uniform(seed, number, shown.item, _CLICK) < chance
        normal = hashed_normal(seed, number, shown.item, _DWELL)
        played = SimulatedHour(
            hour=requests.hour,
            exposure=(number << SLOT_BITS) + shown.position - 1,
            user=user,
            item=shown.item,
            at=at,
            device=device,
            number=opened.number[rows],
            position=shown.position,
            seen=seen,
            probability=chance,
            clicked=clicked,
            dwell=np.where(clicked, clicks.dwell_drawn(user, shown.item, at, normal), np.nan),
            external=requests.external,
        )
        self.remember(played)
        return played

    def remember(self, played: SimulatedHour) -> None:
        """Take in an hour that was shown to them before: for going on where a killed run was."""
        self._memory.remember(played.user, played.item, played.clicked, played.hour)


def best_first(requests: Requests, scores: np.ndarray, *, explore: float = 0.0, seed: int = 0) -> Shown:
    """Fill the places of each impression with its best candidates.

    An account sees an item once an hour at most, whatever the scores: a feed does not repeat itself at once.

    Args:
        scores: float64 [M, N] of the candidates; equal ones stay in the order of recall.
        explore: share of places filled with a random one of the candidates left over.
        seed: decides, with the impression's number, which places and candidates these are.
    """
    turn = _turns(requests.opened.user)
    parts, before = [], np.zeros(0, dtype=np.int64)
    for number in range(int(turn.max(initial=-1)) + 1):
        rows = np.flatnonzero(turn == number)
        item = requests.item[rows]
        pairs = (requests.opened.user[rows, None] << _ITEM_BITS) | item
        free = (item != NOBODY) & ~np.isin(pairs, before)
        order = _ordered(
            scores[rows], free, requests.slots[rows], requests.impression[rows], item, explore, seed
        )
        chosen = np.take_along_axis(item, np.maximum(order, 0), axis=1)
        row, slot = np.nonzero(order >= 0)
        parts.append((rows[row], chosen[row, slot], slot + 1))
        before = np.concatenate([before, np.take_along_axis(pairs, np.maximum(order, 0), axis=1)[row, slot]])
    if not parts:
        return Shown(before, before, before)
    row, items, position = (np.concatenate(column) for column in zip(*parts, strict=True))
    by_time = np.lexsort((position, row))
    return Shown(row[by_time], items[by_time], position[by_time])


def _turns(user: np.ndarray) -> np.ndarray:
    """How many earlier rows have the same user, int64 [M]."""
    order = np.argsort(user, kind="stable")
    ranked = user[order]
    turn = np.empty(len(user), dtype=np.int64)
    turn[order] = np.arange(len(user)) - np.searchsorted(ranked, ranked)
    return turn


def _ordered(
    scores: np.ndarray,
    free: np.ndarray,
    slots: np.ndarray,
    impression: np.ndarray,
    item: np.ndarray,
    explore: float,
    seed: int,
) -> np.ndarray:
    """Column of the candidate in each slot, int64 [m, N]; −1 in slots that stay empty."""
    width = scores.shape[1]
    places = np.arange(width)
    filled = places < np.minimum(slots, free.sum(axis=1))[:, None]
    explored = filled & (hashed_uniform(seed, impression[:, None], places, _EXPLORE) < explore)
    greedy = filled.sum(axis=1) - explored.sum(axis=1)
    ranked = np.argsort(np.where(free, -scores, np.inf), axis=1, kind="stable")
    draw = 1 + hashed_uniform(seed, impression[:, None], np.take_along_axis(item, ranked, axis=1), _WHICH)
    draw = np.where(np.take_along_axis(free, ranked, axis=1), draw, np.inf)
    # The greedy ones keep their rank; behind them the rest, in random order.
    key = np.where(places < greedy[:, None], places / width, draw)
    queue = np.take_along_axis(ranked, np.argsort(key, axis=1, kind="stable"), axis=1)
    at = np.where(
        explored, greedy[:, None] + np.cumsum(explored, axis=1), np.cumsum(filled & ~explored, axis=1)
    )
    return np.where(filled, np.take_along_axis(queue, np.maximum(at - 1, 0), axis=1), -1)
