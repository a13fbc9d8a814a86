"""The metric head against ridge regression by hand, and purchase vectors against counting by hand."""

import numpy as np
import pytest
import torch

from models.profiling.match import MatchSpace
from models.profiling.views import PurchaseVectors, View
from tests.models.profiling.toy import AS_OF, toy_log

USERS = 120


def vectors_of(width: int = 16, **kwargs) -> np.ndarray:
    log = toy_log(users=USERS).before(AS_OF)
    fitted = PurchaseVectors.fit(
        log,
        np.ones(USERS, bool),
        kwargs.get("views", (View(level=-1, measure="days"),)),
        width=width,
        least_share=0.01,
        most_columns=100,
        seed=0,
    )
    return fitted.transform(log, USERS)


def by_hand(vectors: np.ndarray, members: np.ndarray, background: np.ndarray, shrinkage: float, user: int):
    """Ridge of membership on centred vectors, `user` left out of both sides."""
    x = vectors.astype(np.float64) - vectors[background].astype(np.float64).mean(0)
    n = background.sum()
    total = (x[background] ** 2).sum() / n
    rows = background.copy()
    rows[user] = False
    y = members.astype(np.float64) - members[background].sum() / n
    gram = x[rows].T @ x[rows] / n + shrinkage * total * np.eye(x.shape[1])
    return x[user] @ np.linalg.solve(gram, x[rows].T @ y[rows] / n)


def test_scores_are_ridge_with_each_background_user_left_out():
    vectors, rng = vectors_of(), np.random.default_rng(0)
    background = rng.random(USERS) < 0.8
    support = rng.choice(np.flatnonzero(background), 9, replace=False)
    members = np.isin(np.arange(USERS), support)
    space = MatchSpace.of(vectors, background)
    scores = space.scores([support], 0.1)[0].numpy()
    asked = np.flatnonzero(~members)[:40]
    expected = np.asarray([by_hand(vectors, members, background, 0.1, user) for user in asked])
    # Scores are standardised: the same up to one shift and one scale.
    assert np.corrcoef(scores[asked], expected)[0, 1] > 0.99999


def test_scores_are_standardised_over_the_background():
    background = np.arange(USERS) < 90
    scores = MatchSpace.of(vectors_of(), background).scores([np.arange(5), np.arange(30)], 0.05)
    assert scores.shape == (2, USERS)
    torch.testing.assert_close(scores[:, :90].mean(1), torch.zeros(2), atol=1e-5, rtol=0)
    torch.testing.assert_close(scores[:, :90].std(1), torch.ones(2), atol=1e-5, rtol=0)


def test_users_outside_the_background_move_nothing():
    vectors, background = vectors_of(), np.arange(USERS) < 90
    moved = vectors.copy()
    moved[90:] += 5.0
    support = [np.arange(7)]
    before = MatchSpace.of(vectors, background).scores(support, 0.05)[:, :90]
    after = MatchSpace.of(moved, background).scores(support, 0.05)[:, :90]
    torch.testing.assert_close(before, after)


@pytest.mark.parametrize("measure", ["days", "spend", "bought"])
def test_vectors_say_what_is_bought_not_how_much(measure):
    log = toy_log(users=USERS).before(AS_OF)
    view = View(level=1, measure=measure)
    fitted = PurchaseVectors.fit(
        log, np.ones(USERS, bool), (view,), width=99, least_share=0.0, most_columns=99, seed=0
    )
    vectors = fitted.transform(log, USERS)
    valid = ~log.cancelled
    raw = np.zeros((USERS, len(fitted.columns[0].names)))
    position = [fitted.columns[0].names.index(name) for name in log.genre_names[1]]
    for user in range(USERS):
        mine = valid & (log.user == user)
        for genre in range(len(position)):
            rows = mine & (log.genre[:, 1] == genre)
            days, spent = len(np.unique(log.day[rows])), float(log.price[rows].sum())
            raw[user, position[genre]] = {
                "days": np.log1p(days),
                "spend": np.log1p(spent),
                "bought": float(days > 0),
            }[measure]
    raw /= np.sqrt(raw.std(0))
    unit = raw / np.linalg.norm(raw, axis=1, keepdims=True)
    # All directions are kept, so inner products survive the projection of what lies in their span.
    centred = unit - unit.mean(0)
    projected = vectors - vectors.mean(0)
    np.testing.assert_allclose(projected @ projected.T, centred @ centred.T, atol=1e-4)


def test_a_user_without_purchases_is_the_zero_vector():
    log = toy_log(users=USERS).before(AS_OF)
    fitted = PurchaseVectors.fit(
        log, np.ones(USERS, bool), (View(),), width=8, least_share=0.0, most_columns=99, seed=0
    )
    assert not fitted.transform(log, USERS + 3)[USERS:].any()
