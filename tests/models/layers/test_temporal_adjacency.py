"""Must hold 2: temporal adjacency is brute force, only faster."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.layers.temporal_adjacency import TemporalAdjacency
from models.layers.time_sorted import TimeSorted

DEVICES = [
    "cpu",
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")),
]

# Few nodes and few instants, so that ties, empty nodes and appended past events happen all the time.
event = st.tuples(st.integers(0, 4), st.integers(0, 12))
chunks = st.lists(st.lists(event, max_size=12), min_size=1, max_size=4)
queries = st.lists(st.tuples(st.integers(-1, 6), st.integers(-2, 15)), min_size=1, max_size=10)


def columns(events: list[tuple[int, int]], start: int) -> tuple[torch.Tensor, torch.Tensor, dict]:
    node, time = (np.array(column) for column in zip(*events, strict=True)) if events else (np.zeros(0),) * 2
    payload = {"number": torch.arange(start, start + len(events))}
    return torch.as_tensor(node, dtype=torch.int64), torch.as_tensor(time, dtype=torch.int64), payload


def build(parts: list[list[tuple[int, int]]], device: str) -> TemporalAdjacency:
    adjacency, start = None, 0
    for part in parts:
        nodes, times, payload = columns(part, start)
        start += len(part)
        if adjacency is None:
            adjacency = TemporalAdjacency.build(nodes, times, payload).to(device)
        else:
            adjacency.append(
                nodes.to(device), times.to(device), {n: c.to(device) for n, c in payload.items()}
            )
    return adjacency


def check(adjacency: TemporalAdjacency, parts: list, asked: list, k: int) -> None:
    events = [(node, time, number) for number, (node, time) in enumerate(chain(*parts))]
    node, until = (torch.tensor(column, device=adjacency.device) for column in zip(*asked, strict=True))
    latest = adjacency.neighbours(node, until, k)
    mask, numbers, when = latest.mask, adjacency.gather("number", latest), adjacency.times(latest)
    for row, (n, t) in enumerate(asked):
        expected = sorted((e for e in events if e[0] == n and e[1] < t), key=lambda e: (e[1], e[2]))[-k:]
        assert numbers[row][mask[row]].tolist() == [e[2] for e in expected]
        assert when[row][mask[row]].tolist() == [e[1] for e in expected]
        assert mask[row].tolist() == [False] * (k - len(expected)) + [True] * len(expected)


@pytest.mark.parametrize("device", DEVICES)
@settings(max_examples=120, deadline=None)
@given(parts=chunks, asked=queries, k=st.integers(1, 5))
def test_equals_brute_force(device: str, parts: list, asked: list, k: int) -> None:
    check(build(parts, device), parts, asked, k)


@settings(max_examples=40, deadline=None)
@given(parts=chunks, asked=queries)
def test_appended_hours_in_time_order_equal_brute_force(parts: list, asked: list) -> None:
    """The usual case, which takes the path without a sort: each hour is no older than what came before."""
    parts = [[(n, t + 13 * hour) for n, t in part] for hour, part in enumerate(parts)]
    asked = [(n, t * len(parts)) for n, t in asked]
    check(build(parts, "cpu"), parts, asked, 3)


def test_an_hour_does_not_see_its_own_events() -> None:
    hour = 1_700_002_800_000
    nodes = torch.zeros(3, dtype=torch.int64)
    times = torch.tensor([hour - 1, hour, hour + 5])
    adjacency = TemporalAdjacency.build(nodes, times, {"number": torch.arange(3)})
    found = adjacency.neighbours(torch.tensor([[0]]), torch.tensor([[hour]]), 30)
    assert found.mask.shape == (1, 1, 30)
    assert adjacency.gather("number", found)[found.mask].tolist() == [0]


@pytest.mark.parametrize("mmap", [True, False])
@pytest.mark.parametrize("parts", [[[(0, 3), (2, 1)], [(0, 2)]], [[], [(1, 1)]], [[], []]])
def test_saved_and_loaded_again(tmp_path: Path, parts: list, mmap: bool) -> None:
    adjacency = build(parts, "cpu")
    adjacency.save(tmp_path / "a")
    adjacency.save(tmp_path / "a")  # replaces the former
    loaded = TemporalAdjacency.load(tmp_path / "a", mmap=mmap)
    asked = [(n, t) for n in range(4) for t in (0, 2, 3, 9)]
    check(loaded, parts, asked, 2)
    loaded.append(*columns([(1, 2)], sum(map(len, parts))))
    check(loaded, [*parts, [(1, 2)]], asked, 2)
    check(TemporalAdjacency.load(tmp_path / "a"), parts, asked, 2)  # the file itself never changed
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_appending_leaves_the_base_alone() -> None:
    adjacency = build([[(0, 1)] * 50], "cpu")
    base = adjacency.base
    adjacency.append(*columns([(0, 2)], 50))
    assert adjacency.base is base
    assert len(adjacency.delta) == 1


def test_errors_say_what_is_wrong() -> None:
    one = torch.zeros(1, dtype=torch.int64)
    with pytest.raises(ValueError, match="node -1 is negative"):
        TemporalAdjacency.build(one - 1, one, {})
    with pytest.raises(ValueError, match="'item' has shape"):
        TemporalAdjacency.build(one, one, {"item": torch.zeros(2)})
    with pytest.raises(ValueError, match="64-bit key"):
        TemporalAdjacency.build(torch.tensor([2**40, 0]), torch.tensor([0, 2**40]), {})
    with pytest.raises(ValueError, match="payload columns"):
        TemporalAdjacency.build(one, one, {"item": one}).append(one, one, {"user": one})
    with pytest.raises(ValueError, match="node -1 is negative"):
        TemporalAdjacency.build(one, one, {}).append(one - 1, one, {})


@pytest.mark.parametrize("events", [0, 63, 64, 65, 1000])
@pytest.mark.parametrize("nodes", [1, 3, 50])
def test_a_search_by_the_sample_is_the_search_among_all_keys(events: int, nodes: int) -> None:
    rng = np.random.default_rng(events + nodes)
    node, time = (torch.from_numpy(rng.integers(0, high, events)) for high in (nodes, 40))
    segment = TimeSorted.of(node, time, {}).indexed()
    asked = [torch.from_numpy(rng.integers(*limits, 500)) for limits in ((-1, nodes + 2), (-3, 39))]
    end, count = segment.before(*asked)
    known = asked[0].clamp(-1, nodes)
    before = (node == asked[0].unsqueeze(1)) & (time < asked[1].unsqueeze(1))
    assert torch.equal(count, before.sum(1))
    earlier = (node < known.unsqueeze(1)).sum(1) + count
    assert torch.equal(end[count > 0], earlier[count > 0])
