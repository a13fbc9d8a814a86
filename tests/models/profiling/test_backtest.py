"""Figures of a ranking with the clock held back: by hand, and which brands they are of."""

from __future__ import annotations

import numpy as np
import pytest

from models.profiling.backtest import BrandTask, backtest_figures, brands_of_all_sizes
from models.profiling.brands import FirstPurchases


class Fixed:
    """The same scores whoever the customers are."""

    def __init__(self, scores):
        self.scores = np.asarray(scores, dtype=float)

    def score(self, customers, others=None):
        return self.scores


def task(customers, newcomers, users=6):
    came = np.zeros(users, dtype=bool)
    came[newcomers] = True
    return BrandTask(np.array(customers, dtype=np.int64), came)


def test_figures_are_means_over_brands_of_candidates_alone():
    scorer = Fixed([9.0, 5.0, 4.0, 3.0, 2.0, 1.0])
    # Candidates 1..5: the second and the fourth come. Then candidates 0..4: the first comes.
    measured = backtest_figures(scorer, [task([0], [2, 4]), task([5], [0])])
    assert measured.auroc == pytest.approx((3 / 6 + 1.0) / 2)
    assert measured.aupr == pytest.approx(((1 / 2 + 2 / 4) / 2 + 1.0) / 2)
    assert measured.base_rate == pytest.approx((2 / 5 + 1 / 5) / 2)
    assert (measured.brands, measured.newcomers) == (2, 3)
    assert measured.auroc_error == pytest.approx(0.5 / 2**0.5 / 2**0.5)


def test_brands_that_tell_nothing_are_left_out():
    scorer = Fixed(np.arange(6))
    nothing = [task([], [1]), task([0], []), task([0, 1], [2, 3, 4, 5])]
    assert backtest_figures(scorer, nothing) is None
    alone = backtest_figures(scorer, [*nothing, task([0], [5])])
    assert alone.brands == 1 and alone.auroc == 1.0 and alone.auroc_error is None


def test_brands_are_of_all_sizes_with_enough_newcomers():
    users = 400
    day = np.full((60, users), 1_000, dtype=np.int32)
    for brand in range(60):
        day[brand, : 1 + 5 * brand] = 10  # customers before the period
        day[brand, 350 : 350 + (12 if brand % 2 else 5)] = 150  # newcomers within it
    chosen = brands_of_all_sizes(FirstPurchases(day), 100, 200)
    assert len(chosen) == 20 and (chosen % 2 == 1).all(), "five newcomers are mostly chance"
    assert chosen[0] == 1 and chosen[-1] == 59
    assert (np.diff(chosen) >= 2).all() and np.diff(chosen).max() <= 4
    assert len(brands_of_all_sizes(FirstPurchases(day), 200, 300)) == 0
