"""A window's days merged are what sorting all of its events gives, bit for bit, in memory and in a file."""

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.layers import merged_days as module
from models.layers.merged_days import merged_days
from models.layers.temporal_adjacency import TemporalAdjacency

# Few nodes and instants: ties within a day, nodes of one day alone and days without an event are common. A
# day's last instant is the next one's first.
event = st.tuples(st.integers(0, 4), st.integers(0, 3))
windows = st.lists(st.lists(event, max_size=12), min_size=1, max_size=5)


def day_of(events, day, first, dtype):
    node, time = torch.tensor(events, dtype=torch.int64).reshape(-1, 2).unbind(1)
    number = torch.arange(first, first + len(events), dtype=torch.int32)
    return node.to(dtype), time + 3 * day, {"number": number, "kind": (number % 3).to(torch.uint8)}


def days_of(window, dtype=torch.int64):
    first, days = 0, []
    for number, events in enumerate(window):
        days.append(day_of(events, number, first, dtype))
        first += len(events)
    return days


def check(window, dtype, scratch):
    days = days_of(window, dtype)
    both = [{"forth": day, "back": (day[2]["number"], day[1], {"node": day[0]})} for day in days]
    merged = merged_days(lambda: both, scratch)
    for name in ("forth", "back"):
        parts = [day[name] for day in both]
        nodes, times = (torch.cat([part[i] for part in parts]) for i in (0, 1))
        payload = {column: torch.cat([part[2][column] for part in parts]) for column in parts[0][2]}
        whole, mine = TemporalAdjacency.build(nodes, times, payload).base, merged[name].base
        assert (mine.origin, mine.span, mine.nodes) == (whole.origin, whole.span, whole.nodes)
        assert torch.equal(mine.keys, whole.keys)
        assert torch.equal(mine.starts, whole.starts)
        for column, values in whole.payload.items():
            assert torch.equal(mine.payload[column], values) and mine.payload[column].dtype == values.dtype


@settings(max_examples=150, deadline=None)
@given(window=windows, dtype=st.sampled_from([torch.int32, torch.int64]))
def test_days_merged_are_the_window_sorted(window, dtype):
    check(window, dtype, None)


def test_a_scratch_file_holds_the_same_and_leaves_no_trace(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(module, "MAPPED_BYTES", 1)
    window = [[(1, 2), (0, 1), (1, 2)], [], [(3, 0), (1, 0)]]
    check(window, torch.int32, tmp_path)
    assert not list(tmp_path.iterdir())
    adjacency = merged_days(lambda: [{"one": day} for day in days_of(window)], tmp_path)["one"]
    adjacency.append(*day_of([(1, 1)], 3, 5, torch.int64))
    latest = adjacency.neighbours(torch.tensor([1]), torch.tensor([99]), 4)
    assert adjacency.gather("number", latest).tolist() == [[0, 2, 4, 5]]


def test_errors_say_which_direction_and_when():
    day, before = day_of([(0, 2)], 1, 0, torch.int64), day_of([(0, 1)], 0, 0, torch.int64)
    with pytest.raises(ValueError, match="clicks: a day begins at 1 ms, before the end of the one before"):
        merged_days(lambda: [{"clicks": day}, {"clicks": before}])
    with pytest.raises(ValueError, match="node -1 is negative"):
        merged_days(lambda: [{"clicks": (day[0] - 1, day[1], day[2])}])
