"""Figures of a ranking with the clock held back, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from models.profiling.backtest import BrandTask, backtest_figures


class Fixed:
    """The same scores whoever the customers are."""

    def __init__(self, scores):
        self.scores = np.asarray(scores, dtype=float)

    def score(self, customers, others=None):
        return self.scores


def task(customers, newcomers, users=6):
    came, at_risk = np.zeros(users, dtype=bool), np.ones(users, dtype=bool)
    came[newcomers], at_risk[customers] = True, False
    return BrandTask(np.array(customers, dtype=np.int64), came, at_risk)


def test_every_newcomer_counts_alike_among_those_at_risk():
    scorer = Fixed([9.0, 5.0, 4.0, 3.0, 2.0, 1.0])
    # At risk 1..5: the second and the fourth come. Then 0..4: the first comes.
    measured = backtest_figures(scorer, [task([0], [2, 4]), task([5], [0])])
    assert measured.auroc == pytest.approx((2 * 3 / 6 + 1.0) / 3)
    assert measured.aupr == pytest.approx((2 * (1 / 2 + 2 / 4) / 2 + 1.0) / 3)
    assert measured.base_rate == pytest.approx((2 * 2 / 5 + 1 / 5) / 3)
    assert (measured.brands, measured.newcomers, measured.silent) == (2, 3, 0)
    apart = np.array([2 * (1 / 2 - 2 / 3), 1 / 3])
    assert measured.auroc_error == pytest.approx(np.sqrt(2 * (apart**2).sum()) / 3)


def test_the_clustered_error_is_what_brands_drawn_anew_show():
    random = np.random.default_rng(0)
    scorer = Fixed(-np.arange(200.0))

    def trial():
        """Thirty brands, each with newcomers of its own number and its own reach."""
        tasks = []
        for _ in range(30):
            odds = np.exp(-np.arange(200) / random.uniform(20, 200))
            newcomers = random.choice(
                np.arange(1, 200), random.integers(1, 30), False, odds[1:] / odds[1:].sum()
            )
            tasks.append(task([0], newcomers, 200))
        return backtest_figures(scorer, tasks)

    trials = [trial() for _ in range(150)]
    spread = np.std([one.auroc for one in trials])
    assert np.mean([one.auroc_error for one in trials]) == pytest.approx(spread, rel=0.2)


def test_brands_that_tell_nothing_are_counted():
    scorer = Fixed(np.arange(6))
    nothing = [task([], [1]), task([0], []), task([0, 1], [2, 3, 4, 5])]
    assert backtest_figures(scorer, nothing) is None
    alone = backtest_figures(scorer, [*nothing, task([0], [5])])
    assert (alone.brands, alone.silent) == (1, 3)
    assert alone.auroc == 1.0 and alone.auroc_error is None


def test_whoever_was_not_known_is_not_ranked():
    known = task([0], [1, 5])
    strangers = known.at_risk & (np.arange(6) < 5)
    scorer = Fixed([9.0, 5.0, 4.0, 3.0, 2.0, 1.0])
    assert backtest_figures(scorer, [BrandTask(known.customers, known.newcomers, strangers)]).newcomers == 1
