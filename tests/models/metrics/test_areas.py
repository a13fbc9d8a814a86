import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import log_loss as reference_log_loss
from sklearn.metrics import roc_auc_score

from models import metrics as evaluation
from models.metrics import Ordered

pairs = st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=2, max_size=60)


def arrays(rows):
    labels = np.array([label for label, _ in rows])
    return labels, np.array([score for _, score in rows]) / 6


@given(pairs)
def test_auc_is_sklearns_with_ties(rows):
    labels, scores = arrays(rows)
    area = evaluation.auc(labels, scores)
    if labels.all() or not labels.any():
        assert area is None
    else:
        assert area == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)


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
    gauc = evaluation.gauc(labels, scores, user)
    assert gauc is None if weight == 0 else gauc == pytest.approx(total / weight, abs=1e-12)


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


@given(pairs, st.integers(1, 5))
def test_auc_inside_groups_is_that_of_each_group_alone(rows, groups):
    labels, scores = arrays(rows)
    group = (np.arange(len(rows)) * 7 % groups).astype(np.int16)
    grouped = evaluation.auc_by_group(labels, Ordered.of(scores), group)
    assert grouped.group.tolist() == sorted(set(group.tolist()))
    for g, exposures, clicks, area in zip(*vars(grouped).values(), strict=True):
        here = group == g
        assert (exposures, clicks) == (here.sum(), labels[here].sum())
        alone = evaluation.auc(labels[here], scores[here])
        assert np.isnan(area) if alone is None else area == pytest.approx(alone, abs=1e-12)


def test_nothing_has_no_figure():
    nothing = np.array([])
    assert evaluation.auc(nothing, nothing) is None
    assert evaluation.gauc(nothing, nothing, nothing) is None
    assert evaluation.auc_standard_error(nothing, nothing) is None
    assert math.isnan(evaluation.log_loss(nothing, nothing))
    sums = evaluation.calibration_sums(nothing, nothing, Ordered.of(nothing))
    assert sums.shape == (10, 3) and evaluation.expected_calibration_error(sums) is None


@given(pairs)
def test_placements_are_counted_against_the_other_class(rows):
    labels, scores = arrays(rows)
    placed = evaluation.placements(labels, [Ordered.of(scores), Ordered.of(-scores)])
    if labels.all() or not labels.any():
        assert placed is None
        return
    clicks, skips = scores[labels], scores[~labels]
    wins = (clicks[:, None] > skips) + 0.5 * (clicks[:, None] == skips)
    np.testing.assert_allclose(placed.above[0], wins.mean(1))
    np.testing.assert_allclose(placed.below[0], wins.mean(0))
    np.testing.assert_allclose(placed.auc, [wins.mean(), 1 - wins.mean()])
    np.testing.assert_allclose(placed.below.mean(1), placed.auc)


def test_delongs_p_is_uniform_where_nothing_differs():
    """Two equally good scorings: at most about one in twenty tests is below .05."""
    rng = np.random.default_rng(3)
    p = []
    for _ in range(400):
        labels = rng.random(300) < 0.4
        shared = labels + rng.normal(size=300)
        one, other = (shared + 0.7 * rng.normal(size=300) for _ in range(2))
        p.append(evaluation.auc_difference(labels, one, other)[2])
    assert 0.02 < np.mean(np.array(p) < 0.05) < 0.09
    assert abs(np.mean(p) - 0.5) < 0.06


def test_calibration_bins_hold_a_tenth_each_and_tell_the_click_rate():
    rng = np.random.default_rng(4)
    scores = rng.random(5000)
    labels = rng.random(5000) < scores
    sums = evaluation.calibration_sums(labels, scores, Ordered.of(scores))
    assert sums[:, 2].tolist() == [500] * 10
    edges = np.quantile(scores, np.arange(1, 10) / 10)
    bins = np.searchsorted(edges, scores)
    for b, (predicted, clicks, shown) in enumerate(sums):
        assert predicted == pytest.approx(scores[bins == b].sum())
        assert clicks == labels[bins == b].sum() and shown == (bins == b).sum()
    error = evaluation.expected_calibration_error(sums)
    direct = sum(abs(scores[bins == b].mean() - labels[bins == b].mean()) * 0.1 for b in range(10))
    assert error == pytest.approx(direct) and error < 0.03
    half = evaluation.calibration_sums(labels, scores / 2, Ordered.of(scores))
    assert evaluation.expected_calibration_error(half) == pytest.approx(0.25, abs=0.02)


def test_equal_scores_share_a_bin():
    labels = np.array([True, False] * 10)
    sums = evaluation.calibration_sums(labels, np.full(20, 0.5), Ordered.of(np.full(20, 0.5)))
    assert sorted(sums[:, 2].tolist()) == [0] * 9 + [20]
    assert evaluation.expected_calibration_error(sums) == 0
