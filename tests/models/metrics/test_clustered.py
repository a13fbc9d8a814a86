"""Errors and p-values clustered by user: against the bootstrap, against brute force, and by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kstest, ttest_1samp

from models.metrics import (
    Ordered,
    auc_by_group,
    auc_difference,
    clustered_difference,
    clustered_error,
    influences,
    mean_influences,
    paired_clustered,
    placements,
    resampled,
    shares_by_group,
    two_sided,
)


def a_log(seed, users=120, each=12, own=1.5):
    """Labels, users and two scorings that are equally good, each wrong about whole users in its own way."""
    rng = np.random.default_rng(seed)
    user = np.repeat(np.arange(users), each)
    taste = rng.normal(size=users)
    labels = rng.random(users * each) < 1 / (1 + np.exp(1 - taste[user]))
    scores = [taste[user] + own * rng.normal(size=users)[user] + rng.normal(size=len(user)) for _ in range(2)]
    return labels, user, *scores


def test_the_error_is_the_bootstraps_where_delongs_is_far_too_small():
    labels, user, one, other = a_log(0, users=400)
    difference, error, p = clustered_difference(labels, one, other, user)
    placed = placements(labels, [Ordered.of(one), Ordered.of(other)])
    moved = resampled(influences(placed, labels, user)[1], 4000, np.random.default_rng(1))
    assert error == pytest.approx((moved[:, 0] - moved[:, 1]).std(), rel=0.05)
    plain, delong, p_delong = auc_difference(labels, one, other)
    assert difference == pytest.approx(plain) and error > 1.25 * delong and p > p_delong
    assert p == pytest.approx(math.erfc(abs(difference) / error / math.sqrt(2)), abs=0.01)


def test_under_no_difference_p_is_uniform_and_delongs_is_not():
    """Two systems that are equally good in the world: one test in twenty is below .05."""
    tests = [(clustered_difference(*log), auc_difference(log[0], *log[2:])) for log in logs(300)]
    p, p_delong = (np.array([test[2] for test in column]) for column in zip(*tests, strict=True))
    assert 0.02 < (p < 0.05).mean() < 0.085 and kstest(p, "uniform").pvalue > 0.01
    assert (p_delong < 0.05).mean() > 0.15, "exposures of a user are no independent evidence"


def logs(count):
    for seed in range(count):
        labels, user, one, other = a_log(1000 + seed)
        yield labels, one, other, user


def test_delong_is_the_case_of_one_exposure_a_user():
    labels, _, one, other = a_log(2, users=3000, each=1)
    found = clustered_difference(labels, one, other, np.arange(3000))
    assert found == pytest.approx(auc_difference(labels, one, other), rel=0.01)


def test_few_users_are_no_evidence():
    labels, user, one, other = a_log(3, users=2)
    assert clustered_difference(labels, one, other, user * 0) is None
    assert (
        clustered_error(np.zeros(1)) is None
        and paired_clustered(np.ones(2), np.zeros((1, 2)), [(0, 1)]) is None
    )
    assert clustered_difference(np.zeros_like(labels), one, other, user) is None
    # 2.5 errors are less with three users than with many
    assert two_sided(2.5, 1.0, 3) > 0.1 > 0.02 > two_sided(2.5, 1.0, 10_000)
    assert clustered_difference(labels, one, one, user) == (0.0, 0.0, 1.0)


def test_the_influences_of_a_mean_are_what_leaving_weight_to_a_user_does():
    rng = np.random.default_rng(4)
    values, weights, users = rng.random((60, 2)), rng.integers(1, 9, 60), rng.integers(0, 11, 60) * 5
    means, distinct, influence = mean_influences(values, weights, users)
    np.testing.assert_allclose(means, np.average(values, axis=0, weights=weights))
    np.testing.assert_allclose(influence.sum(0), 0, atol=1e-12)
    for u, user in enumerate(distinct):
        lifted = np.where(users == user, 1 + 1e-6, 1.0) * weights
        slope = (np.average(values, axis=0, weights=lifted) - means) / 1e-6
        np.testing.assert_allclose(influence[u], slope, atol=1e-6)


def test_one_list_a_user_is_students_test():
    rng = np.random.default_rng(5)
    values = rng.random((40, 2)) + np.array([0.1, 0.0])
    means, _, influence = mean_influences(values, np.ones(40), np.arange(40))
    ((difference, error, p),) = paired_clustered(means, influence, [(0, 1)])
    direct = ttest_1samp(values[:, 0] - values[:, 1], 0)
    assert p == pytest.approx(direct.pvalue) and difference / error == pytest.approx(direct.statistic)


def test_lists_of_a_user_stand_or_fall_together():
    """Under no difference, with lists that resemble each other: the plain test is far too often sure."""
    rng, p, plain = np.random.default_rng(6), [], []
    users = np.repeat(np.arange(60), rng.integers(1, 12, 60))
    for _ in range(300):
        values = 0.1 * rng.normal(size=(60, 2))[users] + 0.1 * rng.normal(size=(len(users), 2))
        means, _, influence = mean_influences(values, np.ones(len(users)), users)
        p.append(paired_clustered(means, influence, [(0, 1)])[0][2])
        plain.append(ttest_1samp(values[:, 0] - values[:, 1], 0).pvalue)
    assert 0.02 < np.mean(np.array(p) < 0.05) < 0.1 < np.mean(np.array(plain) < 0.05)


@given(
    st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.integers(0, 5)), min_size=1, max_size=40),
)
def test_shares_inside_groups_are_those_of_each_group_alone(rows):
    group, labels, scores = (np.array(column) for column in zip(*rows, strict=True))
    found, shares = shares_by_group(labels, Ordered.of(scores / 5), group)
    plain = auc_by_group(labels, Ordered.of(scores / 5), group)
    for name, values in vars(plain).items():
        np.testing.assert_allclose(getattr(found, name), values, atol=1e-12)
    for g in found.group:
        here = group == g
        placed = placements(labels[here], [Ordered.of(scores[here] / 5)])
        alone = np.zeros(here.sum())
        if placed is not None:
            # with as many users as exposures, a user's influence is an exposure's share
            alone = influences(placed, labels[here], np.arange(here.sum()))[1][:, 0]
        np.testing.assert_allclose(shares[here], alone, atol=1e-12)
