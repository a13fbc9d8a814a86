"""A request's few questions are searched as they come, an hour's many are sorted: the same answers."""

import numpy as np

from models.ranking.features.cells import FEW, CountCells, pair_key
from models.ranking.features.pair_counts import PairCounts
from models.ranking.features.pair_runs import PairRun

RANDOM = np.random.default_rng(0)


def test_cells_answer_few_and_many_alike():
    cells = CountCells(2)
    for hour in range(6):
        keys = pair_key(RANDOM.integers(0, 40, 500), RANDOM.integers(-1, 9, 500))
        cells.append(keys, np.full(500, hour), RANDOM.integers(0, 3, (500, 2)))
    keys = pair_key(RANDOM.integers(0, 50, 3 * FEW), RANDOM.integers(-1, 12, 3 * FEW))
    periods = RANDOM.integers(0, 8, len(keys))
    many = cells.query(keys, periods, (None, 2))
    assert (many.windows[0] != many.windows[1]).any() and (many.last < 0).any()
    for first in range(0, len(keys), FEW):
        at = slice(first, first + FEW)
        few = cells.query(keys[at], periods[at], (None, 2))
        for one, other in zip(few.windows, many.windows, strict=True):
            np.testing.assert_array_equal(one, other[at])
        np.testing.assert_array_equal(few.first, many.first[at])
        np.testing.assert_array_equal(few.last, many.last[at])


def test_pairs_answer_few_and_many_alike():
    counts = PairCounts(1, None)
    known = np.unique(RANDOM.integers(0, 4000, 1500))
    counts.take_day(0, PairRun.of_day(known, [RANDOM.integers(1, 9, len(known))], 0))
    keys, hours = RANDOM.integers(0, 4000, 2 * FEW), np.full(2 * FEW, 30)
    counts.append(keys[:300], np.full(300, 26), np.ones((300, 1), np.int64))
    many = counts.query(keys, hours)
    assert (many == 0).any() and (many > 8).any()
    for first in range(0, len(keys), FEW):
        at = slice(first, first + FEW)
        np.testing.assert_array_equal(counts.query(keys[at], hours[at]), many[at])
