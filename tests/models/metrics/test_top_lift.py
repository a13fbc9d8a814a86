"""The lift of the first of a ranking: its formula, ties, ends."""

import numpy as np
import pytest

from models.metrics import NotFinite, lift_of_first


def test_it_is_the_share_among_the_first_over_the_share_among_all():
    rng = np.random.default_rng(0)
    labels, scores = rng.random(500) < 0.1, rng.permutation(500).astype(float)
    best = np.argsort(-scores)[:60]
    assert lift_of_first(labels, scores, 60) == pytest.approx(labels[best].mean() / labels.mean())


def test_equal_scores_count_as_in_random_order():
    rng = np.random.default_rng(1)
    labels, scores = rng.random(200) < 0.2, rng.integers(0, 6, 200).astype(float)
    shuffled = [lift_of_first(labels, scores + 0.5 * rng.permutation(200) / 200, 45) for _ in range(4000)]
    assert lift_of_first(labels, scores, 45) == pytest.approx(np.mean(shuffled), abs=0.02)
    assert lift_of_first(labels, np.zeros(200), 45) == pytest.approx(1.0)


def test_all_of_a_short_ranking_have_a_lift_of_one():
    labels = np.array([True, False, False, True])
    assert lift_of_first(labels, np.array([4.0, 1.0, 2.0, 3.0]), 300) == pytest.approx(1.0)
    assert lift_of_first(labels, np.array([4.0, 1.0, 2.0, 3.0]), 2) == pytest.approx(2.0)


def test_nothing_is_made_of_no_newcomer_or_of_scores_that_are_no_numbers():
    assert lift_of_first(np.zeros(5, bool), np.arange(5.0), 2) is None
    assert lift_of_first(np.zeros(0, bool), np.zeros(0), 2) is None
    with pytest.raises(NotFinite):
        lift_of_first(np.ones(2, bool), np.array([1.0, np.nan]), 1)
    with pytest.raises(ValueError, match="at least 1"):
        lift_of_first(np.ones(2, bool), np.arange(2.0), 0)
