"""Figures and guard-rails of an A/B test, against brute force."""

import math

import numpy as np
import pytest
from scipy import stats

from models.metrics.ab import (
    METRICS,
    compared,
    compared_pairwise,
    false_alarms,
    figures,
    sample_ratio,
    user_table,
)


def exposures(users=200, rate=0.1, seed=0, per_user=12):
    """User, clicked and dwell of exposures; some users read far more than others."""
    rng = np.random.default_rng(seed)
    user = np.repeat(np.arange(users), rng.geometric(1 / per_user, users))
    clicked = rng.random(len(user)) < rate * rng.gamma(4, 0.25, users)[user]
    dwell = np.where(clicked, rng.lognormal(4, 1, len(user)), np.nan)
    order = rng.permutation(len(user))
    return user[order], clicked[order], dwell[order]


def table(**kinds):
    return user_table(*exposures(**kinds))[1]


def test_figures_are_those_of_equation_10():
    user, clicked, dwell = exposures()
    users = set(user.tolist())
    by_hand = {
        "ctr": clicked.sum() / len(clicked),
        "acn": clicked.sum() / len(users),
        "hcr": sum(clicked[user == u].any() for u in users) / len(users),
        "dt": sum(d for d in dwell if not math.isnan(d)) / len(users),
    }
    found, sums = user_table(user, clicked, dwell)
    assert found.tolist() == sorted(users)
    assert figures(sums) == pytest.approx(by_hand)


def test_without_exposures_there_is_no_figure_and_without_clicks_no_lift():
    none = np.zeros(0)
    assert set(figures(user_table(none, none, none)[1]).values()) == {None}
    silent = user_table(np.arange(5), np.zeros(5), np.full(5, np.nan))[1]
    for entry in compared(silent, table(), draws=100, rng=np.random.default_rng(0)):
        assert entry.base_value == 0
        assert entry.lift is entry.p_value is entry.low is entry.high is None


def test_the_interval_is_that_of_a_loop_over_draws():
    base, arm = table(users=40), table(users=50, rate=0.14, seed=1)
    found = compared(base, arm, draws=300, rng=np.random.default_rng(9))
    rng, lifts = np.random.default_rng(9), {name: [] for name in METRICS}
    drawn = [rng.integers(0, len(t), (300, len(t))) for t in (base, arm)]
    for draw in range(300):
        of_base, of_arm = figures(base[drawn[0][draw]]), figures(arm[drawn[1][draw]])
        for name in METRICS:
            lifts[name].append(of_arm[name] / of_base[name] - 1)
    for entry in found:
        assert [entry.low, entry.high] == pytest.approx(np.quantile(lifts[entry.metric], [0.025, 0.975]))


def test_delta_method_and_bootstrap_agree():
    base, arm = table(users=3000), table(users=3000, rate=0.11, seed=1)
    for entry in compared(base, arm, draws=2000, rng=np.random.default_rng(0)):
        error = (math.log1p(entry.high) - math.log1p(entry.low)) / (2 * 1.96)
        p = 2 * stats.norm.sf(abs(math.log1p(entry.lift)) / error)
        assert stats.norm.isf(p / 2) == pytest.approx(stats.norm.isf(entry.p_value / 2), abs=0.25)


def test_an_effect_is_found_and_its_sign_is_right():
    entries = compared(
        table(users=3000), table(users=3000, rate=0.13, seed=1), draws=500, rng=np.random.default_rng(0)
    )
    for entry in entries:
        assert entry.low > 0 and entry.p_value < 0.001 and entry.low < entry.lift < entry.high


def test_the_same_behaviour_of_the_same_users_is_no_effect():
    same = table()
    for entry in compared_pairwise(same, same, draws=200, rng=np.random.default_rng(0)):
        assert entry.lift == 0 and abs(entry.low) < 1e-12 and abs(entry.high) < 1e-12
        assert entry.p_value == 1


def test_pairs_are_resampled_together():
    base = table(users=500)
    arm = base.copy()
    arm[:, 4] *= 1.5  # every user reads half as long again: of all differences only that of users is left
    (entry,) = (
        e for e in compared_pairwise(base, arm, draws=200, rng=np.random.default_rng(0)) if e.metric == "dt"
    )
    assert [entry.low, entry.high] == pytest.approx([0.5, 0.5])
    assert entry.p_value < 1e-9


def test_half_of_an_arm_against_the_other_half_alarms_as_often_as_promised():
    shares = false_alarms(table(users=2000), 2000, np.random.default_rng(0))
    assert set(shares) == set(METRICS)
    assert all(0.03 < share < 0.07 for share in shares.values())


def test_false_alarms_use_the_same_test():
    one, rng = table(users=300), np.random.default_rng(5)
    alarms = false_alarms(one, 40, np.random.default_rng(5))
    half = rng.random((40, len(one))) < 0.5
    p = [{e.metric: e.p_value for e in compared(one[~h], one[h], draws=1, rng=rng)} for h in half]
    for name in METRICS:
        assert alarms[name] == pytest.approx(np.mean([found[name] < 0.05 for found in p]))


def test_an_unbalanced_split_is_invalid_and_an_equal_one_is_not():
    assert sample_ratio({"a": 5050, "b": 4950}).valid
    broken = sample_ratio({"a": 5300, "b": 4700})
    assert not broken.valid and broken.p_value < 1e-8
    assert broken.p_value == pytest.approx(stats.chisquare([5300, 4700]).pvalue)
    assert not sample_ratio({"a": 5000, "b": 5000, "c": 4600}).valid


def test_shares_of_several_arms_are_tested_as_scipy_does():
    counts = [5010, 4890, 5075, 5120]
    ratio = sample_ratio(dict(zip("abcd", counts, strict=True)))
    expected = stats.chisquare(counts)
    assert ratio.chi_square == pytest.approx(expected.statistic, rel=1e-12)
    assert ratio.p_value == pytest.approx(expected.pvalue, rel=1e-12)
