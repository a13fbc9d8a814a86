"""The graph of all clicks, walks along its edges, and what is drawn from it (paper 3.3 and 3.5.2).

Nodes are numbered together: user u is node u, item i is node U + i. Every click of every application is an
edge, walked in both directions; clicking twice makes two edges.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from models.ranking.features.event_log import HOUR_MS, EventLog


@dataclass(frozen=True)
class ClickGraph:
    """E directed edges in order of (source, target); every click stands in both directions."""

    users: int  #: U
    items: int  #: I
    starts: Tensor  #: int64 [U + I + 1], where each node's edges begin
    targets: Tensor  #: int64 [E]
    times: Tensor  #: int64 [E], ms: when the click happened

    @classmethod
    def of(cls, log: EventLog) -> ClickGraph:
        """All internal and external clicks of a log, as far as it had received them."""
        e, x = log.exposures, log.external
        clicked = np.asarray(e.clicked, dtype=bool)
        user = torch.from_numpy(np.concatenate([e.user[clicked], x.user]))
        item = torch.from_numpy(np.concatenate([e.item[clicked], x.item]))
        time = torch.from_numpy(np.concatenate([e.shown_at[clicked], x.occurred_at]))
        users = _count(log.users.index, user)
        items = _count(log.items.index, item)
        sources, targets = torch.cat([user, item + users]), torch.cat([item + users, user])
        order = torch.argsort(sources * (users + items) + targets, stable=True)
        starts = torch.searchsorted(sources[order], torch.arange(users + items + 1))
        return cls(users, items, starts, targets[order], torch.cat([time, time])[order])

    @property
    def degrees(self) -> Tensor:
        """Edges of each node, int64 [U + I]."""
        return self.starts[1:] - self.starts[:-1]

    def to(self, device: torch.device | str) -> ClickGraph:
        """The same graph on another device."""
        return replace(
            self, starts=self.starts.to(device), targets=self.targets.to(device), times=self.times.to(device)
        )


def random_walks(graph: ClickGraph, origins: Tensor, hops: int, generator: torch.Generator) -> Tensor:
    """Walk from every origin at once, each hop along a random edge (DeepWalk): int64 [W] → [W, hops + 1].

    Every origin must have an edge; as edges go both ways, no walk then comes to an end.
    """
    path = origins.new_empty(len(origins), hops + 1)
    path[:, 0] = origins
    degrees = graph.degrees
    for hop in range(hops):
        here = path[:, hop]
        draw = torch.rand(len(here), generator=generator, dtype=torch.float64, device=here.device)
        step = (draw * degrees[here]).long()
        path[:, hop + 1] = graph.targets[graph.starts[here] + step]
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


def draw_neighbours(
    graph: ClickGraph,
    k: int,
    sampling: Literal["uniform", "recency", "frequency"],
    generator: torch.Generator,
    half_life_hours: float = 24.0,
) -> tuple[Tensor, Tensor]:
    """Up to k distinct neighbours of every node, without replacement.

    The paper leaves the importance open (3.3: 'randomly sampled or selected via certain importances');
    **ours**: all distinct neighbours alike (`uniform`), in proportion to the number of clicks (`frequency`),
    or with a weight that halves every `half_life_hours` since the latest click (`recency`). Weighted draws
    are the k greatest of log weight + Gumbel noise, so that one sort serves all nodes.

    Returns:
        int64 [U + I, k], node numbers, 0 where padded; and the mask, bool [U + I, k].
    """
    nodes = graph.users + graph.items
    sources = torch.repeat_interleave(torch.arange(nodes, device=graph.starts.device), graph.degrees)
    pairs, inverse, counts = torch.unique_consecutive(
        sources * nodes + graph.targets, return_inverse=True, return_counts=True
    )
    sources, targets = torch.div(pairs, nodes, rounding_mode="floor"), pairs % nodes
    uniform = torch.rand(len(pairs), generator=generator, dtype=torch.float64, device=pairs.device)
    score = -torch.log(-torch.log(uniform.clamp_min(1e-300)))
    if sampling == "frequency":
        score += counts.double().log()
    elif sampling == "recency":
        latest = torch.zeros_like(pairs).scatter_reduce(0, inverse, graph.times, "amax", include_self=False)
        score += (latest - latest.max()) / (half_life_hours * HOUR_MS) * np.log(2.0)
    by_score = torch.argsort(score, descending=True)
    order = by_score[torch.argsort(sources[by_score], stable=True)]
    sources, targets = sources[order], targets[order]
    first = torch.searchsorted(sources, torch.arange(nodes, device=sources.device))
    slot = torch.arange(len(sources), device=sources.device) - first[sources]
    chosen = slot < k
    neighbours = sources.new_zeros(nodes, k)
    mask = torch.zeros(nodes, k, dtype=torch.bool, device=sources.device)
    neighbours[sources[chosen], slot[chosen]] = targets[chosen]
    mask[sources[chosen], slot[chosen]] = True
    return neighbours, mask


def _count(known: np.ndarray, seen: Tensor) -> int:
    return max(int(known.max()) + 1 if len(known) else 0, int(seen.max()) + 1 if len(seen) else 0)
