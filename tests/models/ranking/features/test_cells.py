"""Cells of counts, the order of keys, and bins, each against its definition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.ranking.features.bins import AGE_LIMITS, age_bins, count_bins, rate_bins
from models.ranking.features.cells import CountCells, pair_key
from models.ranking.features.ordering import Ranks, boundaries, distinct, stable_order
from tests.models.ranking.features.reference import count_bin, rate_bin

SMOOTHING = 5.0

events = st.lists(st.tuples(st.integers(-1, 3), st.integers(0, 20), st.integers(0, 1)), max_size=40)


@given(events, events, st.lists(st.tuples(st.integers(-1, 4), st.integers(0, 25)), min_size=1, max_size=10))
def test_cells_count_strictly_before_the_period(base, later, queries):
    cells = CountCells(2)
    for part in (base, later[:20], later[20:]):
        table = np.array(part, np.int64).reshape(-1, 3)
        measures = np.stack([np.ones(len(table), np.int64), table[:, 2]], axis=1)
        cells.append(pair_key(table[:, 0]), table[:, 1], measures)
    asked = np.array(queries, np.int64)
    answers = cells.query(pair_key(asked[:, 0]), asked[:, 1], (None, 3))
    everything = base + later
    for q, (node, period) in enumerate(queries):
        mine = [(at, hit) for key, at, hit in everything if key == node and at < period]
        recent = [hit for at, hit in mine if at >= period - 3]
        assert answers.windows[0][q].tolist() == [len(mine), sum(hit for _, hit in mine)]
        assert answers.windows[1][q].tolist() == [len(recent), sum(recent)]
        assert answers.first[q] == min((at for at, _ in mine), default=-1)
        assert answers.last[q] == max((at for at, _ in mine), default=-1)


def test_codes_that_keys_cannot_hold_are_refused():
    with pytest.raises(ValueError, match="33554432"):
        pair_key(np.array([0]), np.array([1 << 25]))
    with pytest.raises(ValueError, match="hour"):
        CountCells(1).append(pair_key(np.array([0])), np.array([1 << 10]), np.ones((1, 1), np.int64))


def test_narrow_codes_make_the_same_keys():
    users, items = np.array([5_000_000, -1]), np.array([4_000_000, 0])
    narrow = pair_key(users.astype(np.int32), items.astype(np.int32))
    assert narrow.tolist() == pair_key(users, items).tolist() == [(5_000_001 << 25) | 4_000_001, 1]


@given(st.lists(st.integers(-1, 9), max_size=30))
def test_ranks_and_order(values):
    keys = np.array(values, np.int64)
    ranks = Ranks.of(keys)
    assert ranks.distinct.tolist() == sorted(set(values))
    assert ranks.distinct[ranks.local].tolist() == values
    others = np.arange(-1, 15)
    expected = [sorted(set(values)).index(o) if o in values else -1 for o in others.tolist()]
    assert ranks.find(others).tolist() == expected
    order = stable_order(ranks.local, len(ranks))
    assert order.tolist() == np.argsort(keys, kind="stable").tolist()
    assert int(boundaries(keys[order]).sum()) == len(ranks)
    assert distinct(keys + 1).tolist() == np.unique(keys + 1).tolist()
    assert distinct(keys * 1000 + 1000).tolist() == np.unique(keys * 1000 + 1000).tolist()


def test_bins_are_those_of_their_formulas():
    counts = np.concatenate([np.arange(100_000), 10 ** np.arange(5, 16)])
    assert count_bins(counts).tolist() == [count_bin(count) for count in counts]
    bins = count_bins(np.array([0, 1, 2, 3, 10, 10**9])).astype(int)
    assert (np.diff(bins) > 0).all() and bins[0] == 0 and bins[-1] == 31
    rng = np.random.default_rng(0)
    shown = rng.integers(0, 2000, 3000)
    hits = (shown * rng.random(3000)).astype(int)
    overall = rng.uniform(0.01, 0.99, 3000)
    expected = [rate_bin(*row, SMOOTHING) for row in zip(hits, shown, overall, strict=True)]
    assert rate_bins(hits, shown, overall, SMOOTHING).tolist() == expected
    # The same value gives the same bin, however many stand beside it.
    assert rate_bins(hits[7:8], shown[7:8], overall[7:8], SMOOTHING) == expected[7]


def test_bins_are_monotonic_and_stay_in_range():
    rates = rate_bins(np.arange(101), np.full(101, 100), 0.5, SMOOTHING).astype(int)
    assert (np.diff(rates) >= 0).all() and rates.min() >= 1 and rates[50] == 13
    extreme = rate_bins(np.array([0, 10**6]), np.array([10**6, 10**6]), np.array([0.5, 0.001]), SMOOTHING)
    assert extreme.tolist() == [1, 25]
    assert rate_bins(np.array([0]), np.array([0]), 0.5, SMOOTHING) == [0]
    ages = age_bins(np.array([-0.5, 0.0, 1.9, 2.0, 10**6]))
    assert ages.tolist() == [1, 2, 2, 3, len(AGE_LIMITS) + 1]
