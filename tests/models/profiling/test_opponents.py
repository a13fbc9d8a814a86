"""Opponents and figures: equal to their references, blind to whom they must not see."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.linear_model import Ridge as ReferenceRidge
from sklearn.metrics import average_precision_score

from models.metrics import auc
from models.profiling.brands import FirstPurchases
from models.profiling.data import MISSING
from models.profiling.joint_logistic import JointLogistic, Known, items_by_brand
from models.profiling.logistic import fit_logistic
from models.profiling.opponents import (
    RIDGE,
    Ridge,
    RidgeSystem,
    activity_alone,
    cosine_to_customers,
    ridge_on_spend,
    user_prior,
)
from models.profiling.profile_metrics import auc_within, average_precision, figures
from models.profiling.source_brands import source_brands
from tests.models.profiling.conftest import USERS
from tests.models.profiling.toy import AS_OF, toy_data

HORIZON = 60
TARGETS = np.array([0, 5, 13])


@pytest.fixture(scope="module")
def source(data, train):
    return source_brands(data, train, excluded=TARGETS, horizon=HORIZON)


def scorers(data, train, source):
    return {
        "activity": activity_alone(data),
        "prior": user_prior(data, train, source),
        "cosine": cosine_to_customers(data),
        "ridge": ridge_on_spend(data, train),
        "joint": JointLogistic.train(data, train, source),
    }


@given(st.lists(st.booleans(), min_size=2, max_size=40).filter(any), st.integers(1, 6), st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_average_precision_is_the_reference_with_ties(labels, levels, seed):
    scores = np.random.default_rng(seed).integers(0, levels, len(labels)) / 7
    expected = average_precision_score(labels, scores)
    assert average_precision(np.array(labels), scores) == pytest.approx(expected)


def test_figures_of_a_constant_score_and_of_one_class():
    labels = np.array([True, False, False, False])
    flat = figures(labels, np.zeros(4), np.zeros(4))
    assert (flat.aupr, flat.auroc, flat.base_rate, flat.newcomers) == (0.25, 0.5, 0.25, 1)
    none = figures(np.zeros(4, bool), np.arange(4.0), np.zeros(4))
    assert none.aupr is None and none.auroc is None and none.within_quintiles is None


def test_auc_within_ignores_what_lies_between_groups():
    labels = np.array([0, 1, 0, 1, 0, 0], bool)
    group = np.array([0, 0, 1, 1, 2, 2])
    assert auc_within(labels, np.array([1.0, 2, 20, 10, 0, 0]), group) == pytest.approx(0.5)


@pytest.mark.parametrize("penalty", [0.3, 5.0])
def test_logistic_is_the_reference(penalty):
    rng = np.random.default_rng(1)
    columns = rng.standard_normal((300, 4))
    labels = rng.random(300) < 1 / (1 + np.exp(-columns @ [1.0, -2, 0, 0.5] + 1))
    reference = LogisticRegression(C=1 / penalty, tol=1e-10, max_iter=1000).fit(columns, labels)
    model = fit_logistic(columns, labels.astype(float), penalty=penalty)
    assert model.coefficients == pytest.approx(reference.coef_[0], abs=1e-5)
    assert model.intercept == pytest.approx(reference.intercept_[0], abs=1e-5)


def test_logistic_of_trials_is_that_of_single_rows():
    rng = np.random.default_rng(2)
    columns, trials = rng.standard_normal((40, 2)), rng.integers(0, 6, 40)
    successes = rng.binomial(trials, 0.3)
    single = np.concatenate(
        [np.r_[np.ones(s), np.zeros(t - s)] for s, t in zip(successes, trials, strict=True)]
    )
    one = fit_logistic(columns, successes.astype(float), trials)
    other = fit_logistic(np.repeat(columns, trials, axis=0), single)
    assert one.coefficients == pytest.approx(other.coefficients, abs=1e-8)


def test_logistic_stands_when_the_classes_part():
    columns = np.array([[-1.0], [-2], [1], [2]])
    model = fit_logistic(columns, np.array([0.0, 0, 1, 1]), penalty=1e-3)
    assert np.isfinite(model.log_odds(columns)).all() and model.coefficients[0] > 1


@pytest.mark.parametrize("rows", [8, 60])
def test_ridge_is_the_reference_by_either_system(rows):
    rng = np.random.default_rng(3)
    columns, target = rng.standard_normal((rows, 20)), rng.random((rows, 2))
    reference = ReferenceRidge(alpha=3.0 * rows).fit(columns, target)
    system = RidgeSystem(columns, 3.0)
    assert system.weights(target) == pytest.approx(reference.coef_.T)
    for own in ([4, 4], [0, 19]):
        weights = system.without(system.weights(target), np.array(own))
        for t, column in enumerate(own):
            left = ReferenceRidge(alpha=3.0 * rows).fit(np.delete(columns, column, 1), target[:, t])
            assert np.delete(weights[:, t], column) == pytest.approx(left.coef_)
            assert weights[column, t] == pytest.approx(0, abs=1e-12)


def test_ridge_without_others_takes_the_other_train_users():
    rng = np.random.default_rng(4)
    scorer = Ridge(rng.standard_normal((30, 5)), np.arange(30) < 20)
    customers = np.array([1, 4, 7])
    others = np.setdiff1d(np.arange(20), customers)
    assert scorer.score(customers) == pytest.approx(scorer.score(customers, others))


@pytest.mark.parametrize("outsider", [False, True])
@pytest.mark.parametrize("others", ["none", "all", "some"])
def test_ridge_with_one_inverse_is_the_formula_on_the_labelled_rows(data, train, others, outsider):
    scorer = ridge_on_spend(data, train)
    random = np.random.default_rng(8)
    for size in (1, 5, 70):
        customers = random.permutation(np.flatnonzero(train))[:size]
        if outsider:  # a customer who is no train user is labelled all the same
            customers = np.append(customers, np.flatnonzero(~train)[0])
        rest = np.setdiff1d(np.flatnonzero(train), customers)
        rest = random.permutation(rest)[: 40 if others == "some" else None]
        rows = np.concatenate([customers, rest])
        x = scorer.columns[rows] - scorer.columns[rows].mean(0)
        y = np.arange(len(rows)) < len(customers)
        gram = x.T @ x / len(rows) + RIDGE * np.eye(x.shape[1])
        expected = scorer.columns @ np.linalg.solve(gram, x.T @ (y - y.mean()) / len(rows))
        scores = scorer.score(customers, None if others == "none" else rest)
        assert scores == pytest.approx(expected, abs=1e-9)


def test_ridge_inverts_once_for_all_brands(data, train, monkeypatch):
    made = []
    whole = RidgeSystem.__init__

    def counted(self, columns, strength):
        made.append(len(columns))
        whole(self, columns, strength)

    monkeypatch.setattr(RidgeSystem, "__init__", counted)
    scorer = ridge_on_spend(data, train)
    for customers in ([0], [1, 2, 4], np.flatnonzero(train)[:50]):
        scorer.score(np.array(customers))
        scorer.score(np.array(customers), np.setdiff1d(np.flatnonzero(train), customers))
    assert made == [train.sum()]


def test_source_brands_hold_no_target_and_no_test_user(data, train, source):
    assert len(source.brands) and not set(source.brands) & set(TARGETS)
    for of_users in (source.customers, source.newcomers, source.at_risk):
        assert not of_users[:, ~train].any()
    first = FirstPurchases.of(data.purchases, USERS)
    day = np.stack([first.day[brand] for brand in source.brands])
    assert (source.newcomers == (day >= AS_OF - HORIZON) & (day < AS_OF) & train).all()
    assert not (source.newcomers & source.customers).any()


def test_purchases_of_test_users_move_no_train_user(data, train, source):
    log = data.purchases
    held = ~train[log.user]
    brand = np.where(held, (log.brand + 1) % len(log.brand_names), log.brand)
    price = np.where(held, log.price * 3, log.price)
    other = replace(data, purchases=replace(log, brand=brand, price=price.astype(np.float32)))
    changed = source_brands(other, train, excluded=TARGETS, horizon=HORIZON)
    customers = np.flatnonzero(train)[:15]
    after = scorers(other, train, changed)
    for name, scorer in scorers(data, train, source).items():
        assert np.array_equal(scorer.score(customers)[train], after[name].score(customers)[train]), name


def test_a_column_of_its_own_never_speaks_for_a_source_brand(data, train, source):
    part = np.where(train, np.arange(USERS) % 3, 3)
    known = Known.before(data.purchases, source.start_day, source.brands, train, part)
    own = np.arange(len(source.brands))
    before = known.matches(source.customers.T, own)
    shuffled = known.bought.copy()
    shuffled[:, 2] = np.random.default_rng(0).permutation(shuffled[:, 2])
    after = replace(known, bought=shuffled).matches(source.customers.T, own)
    assert after[2, :, 2] == pytest.approx(before[2, :, 2])
    assert not np.allclose(after[2, :, 3], before[2, :, 3])


def test_items_by_brand_counts_what_was_kept(data):
    log = data.purchases
    brands = np.array([7, 2])
    items = np.expm1(items_by_brand(log, brands, USERS))
    for column, brand in enumerate(brands):
        assert items[:, column].sum() == pytest.approx((~log.cancelled & (log.brand == brand)).sum())


def test_match_systems_find_newcomers_and_repeat_themselves(train):
    """Over the simulated shop's brands, those that know the customers beat those that do not."""
    whole = toy_data(as_of_day=AS_OF + 60, users=USERS, bare=True)
    data = toy_data(users=USERS, bare=True)
    first = FirstPurchases.of(whole.purchases, USERS)
    members, fresh = first.customers(AS_OF), first.newcomers(AS_OF, AS_OF + 60)
    targets = np.arange(len(members))[::3]
    source = source_brands(data, train, excluded=targets, horizon=HORIZON)
    means = {}
    for name, scorer in scorers(data, train, source).items():
        areas = []
        for brand in targets:
            asked = ~train & ~members[brand]
            customers = np.flatnonzero(members[brand] & train)
            scores = scorer.score(customers)
            assert scores.shape == (USERS,) and np.isfinite(scores).all()
            assert np.array_equal(scores, scorer.score(customers))
            areas.append(auc(fresh[brand][asked], scores[asked]))
        means[name] = np.mean([value for value in areas if value is not None])
    assert means["ridge"] > means["activity"] and means["joint"] > means["prior"], means


def test_without_source_brands_the_learned_ones_say_nothing_and_stand(data, train):
    everything = np.arange(len(data.purchases.brand_names))
    empty = source_brands(data, train, excluded=everything, horizon=HORIZON)
    assert not len(empty.brands)
    assert np.ptp(user_prior(data, train, empty).values) == pytest.approx(0)
    scores = JointLogistic.train(data, train, empty).score(np.array([0, 1]))
    assert np.isfinite(scores).all() and MISSING not in empty.brands
