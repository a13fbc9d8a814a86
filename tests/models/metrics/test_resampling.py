"""The bootstrap over users and Holm's correction, against brute force."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.metrics import Ordered, auc, holm, influences, merged, placements, resampled


def days(users=250, shown=1500, count=2, seed=0):
    """Labels, scores of two systems and users of some days; a user's exposures resemble each other."""
    rng = np.random.default_rng(seed)
    taste, luck = rng.normal(size=users), rng.normal(size=users)
    for _ in range(count):
        user = rng.integers(0, users, shown)
        labels = rng.random(shown) < 1 / (1 + np.exp(1 - taste[user]))
        good = taste[user] + rng.normal(size=shown)
        yield labels, np.stack([good, good + 1.5 * luck[user] + rng.normal(size=shown)]), user


def influence_of(data):
    parts = []
    for labels, scores, user in data:
        placed = placements(labels, [Ordered.of(row) for row in scores])
        parts.append(influences(placed, labels, user))
    return parts


def test_influences_are_the_slopes_of_auc_in_the_users_weights():
    (labels, scores, user) = next(days(users=20, shown=400))
    ((users, influence),) = influence_of([(labels, scores, user)])
    np.testing.assert_allclose(influence.sum(0), 0, atol=1e-12)
    # Whole numbers of copies stand for weights: 40 of everybody, one more or one less of a user.
    for u in (0, 7):
        lifted = []
        for copies in (41, 39):
            times = np.where(user == users[u], copies, 40)
            lifted.append(auc(np.repeat(labels, times), np.repeat(scores[0], times)))
        assert influence[u, 0] == pytest.approx((lifted[0] - lifted[1]) * 20, rel=0.01, abs=1e-6)


def test_replicates_are_those_of_resampling_users_by_brute_force():
    data = list(days())
    influence = merged(influence_of(data))
    users = np.unique(np.concatenate([user for *_, user in data]))
    centre = np.mean([[auc(labels, row) for row in scores] for labels, scores, _ in data], axis=0)
    rng, exact, linear = np.random.default_rng(2), [], []
    # All exposures of a drawn user, of both days, as often as the user was drawn.
    for _ in range(300):
        times = np.bincount(rng.integers(0, len(users), len(users)), minlength=len(users))
        of_days = []
        for labels, scores, user in data:
            taken = np.repeat(np.arange(len(user)), times[np.searchsorted(users, user)])
            of_days.append([auc(labels[taken], row[taken]) for row in scores])
        exact.append(np.mean(of_days, axis=0))
        linear.append(centre + times @ influence)
    exact, linear = (np.column_stack([x, x[:, 0] - x[:, 1]]) for x in map(np.array, (exact, linear)))
    assert linear.std(0) == pytest.approx(exact.std(0), rel=0.03)
    assert all(np.corrcoef(exact[:, i], linear[:, i])[0, 1] > 0.99 for i in range(3))
    for q in (0.025, 0.975):
        gap = np.quantile(exact, q, axis=0) - np.quantile(linear, q, axis=0)
        assert (abs(gap) < 0.2 * exact.std(0)).all()


def test_users_are_drawn_with_replacement():
    influence = merged(influence_of(days()))
    moved = resampled(influence, 4000, np.random.default_rng(1))
    # Weights of a multinomial: variance 1 - 1/n, covariance -1/n, and influences sum to 0.
    np.testing.assert_allclose(moved.T @ moved / 4000, influence.T @ influence, rtol=0.06)
    assert (abs(moved.mean(0)) < 4 * moved.std(0) / 4000**0.5).all()


def test_the_spread_is_the_known_one_of_a_mean():
    """With one exposure a user, resampling users is resampling exposures: DeLong's error, up to 1/n."""
    rng = np.random.default_rng(5)
    labels = rng.random(3000) < 0.3
    scores = np.stack([labels + rng.normal(size=3000)])
    (part,) = influence_of([(labels, scores, np.arange(3000))])
    moved = resampled(part[1], 4000, np.random.default_rng(1))
    error = placements(labels, [Ordered.of(scores[0])]).covariance()[0, 0] ** 0.5
    assert moved.std() == pytest.approx(error, rel=0.05)
    assert abs(moved.mean()) < 0.05 * error


def test_users_that_act_alike_widen_the_interval():
    """Each exposure four times over: DeLong believes in four times the evidence, the users' bootstrap not."""
    (labels, scores, _) = next(days(shown=800))
    alone = influence_of([(labels, scores, np.arange(800))])[0][1]
    copies = [np.repeat(x, 4, axis=-1) for x in (labels, scores)]
    together = influence_of([(*copies, np.repeat(np.arange(800), 4))])[0][1]
    np.testing.assert_allclose(together, alone, atol=1e-12)
    delong = placements(copies[0], [Ordered.of(row) for row in copies[1]]).covariance()
    spread = resampled(together, 4000, np.random.default_rng(1)).std(0)
    assert spread[0] == pytest.approx(2 * delong[0, 0] ** 0.5, rel=0.05)


def test_days_are_merged_by_user():
    influences_of_all = merged(
        [
            (np.array([2, 5]), np.array([[1.0], [-1.0]])),
            (np.array([1, 5, 9]), np.array([[4.0], [0.0], [-4.0]])),
        ]
    )
    assert influences_of_all[:, 0].tolist() == [2.0, 0.5, -0.5, -2.0]


def test_blocks_do_not_matter(monkeypatch):
    influence = np.random.default_rng(0).normal(size=(50, 3))
    whole = resampled(influence, 64, np.random.default_rng(7))
    monkeypatch.setattr("models.metrics.resampling.BLOCK", 60)
    np.testing.assert_allclose(resampled(influence, 64, np.random.default_rng(7)), whole)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_is_the_textbooks_procedure(p_values):
    p = np.array(p_values)
    corrected = holm(p)
    assert ((p <= corrected) & (corrected <= 1)).all()
    for level in (0.01, 0.05, 0.3):
        rejected = set()
        for k, test in enumerate(np.argsort(p, kind="stable")):  # the smallest first, until one fails
            if p[test] * (len(p) - k) > level:
                break
            rejected.add(int(test))
        assert rejected == set(np.flatnonzero(corrected <= level).tolist())
