"""Nine ways against each other: what is alike for all of them cancels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from models.profiling.nine_ways import accuracy, first_way, way_scores
from models.profiling.opponents import Constant
from models.profiling.relation import make_relation
from models.profiling.scorer import EmbeddedScorer
from models.profiling.settings import RelationSettings

SUPPORTS = [np.array([user]) for user in range(9)]


def test_it_is_the_logarithm_of_the_softmax_over_ways() -> None:
    scores = np.random.default_rng(0).normal(0, 3, (9, 20))
    expected = np.exp(scores[0]) / np.exp(scores).sum(0)
    np.testing.assert_allclose(np.exp(first_way(scores)), expected)
    np.testing.assert_allclose(first_way(scores + 1e4), first_way(scores), atol=1e-9)


def test_activity_cancels() -> None:
    alike = first_way(way_scores(Constant(np.arange(20.0)), SUPPORTS))
    np.testing.assert_allclose(alike, -np.log(9))


@dataclass
class Nearness:
    """Minus the distance to the support on a line."""

    at: np.ndarray

    def score(self, customers: np.ndarray, others: np.ndarray | None = None) -> np.ndarray:
        return -np.abs(self.at - self.at[customers].mean())


def test_whoever_is_nearest_to_the_target_belongs_to_it() -> None:
    at = np.r_[0.0, np.arange(1, 9) * 10.0, 1.0, 50.0]
    probability = np.exp(first_way(way_scores(Nearness(at), SUPPORTS)))
    assert probability[9] > 0.99 and probability[10] < 0.01


def test_a_network_is_compared_before_its_sigmoid() -> None:
    embeddings = np.random.default_rng(1).normal(0, 1, (20, 4)).astype(np.float32)
    scorer = EmbeddedScorer(embeddings, make_relation(RelationSettings(hidden=5), 4))
    logits = way_scores(scorer, SUPPORTS)
    probability = np.stack([scorer.score(support) for support in SUPPORTS])
    np.testing.assert_allclose(1 / (1 + np.exp(-logits)), probability)
    with pytest.raises(ValueError, match="empty"):
        scorer.ways([*SUPPORTS, np.array([], dtype=np.int64)])


def test_what_reads_no_support_is_right_as_often_as_a_guess() -> None:
    rng = np.random.default_rng(2)
    members = rng.random((9, 400)) < rng.uniform(0.05, 0.8, (9, 1))
    activity = way_scores(Constant(rng.normal(0, 1, 400)), SUPPORTS)
    one_always = np.eye(9)[[3]].T * np.ones((1, 400))
    for scores in (activity, one_always):
        assert accuracy(scores, members) == pytest.approx(1 / 9)
    guessed = [accuracy(rng.normal(0, 1, (9, 400)), members) for _ in range(200)]
    assert np.mean(guessed) == pytest.approx(1 / 9, abs=0.01)


def test_accuracy_is_the_mean_over_ways_however_many_belong_to_each() -> None:
    members = np.zeros((9, 90), dtype=bool)
    members[0, :82] = True
    members[np.arange(1, 9), np.arange(82, 90)] = True
    scores = members.astype(float)
    assert accuracy(scores, members) == 1.0
    scores[:, :82] = np.eye(9)[:, [1]]
    assert accuracy(scores, members) == pytest.approx(8 / 9), "a large way counts as one"
    members[4] = False
    assert accuracy(scores, members) is None
