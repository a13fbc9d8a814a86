"""The metric head against ridge regression by hand."""

import numpy as np
import torch

from models.profiling.match import MatchSpace
from models.profiling.views import PurchaseVectors, View, ViewSpace
from tests.models.profiling.toy import AS_OF, toy_log

USERS = 120


def vectors_of() -> np.ndarray:
    log = toy_log(users=USERS).before(AS_OF)
    space = ViewSpace(views=(View(measure="days"),), width=16)
    fitted = PurchaseVectors.fit(log, np.ones(USERS, bool), space, least_share=0.01, most_columns=100, seed=0)
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
