import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import log_loss as reference_log_loss
from sklearn.metrics import roc_auc_score

from models import evaluation

pairs = st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=2, max_size=60)


def arrays(rows):
    labels = np.array([label for label, _ in rows])
    return labels, np.array([score for _, score in rows]) / 6


@given(pairs)
def test_auc_is_sklearns_with_ties(rows):
    labels, scores = arrays(rows)
    found = evaluation.auc(labels, scores)
    if labels.all() or not labels.any():
        assert found is None
    else:
        assert found == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)


@given(pairs, st.integers(1, 4))
def test_gauc_is_the_weighted_mean_of_auc_within_users(rows, users):
    labels, scores = arrays(rows)
    user = np.arange(len(rows)) * 7 % users
    total = weight = 0.0
    for u in range(users):
        here = user == u
        if 0 < labels[here].sum() < here.sum():
            total += here.sum() * roc_auc_score(labels[here], scores[here])
            weight += here.sum()
    found = evaluation.gauc(labels, scores, user)
    assert found is None if weight == 0 else found == pytest.approx(total / weight, abs=1e-12)


def test_log_loss_is_sklearns_and_stays_finite():
    rng = np.random.default_rng(0)
    labels, scores = rng.random(500) < 0.3, rng.random(500)
    assert evaluation.log_loss(labels, scores) == pytest.approx(reference_log_loss(labels, scores), rel=1e-9)
    assert evaluation.log_loss(np.array([True]), np.array([0.0])) == pytest.approx(-math.log(1e-7))


def test_delong_matches_the_bootstrap_and_a_direct_count():
    rng = np.random.default_rng(1)
    labels = rng.random(400) < 0.4
    scores = np.round(labels * 0.8 + rng.normal(size=400), 1)
    error = evaluation.auc_standard_error(labels, scores)
    drawn = [rng.integers(0, 400, 400) for _ in range(400)]
    spread = np.std([evaluation.auc(labels[d], scores[d]) for d in drawn])
    assert error == pytest.approx(spread, rel=0.15)
    clicks, skips = scores[labels], scores[~labels]
    wins = (clicks[:, None] > skips) + 0.5 * (clicks[:, None] == skips)
    direct = wins.mean(1).var(ddof=1) / len(clicks) + wins.mean(0).var(ddof=1) / len(skips)
    assert error == pytest.approx(math.sqrt(direct), rel=1e-9)


def test_paired_difference_knows_what_the_scorings_share():
    rng = np.random.default_rng(2)
    labels = rng.random(2000) < 0.5
    good = labels + rng.normal(size=2000)
    slightly_worse = good + 0.6 * rng.normal(size=2000)
    difference, error, p = evaluation.auc_difference(labels, good, slightly_worse)
    assert difference == pytest.approx(evaluation.auc(labels, good) - evaluation.auc(labels, slightly_worse))
    assert error < evaluation.auc_standard_error(labels, good) and p < 0.05
    assert evaluation.auc_difference(labels, good, good) == (0.0, 0.0, 1.0)
