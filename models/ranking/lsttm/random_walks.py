"""The graph of all clicks, walks along its edges, and what is drawn from it (paper 3.3 and 3.5.2).

Nodes are numbered together: user u is node u, item i is node U + i. Every click of every application is an
edge, walked in both directions; clicking twice makes two edges. What is drawn is drawn for the nodes that ask
for it, so that a step costs the same in a graph of any size.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from models.ranking.features.event_log import HOUR_MS, EventLog

Sampling = Literal["uniform", "recency", "frequency"]
EDGES_AT_A_TIME = 2**22  #: put in order together, so that a large graph takes little memory beside itself


@dataclass(frozen=True)
class Clicks:
    """C clicks of any application, in any order."""

    user: np.ndarray  #: integer [C]
    item: np.ndarray  #: integer [C]
    time: np.ndarray  #: int64 [C], ms: when each happened; empty where nobody asks for it
    users: int  #: U, how many users there are, with or without a click
    items: int  #: I

    @classmethod
    def of(cls, log: EventLog) -> Clicks:
        """All internal and external clicks of a log, as far as it had received them."""
        e, x = log.exposures, log.external
        clicked = np.asarray(e.clicked, dtype=bool)
        user = np.concatenate([e.user[clicked], x.user])
        item = np.concatenate([e.item[clicked], x.item])
        time = np.concatenate([e.shown_at[clicked], x.occurred_at])
        described = (int(entities.index.max(initial=-1)) + 1 for entities in (log.users, log.items))
        return cls.counted(user, item, time, *described)

    @classmethod
    def counted(cls, user: np.ndarray, item: np.ndarray, time: np.ndarray, users: int, items: int) -> Clicks:
        """Args: clicks; how many users and items there are at least: as many as are described."""
        sizes = (max(least, int(of.max(initial=-1)) + 1) for least, of in ((users, user), (items, item)))
        return cls(user, item, time, *sizes)

    def with_at_least(self, users: int, items: int) -> Clicks:
        """The same clicks among at least so many users and items."""
        return replace(self, users=max(self.users, users), items=max(self.items, items))


@dataclass(frozen=True)
class ClickGraph:
    """E directed edges in order of (source, target); every click stands in both directions."""

    users: int  #: U
    items: int  #: I
    starts: Tensor  #: int64 [U + I + 1], where each node's edges begin
    targets: Tensor  #: int32 [E]
    times: Tensor  #: int64 [E], ms: when the click happened; empty if nobody asks for it

    @classmethod
    def of(cls, clicks: Clicks, *, timed: bool = True) -> ClickGraph:
        """Args: clicks; whether times are wanted: without them the graph takes a third of the memory."""
        users, items, time = clicks.users, clicks.items, clicks.time
        forth = _side(clicks.user, clicks.item, (users, items), time, timed)
        back = _side(clicks.item, clicks.user, (items, users), time, timed)
        forth[1][:] += np.int32(users)
        back[0][:] += len(clicks.user)
        parts = (np.concatenate(pair) for pair in zip((forth[0][:-1], *forth[1:]), back, strict=True))
        return cls(users, items, *(torch.from_numpy(part) for part in parts))

    @property
    def degrees(self) -> Tensor:
        """Edges of each node, int64 [U + I]."""
        return self.starts[1:] - self.starts[:-1]

    def to(self, device: torch.device | str) -> ClickGraph:
        """The same graph on another device."""
        return replace(
            self, starts=self.starts.to(device), targets=self.targets.to(device), times=self.times.to(device)
        )


def _side(
    source: np.ndarray, target: np.ndarray, sizes: tuple[int, int], time: np.ndarray, timed: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Edges in order of (source, target): where each source's begin, targets, times (empty if not wanted)."""
    keys = source.astype(np.int64)
    keys *= sizes[1]
    keys += target
    if timed:
        order = np.argsort(keys, kind="stable")
        keys, time = keys[order], np.asarray(time, np.int64)[order]
    else:
        keys.sort()
        time = np.empty(0, np.int64)
    starts = np.searchsorted(keys, np.arange(sizes[0] + 1) * sizes[1])
    keys %= max(sizes[1], 1)
    return starts, keys.astype(np.int32), time


def random_walks(graph: ClickGraph, origins: Tensor, hops: int, generator: torch.Generator) -> Tensor:
    """Walk from every origin at once, each hop along a random edge (DeepWalk): int64 [W] → [W, hops + 1].

    Every origin must have an edge; as edges go both ways, no walk then comes to an end.
    """
    path = origins.new_empty(len(origins), hops + 1)
    path[:, 0] = origins
    for hop in range(hops):
        here = path[:, hop]
        first = graph.starts[here]
        draw = torch.rand(len(here), generator=generator, dtype=torch.float64, device=here.device)
        path[:, hop + 1] = graph.targets[first + (draw * (graph.starts[here + 1] - first)).long()]
    return path


class NoiseDistribution:
    """Nodes drawn in proportion to degree^power; 0.75 is word2vec's choice **(ours)**."""

    def __init__(self, degrees: Tensor, power: float = 0.75) -> None:
        self._cumulative = torch.cumsum(degrees.double().pow(power) * (degrees > 0), 0)

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        """N nodes, int64 [n]; never one without edges."""
        total = self._cumulative[-1]
        draw = torch.rand(n, generator=generator, dtype=torch.float64, device=total.device) * total
        return torch.searchsorted(self._cumulative, draw, right=True)

    def probability(self, nodes: Tensor) -> Tensor:
        """Of drawing each of these nodes int64 [...], float64 of the same shape."""
        below = torch.where(nodes > 0, self._cumulative[nodes - 1], 0.0)
        return (self._cumulative[nodes] - below) / self._cumulative[-1]


