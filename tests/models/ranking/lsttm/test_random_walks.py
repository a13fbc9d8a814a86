"""Walks go along edges only; neighbours and noise are drawn from what is there."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from models.ranking.features.event_log import HOUR_MS
from models.ranking.lsttm import random_walks as random_walks_module
from models.ranking.lsttm.random_walks import (
    ClickGraph,
    Clicks,
    Neighbourhoods,
    NoiseDistribution,
    Sampling,
    random_walks,
)
from tests.models.ranking.lsttm.logs import random_log


def edges(seed: int = 0) -> tuple[ClickGraph, list[tuple[int, int, int]]]:
    """A graph and its clicks (user node, item node, time), listed by hand."""
    log = random_log(seed, users=20, items=25)
    e, x = log.exposures, log.external
    clicks = [(int(e.user[i]), 20 + int(e.item[i]), int(e.shown_at[i])) for i in np.flatnonzero(e.clicked)]
    clicks += [(int(u), 20 + int(i), int(t)) for u, i, t in zip(x.user, x.item, x.occurred_at, strict=True)]
    return ClickGraph.of(Clicks.of(log)), clicks


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_every_click_is_an_edge_in_both_directions() -> None:
    graph, clicks = edges()
    sources = torch.repeat_interleave(torch.arange(45), graph.degrees)
    found = sorted(zip(sources.tolist(), graph.targets.tolist(), graph.times.tolist(), strict=True))
    assert found == sorted([(u, i, t) for u, i, t in clicks] + [(i, u, t) for u, i, t in clicks])


def test_walks_only_along_edges() -> None:
    graph, clicks = edges()
    origins = (graph.degrees > 0).nonzero().squeeze(1).repeat(20)
    paths = random_walks(graph, origins, 10, generator())
    assert paths.shape == (len(origins), 11)
    assert torch.equal(paths[:, 0], origins)
    there = {(u, i) for u, i, _ in clicks} | {(i, u) for u, i, _ in clicks}
    walked = {pair for path in paths.tolist() for pair in pairwise(path)}
    assert walked <= there
    assert len(walked) > 0.95 * len(there)  # and every edge gets its turn


def test_a_hop_is_as_likely_as_its_clicks() -> None:
    log = random_log(0, users=1, items=2, external=0, exposures=4)
    clicks = replace(log.exposures, clicked=np.ones(4, bool), item=np.array([0, 1, 1, 1]))
    graph = ClickGraph.of(Clicks.of(replace(log, exposures=clicks)))
    paths = random_walks(graph, torch.zeros(4000, dtype=torch.int64), 1, generator())
    assert abs((paths[:, 1] == 2).double().mean() - 0.75) < 0.03


@pytest.mark.parametrize("sampling", ["uniform", "recency", "frequency"])
def test_neighbours_are_distinct_and_connected(sampling: Sampling) -> None:
    graph, clicks = edges(1)
    there: dict[int, set[int]] = {}
    for u, i, _ in clicks:
        there.setdefault(u, set()).add(i)
        there.setdefault(i, set()).add(u)
    order = Neighbourhoods.of(graph, sampling, generator())
    some = torch.tensor([*range(45), 3, 3])
    neighbours, mask = order.draw(some, 4, generator())
    for node, row, known in zip(some.tolist(), neighbours, mask, strict=True):
        drawn = row[known].tolist()
        assert len(set(drawn)) == len(drawn) == min(4, len(there.get(node, ())))
        assert set(drawn) <= there.get(node, set())
    again = Neighbourhoods.of(graph, sampling, generator(1)).draw(some, 4, generator())
    assert not torch.equal(neighbours, again.neighbours)


def test_uniform_draws_are_new_each_time_and_all_alike() -> None:
    graph, clicks = edges(1)
    order = Neighbourhoods.of(graph, "uniform", generator())
    node = int(torch.bincount(torch.tensor([u for u, _, _ in clicks])).argmax())
    of_node = {i for u, i, _ in clicks if u == node}
    drawn, mask = order.draw(torch.full((6000,), node), 3, generator())
    assert mask.all()
    share = torch.bincount(drawn.flatten(), minlength=45).double() / 6000
    assert set(share.nonzero().flatten().tolist()) == of_node
    assert (share[sorted(of_node)] - 3 / len(of_node)).abs().max() < 0.03


def test_importance_decides_which_neighbours() -> None:
    """One user; item 0 was clicked 50 times long ago, item 1 once just now, eight others once in between."""
    log = random_log(0, users=1, items=10, external=0, exposures=59)
    item = np.array([0] * 50 + list(range(2, 10)) + [1])
    time = np.array([0] * 50 + [100 * HOUR_MS] * 8 + [500 * HOUR_MS])
    clicks = replace(log.exposures, clicked=np.ones(59, bool), item=item, shown_at=time)
    graph = ClickGraph.of(Clicks.of(replace(log, exposures=clicks)))
    share = {}
    for sampling in ("uniform", "recency", "frequency"):
        orders = (Neighbourhoods.of(graph, sampling, generator(seed)) for seed in range(300))
        draws = torch.stack([order.draw(torch.tensor([0]), 1, None).neighbours[0, 0] for order in orders]) - 1
        share[sampling] = [(draws == i).double().mean().item() for i in range(10)]
    assert abs(share["uniform"][0] - 0.1) < 0.06
    assert abs(share["frequency"][0] - 50 / 59) < 0.07
    assert share["recency"][1] > 0.95


@pytest.mark.parametrize("sampling", ["uniform", "recency", "frequency"])
def test_an_order_put_together_in_stretches_has_every_neighbour_once(
    sampling: Sampling, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph, clicks = edges(2)
    graph = replace(graph, users=20, items=28, starts=F.pad(graph.starts, (0, 3), value=len(graph.targets)))
    pairs = {(u, i) for u, i, _ in clicks} | {(i, u) for u, i, _ in clicks}
    for size in (1, 7, len(graph.targets), 10**6):
        monkeypatch.setattr(random_walks_module, "EDGES_AT_A_TIME", size)
        order = Neighbourhoods.of(graph, sampling, generator())
        assert len(order.starts) == 49
        sources = torch.repeat_interleave(torch.arange(48), order.starts.diff())
        assert len(sources) == len(pairs)
        assert set(zip(sources.tolist(), order.targets.tolist(), strict=True)) == pairs


def test_without_times_the_graph_is_the_same() -> None:
    clicks = Clicks.of(random_log(4))
    timed, untimed = ClickGraph.of(clicks), ClickGraph.of(clicks, timed=False)
    assert torch.equal(timed.starts, untimed.starts) and torch.equal(timed.targets, untimed.targets)
    assert untimed.targets.dtype == torch.int32 and not len(untimed.times)


def test_noise_follows_degree_to_the_power() -> None:
    degrees = torch.tensor([0, 16, 0, 81, 1, 0])
    distribution = NoiseDistribution(degrees, 0.75)
    drawn = distribution.draw(60_000, generator())
    share = torch.bincount(drawn, minlength=6).double() / 60_000
    expected = torch.tensor([0, 8, 0, 27, 1, 0]).double() / 36
    assert (share - expected).abs().max() < 0.01
    assert share[[0, 2, 5]].sum() == 0
    torch.testing.assert_close(distribution.probability(torch.arange(6)), expected)
