"""Means, gains and intervals over targets and folds."""

import numpy as np
import pytest

from models.metrics.growth import (
    growth_interval,
    mean_interval,
    moving_average,
    normal_interval,
    spread,
    wins,
)


def test_growth_by_hand_and_its_p():
    ours, theirs = np.array([[0.2, 0.4], [0.3, 0.3]]), np.array([[0.1, 0.3], [0.3, 0.3]])
    found = growth_interval(ours, theirs)
    assert found.mean == pytest.approx((0.6 / 0.4 - 1) / 2)
    assert wins(ours, theirs) == 1
    steady = growth_interval(np.full((8, 3), 0.22), np.full((8, 3), 0.2))
    assert steady.low == pytest.approx(0.1) and steady.p < 0.001


def test_no_gain_is_over_a_baseline_of_zero():
    ours, theirs = np.array([[0.2, 0.4], [0.3, 0.3]]), np.array([[0.0, 0.4], [0.0, 0.0]])
    measured = growth_interval(ours, theirs)
    assert measured.mean == pytest.approx(0.6 / 0.4 - 1)
    assert np.isfinite([measured.low, measured.high, measured.p]).all()
    assert growth_interval(ours, np.zeros((2, 2))).ends is None


def test_a_single_draw_that_finds_nothing_leaves_the_mean():
    values = np.full((9, 1), np.nan)
    values[0] = 0.3
    assert [mean_interval(values, bootstraps=1, seed=seed).mean for seed in range(9)] == [0.3] * 9


def test_intervals_leave_out_what_is_not_known_and_cover_the_spread_of_targets():
    rng = np.random.default_rng(0)
    values = 0.7 + 0.05 * rng.standard_normal((39, 1)) + np.zeros((1, 3))
    values[3, 1] = np.nan
    found = mean_interval(values)
    assert found.mean == pytest.approx(np.nanmean(values, 1).mean())
    assert found.high - found.low == pytest.approx(2 * 1.96 * np.nanmean(values, 1).std() / 39**0.5, rel=0.05)
    assert mean_interval(np.full((2, 2), np.nan)).mean is None


def test_folds_without_a_figure_leave_the_spread_to_the_others():
    measured = spread(np.array([[0.1, np.nan, 0.4], [0.3, np.nan, np.nan]]))
    assert measured.by_fold == (pytest.approx(0.2), None, pytest.approx(0.4))
    assert measured.fold_spread == pytest.approx(0.2 / 2**0.5)
    assert measured.interval.ends == (measured.interval.low, measured.interval.high)
    assert spread(np.array([[0.1], [0.3]])).fold_spread is None
    assert spread(np.array([[np.nan]])).interval.ends is None


def test_an_interval_of_draws_needs_two():
    low, high = normal_interval(np.array([0.2, 0.4]))
    assert (low + high) / 2 == pytest.approx(0.3)
    assert high - low == pytest.approx(2 * 1.96 * (0.02 / 2) ** 0.5)
    assert normal_interval(np.array([0.2])) is None


def test_a_moving_average_needs_both_neighbours():
    assert moving_average([0.2, 0.4, None, 0.6, 0.8]) == [None, pytest.approx(0.3), None, None, 0.7]