class StepNoise(NamedTuple):
    """The noise nodes of one step's P paths, S each, drawn from a pool that they share."""

    pool: Tensor  #: int64 [M] nodes
    drawn: Tensor  #: int64 [P, S] → M

    @classmethod
    def draw(
        cls,
        distribution: NoiseDistribution,
        paths: int,
        of_each: int,
        pool: int | None,
        generator: torch.Generator,
    ) -> StepNoise:
        """A path draws from the pool with replacement; a pool of None is one node for every draw."""
        size = paths * of_each if pool is None or not of_each else min(pool, paths * of_each)
        nodes = distribution.draw(size, generator)
        if size == paths * of_each:
            return cls(nodes, torch.arange(size, device=nodes.device).view(paths, of_each))
        return cls(nodes, torch.randint(size, (paths, of_each), generator=generator, device=nodes.device))


class Sample(NamedTuple):
    """Up to k neighbours of each of N nodes."""

    neighbours: Tensor  #: int64 [N, k] node numbers, 0 where padded
    mask: Tensor  #: bool [N, k]


@dataclass(frozen=True)
class Neighbourhoods:
    """Every node's distinct neighbours in an order drawn at random, the more important the earlier.

    The paper leaves the importance open (3.3: 'randomly sampled or selected via certain importances');
    **ours**: all distinct neighbours alike (`uniform`), in proportion to the number of clicks (`frequency`),
    or with a weight that halves every `half_life_hours` since the latest click (`recency`). Weighted orders
    are those of log weight + Gumbel noise, so that one sort serves all nodes and a node's first k neighbours
    are a weighted draw without replacement.
    """

    starts: Tensor  #: int64 [U + I + 1], where each node's distinct neighbours begin
    targets: Tensor  #: int32 [D]
    sampling: Sampling

    @classmethod
    def of(
        cls, graph: ClickGraph, sampling: Sampling, generator: torch.Generator, half_life_hours: float = 24.0
    ) -> Neighbourhoods:
        """Draw an order of each node's neighbours; for `recency` the graph must know its times."""
        latest = graph.times.max() if sampling == "recency" and len(graph.times) else None
        counts, targets = [graph.starts.new_zeros(1)], [graph.targets[:0]]
        for nodes in _stretches(graph.starts):
            first, last = graph.starts[nodes.start], graph.starts[nodes.stop]
            degrees = graph.starts[nodes.start + 1 : nodes.stop + 1] - graph.starts[nodes.start : nodes.stop]
            source = torch.repeat_interleave(torch.arange(len(nodes), device=degrees.device), degrees)
            edges, times = graph.targets[first:last], graph.times[first:last]
            new = torch.ones(len(edges), dtype=torch.bool, device=degrees.device)
            new[1:] = (source[1:] != source[:-1]) | (edges[1:] != edges[:-1])
            distinct = source[new]
            score = torch.rand(len(distinct), generator=generator, dtype=torch.float64, device=degrees.device)
            if sampling != "uniform":
                pair = torch.cumsum(new, 0) - 1
                if latest is None:
                    weight = torch.bincount(pair).double().log()
                else:
                    weight = _hours_before(latest, pair, times, len(score)) * (-math.log(2) / half_life_hours)
                score = weight - torch.log(-torch.log(score.clamp_min(1e-300)))
            by_score = torch.argsort(score, descending=True)
            order = by_score[torch.argsort(distinct[by_score], stable=True)]
            counts.append(torch.bincount(distinct, minlength=len(nodes)))
            targets.append(edges[new][order])
        return cls(torch.cumsum(torch.cat(counts), 0), torch.cat(targets), sampling)

    def draw(self, nodes: Tensor, k: int, generator: torch.Generator | None) -> Sample:
        """Up to k distinct neighbours of each node, int64 [N], without replacement.

        Uniform draws are k neighbours in a row from a random one on, around the drawn order; without a
        generator, and always where importance counts, they are its first k.
        """
        first = self.starts[nodes]
        degree = self.starts[nodes + 1] - first
        at = torch.arange(k, device=nodes.device).unsqueeze(0)
        mask = at < degree.unsqueeze(1)
        if generator is not None and self.sampling == "uniform":
            draw = torch.rand(len(nodes), generator=generator, device=nodes.device)
            turned = at + (draw * degree).long().clamp_max(degree - 1).unsqueeze(1)
            at = torch.where(turned < degree.unsqueeze(1), turned, turned - degree.unsqueeze(1))
        neighbours = self.targets[torch.where(mask, first.unsqueeze(1) + at, 0)].long()
        return Sample(neighbours * mask, mask)


def _stretches(starts: Tensor) -> Iterator[range]:
    """All nodes, in rows of some `EDGES_AT_A_TIME` edges together, or of one node with more."""
    nodes, edges, at = len(starts) - 1, int(starts[-1]), 0
    bounds = torch.arange(EDGES_AT_A_TIME, max(edges, EDGES_AT_A_TIME), EDGES_AT_A_TIME, device=starts.device)
    for end in [*torch.searchsorted(starts, bounds).tolist(), nodes]:
        if end > at:
            yield range(at, end)
            at = end


def _hours_before(latest: Tensor, pair: Tensor, times: Tensor, size: int) -> Tensor:
    """From the latest click of each of D = `size` distinct neighbours to the latest of all, float64 [D].

    `pair` int64 [E] says which distinct neighbour an edge leads to.
    """
    own = times.new_zeros(size).scatter_reduce_(0, pair, times, "amax", include_self=False)
    return (latest - own) / HOUR_MS
