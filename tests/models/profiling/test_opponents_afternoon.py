"""Opponents of a good afternoon: equal to the same by hand, blind to the future and to test users."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.metrics import roc_auc_score

from models.metrics import auc
from models.profiling.activity import activity_columns
from models.profiling.afternoon import (
    CONFIDENCE,
    FACTOR_PENALTY,
    FACTORS,
    INVERSE_PENALTY,
    NEAREST,
    als_factors,
    logistic_on_baskets,
    logistic_on_factors,
    nearest_baskets,
    trees_on_baskets,
)
from models.profiling.basket_table import LEAST_BUYERS, BasketTable, labelled_rows
from models.profiling.brands import FirstPurchases
from tests.models.profiling.conftest import USERS
from tests.models.profiling.toy import AS_OF, toy_data

MAKERS = {
    "logistic": logistic_on_baskets,
    "als": lambda data, train: logistic_on_factors(data, train, seed=0),
    "trees": lambda data, train: trees_on_baskets(data, train, seed=0),
    "nearest": nearest_baskets,
}
every_opponent = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


@pytest.fixture(scope="module")
def customers(data, train):
    return np.flatnonzero(FirstPurchases.of(data.purchases, USERS).day[7] < AS_OF)[::2]


def counted(log) -> np.ndarray:
    """Items by deepest genre, by a loop."""
    table = np.zeros((USERS, len(log.genre_names[-1])))
    for user, genre, cancelled in zip(log.user, np.asarray(log.genre)[:, -1], log.cancelled, strict=True):
        table[user, genre] += not cancelled
    return table


def tf_idf_by_hand(counts, train) -> np.ndarray:
    bought = counts[train] > 0
    rarity = 1 + np.log((1 + train.sum()) / (1 + bought.sum(0)))
    weighed = np.where(counts > 0, 1 + np.log(np.maximum(counts, 1)), 0) * rarity
    return weighed / np.maximum(np.linalg.norm(weighed, axis=1, keepdims=True), 1e-300)


def test_tf_idf_is_that_by_hand(data, train):
    table = BasketTable.of(data, train)
    counts = counted(data.purchases)
    assert np.array_equal(table.counts.toarray(), counts)
    assert table.tf_idf.toarray() == pytest.approx(tf_idf_by_hand(counts, train))
    columns = activity_columns(data.purchases, AS_OF, USERS)
    spread = (columns - columns[train].mean(0)) / columns[train].std(0)
    assert table.recency_frequency_spend == pytest.approx(spread[:, [18, 14, 13]])


def test_a_type_that_few_train_users_buy_is_no_column(data):
    few = np.zeros(USERS, dtype=bool)
    few[:7] = True
    buyers = (counted(data.purchases)[few] > 0).sum(0)
    assert 0 < (buyers >= LEAST_BUYERS).sum() < len(buyers), "the toy must hold both kinds"
    assert BasketTable.of(data, few).counts.shape[1] == (buyers >= LEAST_BUYERS).sum()


def test_labelled_rows_count_each_customer_once_and_need_both_classes(train):
    rows, labels = labelled_rows(train, np.array([5, 1, 5]), None)
    assert rows[labels].tolist() == [1, 5]
    assert np.array_equal(np.sort(rows), np.flatnonzero(train))
    rows, labels = labelled_rows(train, np.array([1]), np.array([8, 9]))
    assert (rows.tolist(), labels.tolist()) == ([1, 8, 9], [True, False, False])
    with pytest.raises(ValueError, match="0 customers"):
        labelled_rows(train, np.zeros(0, dtype=int), None)
    with pytest.raises(ValueError, match="0 others"):
        labelled_rows(train, np.array([1]), np.zeros(0, dtype=int))


@pytest.mark.parametrize("given_others", [False, True])
def test_logistic_is_the_optimum_by_hand(data, train, customers, given_others):
    others = np.setdiff1d(np.flatnonzero(train), customers)
    others = others[::3] if given_others else others
    table = BasketTable.of(data, train)
    columns = np.concatenate(
        [tf_idf_by_hand(counted(data.purchases), train), table.recency_frequency_spend], axis=1
    )
    rows = np.concatenate([customers, others])
    signs = np.where(np.arange(len(rows)) < len(customers), 1.0, -1.0)

    def loss(beta):
        odds = columns[rows] @ beta[1:] + beta[0]
        return np.logaddexp(0, -signs * odds).sum() + beta[1:] @ beta[1:] / (2 * INVERSE_PENALTY)

    best = minimize(loss, np.zeros(columns.shape[1] + 1), options={"gtol": 1e-8, "maxiter": 2_000}).x
    scores = logistic_on_baskets(data, train).score(customers, others if given_others else None)
    assert scores == pytest.approx(columns @ best[1:] + best[0], abs=5e-3)


def test_factors_stay_where_dense_least_squares_leave_them(data, train):
    """Hu, Koren and Volinsky 2008, eq. 4: x = (YᵀC Y + λI)⁻¹ YᵀC p, in turn for items and for users."""
    counts = BasketTable.of(data, train).counts
    ours = als_factors(counts, train, seed=0)
    dense = counts.toarray()
    confidence = np.where(dense > 0, CONFIDENCE * (1 + np.log(np.maximum(dense, 1))), 1.0)
    wanted = (dense > 0).astype(float)

    def solved(factors, weights, target):
        left = np.einsum("ij,jf,jg->ifg", weights, factors, factors) + FACTOR_PENALTY * np.eye(FACTORS)
        return np.linalg.solve(left, np.einsum("ij,jf->if", weights * target, factors)[..., None])[..., 0]

    items = solved(ours[train], confidence[train].T, wanted[train].T)
    again = solved(items, confidence, wanted)
    assert np.linalg.norm(again - ours) < 0.05 * np.linalg.norm(ours)
    assert np.linalg.norm(solved(items, confidence, wanted[::-1]) - ours) > 0.2 * np.linalg.norm(ours)


def test_users_who_bought_alike_have_one_factor_and_who_bought_nothing_none(data, train):
    counts = BasketTable.of(data, train).counts.tolil()
    counts[0] = 0
    counts[3] = counts[2]
    factors = als_factors(counts.tocsr(), train, seed=3)
    assert factors.shape == (USERS, FACTORS) and not factors[0].any()
    assert factors[3] == pytest.approx(factors[2]) and factors[3].any()


@pytest.mark.parametrize("count", [1, 6, NEAREST + 20])
def test_nearest_is_brute_force(data, train, count):
    customers = np.flatnonzero(train)[:count]
    vectors = tf_idf_by_hand(counted(data.purchases), train)
    expected = [np.sort(vectors[customers] @ one)[::-1][:NEAREST].mean() for one in vectors]
    assert nearest_baskets(data, train).score(customers) == pytest.approx(expected)


def test_trees_part_what_a_column_parts(train):
    scorer = trees_on_baskets(toy_data(users=USERS, bare=True), train, seed=0)
    members = scorer.columns[:, 0] > np.quantile(scorer.columns[train, 0], 0.8)
    scores = scorer.score(np.flatnonzero(members & train))
    assert roc_auc_score(members[~train], scores[~train]) > 0.95


@every_opponent
def test_one_customer_is_enough(data, train, customers, make):
    scorer = make(data, train)
    for others in (None, np.flatnonzero(train)[-8:]):
        scores = scorer.score(customers[:1], others)
        assert scores.shape == (USERS,) and np.isfinite(scores).all()
        assert len(np.unique(scores[~train])) > 1, "one customer must say something"


@every_opponent
def test_the_same_again(data, train, customers, make):
    assert np.array_equal(make(data, train).score(customers), make(data, train).score(customers))


@every_opponent
def test_purchases_of_test_users_move_no_train_user(data, train, customers, make):
    log = data.purchases
    held = ~train[log.user]
    genre = np.where(held[:, None], np.roll(np.asarray(log.genre), 1, axis=0), np.asarray(log.genre))
    price = np.where(held, log.price * 3, log.price).astype(np.float32)
    other = replace(data, purchases=replace(log, genre=genre, price=price))
    known = customers[train[customers]]
    before, after = (make(one, train).score(known) for one in (data, other))
    assert np.array_equal(before[train], after[train])
    assert not np.array_equal(before[~train], after[~train])


@every_opponent
def test_nothing_after_the_as_of_date_counts(data, train, customers, make):
    """From the log that goes on for sixty days, only what `before` leaves reaches a scorer."""
    on = toy_data(as_of_day=AS_OF + 60, users=USERS, bare=True)
    cut = replace(on, as_of_day=AS_OF, purchases=on.purchases.before(AS_OF))
    assert len(on.purchases) > len(cut.purchases) == len(data.purchases)
    assert np.array_equal(make(cut, train).score(customers), make(data, train).score(customers))


@every_opponent
def test_a_log_of_two_genres_stands(data, train, customers, make):
    log = data.purchases
    flat = replace(log, genre=np.asarray(log.genre)[:, :1] % 2, genre_names=(("genre0", "genre1"),))
    scores = make(replace(data, purchases=flat), train).score(customers)
    assert np.isfinite(scores).all()


def test_over_the_brands_of_the_shop_they_beat_chance(train):
    whole, data = toy_data(as_of_day=AS_OF + 60, users=USERS, bare=True), toy_data(users=USERS, bare=True)
    first = FirstPurchases.of(whole.purchases, USERS)
    members, fresh = first.customers(AS_OF), first.newcomers(AS_OF, AS_OF + 60)
    for name, make in MAKERS.items():
        scorer, areas = make(data, train), []
        for brand in range(0, len(members), 3):
            asked = ~train & ~members[brand]
            scores = scorer.score(np.flatnonzero(members[brand] & train))
            areas.append(auc(fresh[brand][asked], scores[asked]))
        assert np.mean([area for area in areas if area is not None]) > 0.55, (name, areas)
