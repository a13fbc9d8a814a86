"""The graph of all clicks, walks along its edges, and what is drawn from it (paper 3.3 and 3.5.2).

Nodes are numbered together: user u is node u, item i is node U + i. Every click of every application is an
edge, walked in both directions; clicking twice makes two edges. What is drawn is drawn for the nodes that ask
for it, so that a step costs the same in a graph of any size.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from models.ranking.features.event_log import HOUR_MS, EventLog

Sampling = Literal["uniform", "recency", "frequency"]


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
        users, items = clicks.users, clicks.items
        user, item = clicks.user.astype(np.int64), clicks.item.astype(np.int64)
        sides = [_side(user, item, items, clicks.time, timed), _side(item, user, users, clicks.time, timed)]
        targets = [sides[0][1] + np.int32(users), sides[1][1]]
        starts = np.zeros(users + items + 1, np.int64)
        for (sources, _, _), part in zip(sides, (starts[1 : users + 1], starts[users + 1 :]), strict=True):
            part[:] = np.bincount(sources, minlength=len(part))
        times = [side[2] for side in sides]
        return cls(
            users,
            items,
            torch.from_numpy(np.cumsum(starts)),
            torch.from_numpy(np.concatenate(targets)),
            torch.from_numpy(np.concatenate(times)),
        )

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
    source: np.ndarray, target: np.ndarray, size: int, time: np.ndarray, timed: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Edges in order of (source, target): sources int32, targets int32, times (empty if not wanted)."""
    keys = source * size + target
    if timed:
        order = np.argsort(keys, kind="stable")
        keys, time = keys[order], np.asarray(time, np.int64)[order]
    else:
        keys, time = np.sort(keys), np.empty(0, np.int64)
    return (keys // max(size, 1)).astype(np.int32), (keys % max(size, 1)).astype(np.int32), time


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
        device, nodes = graph.starts.device, graph.users + graph.items
        sources = torch.repeat_interleave(
            torch.arange(nodes, device=device, dtype=torch.int32), graph.degrees
        )
        new = torch.ones(len(sources), dtype=torch.bool, device=device)
        new[1:] = (sources[1:] != sources[:-1]) | (graph.targets[1:] != graph.targets[:-1])
        source = sources[new]
        rank = torch.rand(len(source), generator=generator, dtype=torch.float64, device=device)
        if sampling != "uniform":
            score = -torch.log(-torch.log(rank.clamp_min(1e-300))) + _log_weight(
                graph, sampling, torch.cumsum(new, 0) - 1, half_life_hours
            )
            by_score = torch.argsort(score, descending=True)
            rank[by_score] = torch.linspace(0, 1 - 1e-12, len(score), dtype=torch.float64, device=device)
        starts = torch.zeros(nodes + 1, dtype=torch.int64, device=device)
        torch.cumsum(torch.bincount(source, minlength=nodes), 0, out=starts[1:])
        # Below 1, so that rounding moves none to the next node.
        order = torch.argsort(source + 0.999 * rank)
        return cls(starts, graph.targets[new][order], sampling)

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


def _log_weight(graph: ClickGraph, sampling: Sampling, pair: Tensor, half_life_hours: float) -> Tensor:
    """Of each distinct neighbour, float64 [D]; `pair` int64 [E] says which one an edge leads to."""
    if sampling == "frequency":
        return torch.bincount(pair).double().log()
    latest = graph.times.new_zeros(int(pair[-1]) + 1 if len(pair) else 0)
    latest.scatter_reduce_(0, pair, graph.times, "amax", include_self=False)
    return (latest - latest.max()) / (half_life_hours * HOUR_MS) * np.log(2.0) if len(latest) else latest
