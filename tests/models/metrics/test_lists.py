"""Figures inside lists, pairs by level and clustered errors, against plain loops and against simulation."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score, roc_auc_score

from models.metrics import (
    LIST_FIGURES,
    REQUEST_FIGURES,
    JudgedLists,
    NotFinite,
    Ordered,
    auc,
    gauc,
    list_figures,
    list_numbers,
    pairs_by_level,
    ranking_figures,
    user_hours,
)

#: user, request (−1: unknown), clicked, score: few values each, so that ties, shared requests and lists of
#: one exposure or one class all occur
shown = st.lists(
    st.tuples(st.integers(0, 2), st.integers(-1, 3), st.booleans(), st.integers(0, 3)),
    min_size=1,
    max_size=40,
)


def columns(rows):
    user, request, clicked, score = (np.array(column) for column in zip(*rows, strict=True))
    return clicked, user, request, score / 4


def of_one_list(clicked, scores):
    """The figures of a list by their definitions, a mean over every order of equal scores."""
    orders = [
        order
        for order in itertools.permutations(range(len(scores)))
        if all(scores[a] >= scores[b] for a, b in itertools.pairwise(order))
    ]
    mrr, cut = [], {5: [], 10: []}
    for order in orders:
        ranked = clicked[list(order)]
        place = np.arange(1, len(ranked) + 1)
        mrr.append((ranked / place).sum() / ranked.sum())
        for k, values in cut.items():
            gain = (ranked / np.log2(place + 1))[:k].sum()
            values.append(gain / (np.sort(ranked)[::-1] / np.log2(place + 1))[:k].sum())
    means = [np.mean(mrr), np.mean(cut[5]), np.mean(cut[10])]
    return dict(zip(LIST_FIGURES, [roc_auc_score(clicked, scores), *means], strict=True))


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 4)), min_size=2, max_size=7).filter(
        lambda rows: 0 < sum(clicked for clicked, _ in rows) < len(rows)
    )
)
def test_a_lists_figures_are_means_over_all_orders_of_equals(rows):
    clicked, scores = (np.array(column) for column in zip(*rows, strict=True))
    lists = JudgedLists.of(clicked, np.zeros(len(rows), int), np.zeros(len(rows), int))
    figures = list_figures(Ordered.of(scores / 4), lists)
    for name, expected in of_one_list(clicked, scores).items():
        assert figures[name] == pytest.approx([expected], abs=1e-12), name


def test_without_ties_ndcg_is_sklearns_also_beyond_the_cut():
    rng = np.random.default_rng(0)
    clicked, scores = rng.random(30) < 0.4, rng.permutation(30) / 30
    lists = JudgedLists.of(clicked, np.zeros(30, int), np.zeros(30, int))
    figures = list_figures(Ordered.of(scores), lists)
    for k in (5, 10):
        expected = ndcg_score(clicked[None].astype(int), scores[None], k=k)
        assert figures[f"request_ndcg{k}"] == pytest.approx([expected], abs=1e-12)


@given(shown)
def test_each_list_is_judged_alone_and_those_of_one_class_are_left_out(rows):
    clicked, user, request, scores = columns(rows)
    keys = [key for key in dict.fromkeys(zip(request, user, strict=True)) if key[0] >= 0]
    inside = {key: (request == key[0]) & (user == key[1]) for key in keys}
    both = {key: at for key, at in inside.items() if 0 < clicked[at].sum() < at.sum()}
    lists = JudgedLists.of(clicked, user, request)
    assert lists.known == len(keys) and len(lists) == len(both)
    assert sorted(lists.size.tolist()) == sorted(int(at.sum()) for at in both.values())
    figures = list_figures(Ordered.of(scores), lists)
    for place, (begin, size, owner) in enumerate(zip(lists.first, lists.size, lists.user, strict=True)):
        key = request[lists.row[begin]], owner
        at = both.pop(key)
        assert sorted(lists.row[begin : begin + size]) == np.flatnonzero(at).tolist()
        alone = list_figures(Ordered.of(scores[at]), JudgedLists.of(clicked[at], user[at], request[at]))
        for name in LIST_FIGURES:
            assert figures[name][place] == pytest.approx(alone[name][0], abs=1e-12)
        assert figures["request_auc"][place] == pytest.approx(auc(clicked[at], scores[at]), abs=1e-12)
    assert not both


@given(shown)
def test_the_figures_of_a_log_are_plain_means_over_its_lists(rows):
    clicked, user, request, scores = columns(rows)
    hour = np.arange(len(rows)) % 3
    figures = ranking_figures(clicked, scores, user, hour, request)
    lists = JudgedLists.of(clicked, user, request)
    assert figures["requests"] == lists.known
    assert figures["gauc_hour"] == gauc(clicked, scores, user * 24 + hour)
    if not (request >= 0).any():
        assert not set(REQUEST_FIGURES) & set(figures)
        return
    values = list_figures(Ordered.of(scores), lists)
    for name in LIST_FIGURES:
        expected = values[name].mean() if len(lists) else None
        assert figures[name] == (expected if expected is None else pytest.approx(expected))
    known = request >= 0
    within = gauc(clicked[known], scores[known], (request * 3 + user)[known])
    assert figures["gauc_request"] == (within if within is None else pytest.approx(within))


def test_a_constant_score_is_worth_what_chance_is():
    rng = np.random.default_rng(1)
    request = np.repeat(np.arange(400), 8)
    clicked = rng.random(3200) < 0.3
    flat = ranking_figures(clicked, np.full(3200, 0.5), request, None, request)
    drawn = [ranking_figures(clicked, rng.random(3200), request, None, request) for _ in range(40)]
    assert flat["request_auc"] == 0.5
    for name in LIST_FIGURES:
        values = [figures[name] for figures in drawn]
        assert flat[name] == pytest.approx(np.mean(values), abs=4 * np.std(values) / 40**0.5), name


def test_scores_that_are_no_numbers_are_refused():
    with pytest.raises(NotFinite):
        ranking_figures(
            np.array([True, False]), np.array([0.1, math.nan]), np.zeros(2, int), None, np.zeros(2)
        )


@given(shown)
def test_pairs_by_level_are_all_pairs_each_once(rows):
    clicked, user, request, scores = columns(rows)
    sums = pairs_by_level(clicked, Ordered.of(scores), [list_numbers(user, request), user])
    expected = np.zeros((3, 2))
    for i, j in itertools.product(np.flatnonzero(clicked), np.flatnonzero(~clicked)):
        same_list = user[i] == user[j] and request[i] == request[j] >= 0
        level = 0 if same_list else 1 if user[i] == user[j] else 2
        expected[level] += 1, (scores[i] > scores[j]) + 0.5 * (scores[i] == scores[j])
    np.testing.assert_allclose(sums, expected, atol=1e-9)
    if expected[:, 0].sum():
        assert sums[:, 1].sum() / sums[:, 0].sum() == pytest.approx(auc(clicked, scores), abs=1e-12)


def test_hours_of_users_are_not_mixed():
    users, hours = np.meshgrid(np.arange(5), np.arange(24))
    numbers = user_hours(users.ravel(), hours.ravel())
    assert len(np.unique(numbers)) == 5 * 24 and (numbers // 24 == users.ravel()).all()
