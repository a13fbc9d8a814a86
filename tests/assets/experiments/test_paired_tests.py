"""Differences between systems over days and seeds: their error, interval and correction."""

from __future__ import annotations

import numpy as np
import pytest

from assets.experiments.comparison.paired_tests import PairedTests
from assets.experiments.comparison.parts import PairTest
from models.metrics import Ordered, auc, auc_difference, holm


def a_day(seed, systems=3, seeds=1, shown=1500, users=400):
    """Labels, users and scores [seeds, systems, E]; the later a system, the worse."""
    rng = np.random.default_rng(seed)
    labels = rng.random(shown) < 0.4
    base = labels + rng.normal(size=shown)
    noise = rng.normal(size=(seeds, systems, shown)) * np.arange(systems)[:, None] * 0.4
    return labels, rng.integers(0, users, shown), base + noise


def collected(*days, systems=("a", "b", "c"), seeds=(0,)):
    tests = PairedTests(systems, seeds)
    for number, (labels, users, scores) in enumerate(days):
        tests.add(str(number), labels, users, [[Ordered.of(row) for row in of_seed] for of_seed in scores])
    return tests


def test_one_day_and_seed_is_delongs_test():
    labels, _, scores = day = a_day(0)
    tests = collected(day)
    for found in (tests.overall(), tests.by_day()):
        assert [(test.first, test.second) for test in found] == [("a", "b"), ("a", "c"), ("b", "c")]
        for test, (one, other) in zip(found, [(0, 1), (0, 2), (1, 2)], strict=True):
            direct = auc_difference(labels, scores[0, one], scores[0, other])
            p = test.p_delong if isinstance(test, PairTest) else test.p_value
            told = [test.difference, test.standard_error, p]
            assert told == pytest.approx(direct)


def test_days_are_independent_and_seeds_are_averaged():
    days = [a_day(seed, seeds=2) for seed in (1, 2, 3)]
    test = collected(*days, seeds=(0, 1)).overall()[0]
    differences, variances = [], []
    for labels, _, scores in days:
        areas = [[auc(labels, row) for row in of_seed] for of_seed in scores]
        differences.append(np.mean([one - other for one, other, _ in areas]))
        # The mean over seeds of P(click above skip), counted pair by pair.
        wins = 0.0
        for of_seed in scores:
            for row, sign in zip(of_seed[:2], (1, -1), strict=True):
                wins += sign * (row[labels][:, None] > row[~labels]) / len(scores)
        variances.append(wins.mean(1).var(ddof=1) / labels.sum() + wins.mean(0).var(ddof=1) / (~labels).sum())
    assert test.difference == pytest.approx(np.mean(differences))
    assert test.standard_error == pytest.approx(np.sqrt(np.sum(variances)) / 3)


def test_a_seed_twice_over_is_no_new_evidence():
    labels, users, scores = a_day(4)
    once = collected((labels, users, scores)).overall()
    twice = collected((labels, users, np.concatenate([scores, scores])), seeds=(0, 1)).overall()
    assert [test.standard_error for test in twice] == pytest.approx([test.standard_error for test in once])


def test_the_interval_holds_the_difference_and_agrees_with_delong():
    """Users here are strangers to each other's exposures: both ways see the same error."""
    for test in collected(a_day(5), a_day(6)).overall():
        assert test.low < test.difference < test.high
        width = (test.high - test.low) / 2 / 1.96
        assert width == pytest.approx(test.standard_error, rel=0.2)


def test_all_pairs_are_corrected_together():
    found = collected(a_day(7, systems=5), systems=tuple("abcde")).overall()
    assert len(found) == 10
    plain = np.array([test.p_delong for test in found])
    assert [test.p_holm for test in found] == pytest.approx(holm(plain).tolist())
    assert (plain < 1e-3).any() and plain.max() < 1


def test_a_day_that_cannot_tell_is_left_out():
    day, (labels, users, scores) = a_day(8), a_day(9)
    both = collected(day, (np.zeros_like(labels), users, scores))
    assert both.overall() == collected(day).overall() and len(both.by_day()) == 3
    assert collected((np.zeros_like(labels), users, scores)).overall() == ()


def test_one_system_has_no_pair():
    labels, users, scores = a_day(10, systems=1)
    assert collected((labels, users, scores), systems=("a",)).overall() == ()
