"""An audience is the straightforward one, only faster: against full sorts and loops, ties included."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.profiling import prospect as module
from models.profiling.data import MISSING
from models.profiling.prospect import nearest_customers, prospect, unit_length


def unit(rng, users, width=8):
    return unit_length(rng.normal(size=(users, width)))


@given(st.integers(0, 10_000), st.integers(1, 60), st.booleans())
def test_the_best_users_are_those_of_a_full_sort(seed, top, keep):
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 6, 40).astype(float)  # full of ties
    customers = rng.choice(40, 5, replace=False)
    audience = prospect(scores, customers, top, keep_customers=keep)
    ranked = [u for u in range(40) if keep or u not in set(customers)]
    expected = sorted(ranked, key=lambda u: (-scores[u], u))[:top]
    assert audience.user.tolist() == expected
    assert audience.candidates == len(ranked)
    lower = [100 * sum(scores[r] < scores[u] for r in ranked) / len(ranked) for u in expected]
    np.testing.assert_allclose(audience.percentile, lower)


def test_nearest_customers_are_those_of_a_loop(monkeypatch):
    rng = np.random.default_rng(1)
    vectors, customers = unit(rng, 60), rng.choice(60, 9, replace=False)
    monkeypatch.setattr(module, "BLOCK", 40)  # several blocks
    users = rng.permutation(60)
    nearest, similarity = nearest_customers(vectors, users, customers)
    for user, ids, cosines in zip(users, nearest, similarity, strict=True):
        others = [c for c in customers if c != user]
        expected = sorted(others, key=lambda c: -(vectors[c] @ vectors[user]))[:3]
        assert ids.tolist() == expected
        np.testing.assert_allclose(cosines, vectors[expected] @ vectors[user], rtol=1e-5)


def test_a_customer_is_not_explained_by_itself():
    vectors = np.eye(3, dtype=np.float32)
    nearest, similarity = nearest_customers(vectors, np.array([0, 2]), np.array([2, 2]))
    assert nearest.tolist() == [[2], [MISSING]]
    assert similarity[0] == 0 and np.isnan(similarity[1])


def test_without_vectors_there_is_no_explanation():
    audience = prospect(np.arange(5.0), np.array([4]), 2)
    assert audience.user.tolist() == [3, 2]
    assert audience.nearest.shape == (2, 0)


def test_scores_that_are_no_numbers_are_refused():
    with pytest.raises(ValueError, match="position 1 is nan"):
        prospect(np.array([0.0, np.nan]), np.array([0]), 1)
    with pytest.raises(ValueError, match="at least 1"):
        prospect(np.zeros(3), np.array([0]), 0)


def test_a_row_of_zeros_is_near_to_nobody():
    vectors = unit_length(np.array([[3.0, 4.0], [0.0, 0.0]]))
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, [[0.6, 0.8], [0, 0]], rtol=1e-6)
