"""The baseline: a network a brand, from the labelled users alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from models.profiling.meta_profile import MetaProfile
from models.profiling.normal_training import NormalTraining
from models.profiling.settings import TINY, NormalTrainingSettings, SourceTaskSettings
from tests.models.profiling.toy import toy_data

USERS = 60
DATA = toy_data(users=USERS)
TRAIN = np.arange(USERS) < 40
SETTINGS = TINY.model_copy(update={"sources": SourceTaskSettings(min_labelled=5)})
RULE = NormalTrainingSettings(min_steps=4, max_steps=8)
CUSTOMERS, OTHERS = np.asarray([1, 4, 9, 12]), np.asarray([2, 3, 5, 7, 8, 20, 21])


def ready(**options: object) -> NormalTraining:
    return NormalTraining.ready(SETTINGS, DATA, TRAIN, seed=0, rule=RULE, **options)  # type: ignore[arg-type]


def test_the_same_labels_in_any_order_give_the_same_scores() -> None:
    normal = ready()
    score = normal.score(CUSTOMERS, OTHERS)
    assert score.shape == (USERS,) and score.dtype == np.float64 and score.std() > 0
    np.testing.assert_array_equal(score, normal.score(CUSTOMERS[::-1], OTHERS[::-1]))
    np.testing.assert_array_equal(score, ready().score(CUSTOMERS, OTHERS))
    assert not np.array_equal(score, normal.score(CUSTOMERS, OTHERS[1:]))


def test_only_labelled_users_enter_the_training() -> None:
    """The scores of labelled users do not move with the cells of others, given the scales."""
    normal = ready()
    labelled = np.concatenate([CUSTOMERS, OTHERS])
    store = normal.inputs.stores[0]
    rows = torch.repeat_interleave(torch.arange(USERS), store.starts.diff())
    loud = torch.where(torch.isin(rows, torch.from_numpy(labelled)), store.value, store.value * 9)
    changed = replace(
        normal,
        inputs=replace(normal.inputs, stores=(replace(store, value=loud), *normal.inputs.stores[1:])),
    )
    a, b = normal.score(CUSTOMERS, OTHERS), changed.score(CUSTOMERS, OTHERS)
    # A batch of 60 is embedded at once, so sums may run in another order; weights are the same.
    np.testing.assert_allclose(a[labelled], b[labelled], atol=1e-6)
    assert np.abs(a - b).max() > 1e-4


def test_without_others_everybody_else_of_the_training_users_is_one() -> None:
    normal = ready()
    rest = np.setdiff1d(np.flatnonzero(TRAIN), CUSTOMERS)
    np.testing.assert_array_equal(normal.score(CUSTOMERS), normal.score(CUSTOMERS, rest))


def test_a_single_customer_is_enough() -> None:
    """It must not learn to answer no: the customer itself stands above the others."""
    normal = replace(ready(), rule=NormalTrainingSettings(min_steps=60))
    score = normal.score(np.asarray([9]), OTHERS)
    assert np.isfinite(score).all() and score[9] > score[OTHERS].mean()


def test_only_wanted_scores_are_computed() -> None:
    whole, part = ready(), ready(scored=~TRAIN)
    a, b = whole.score(CUSTOMERS, OTHERS), part.score(CUSTOMERS, OTHERS)
    np.testing.assert_allclose(a[~TRAIN], b[~TRAIN], atol=1e-6)
    assert np.isnan(b[TRAIN & ~np.isin(np.arange(USERS), CUSTOMERS)]).all()


def test_finetuning_starts_from_the_meta_trained_weights_and_leaves_them() -> None:
    profile = MetaProfile.train(SETTINGS, DATA, TRAIN, seed=0)
    before = {name: value.clone() for name, value in profile.network.state_dict().items()}
    rule = NormalTrainingSettings(min_steps=1, max_steps=1, finetune_rate=1e-9)
    tuned = NormalTraining.finetuning(profile, DATA, TRAIN, seed=0, rule=rule)
    network = tuned.train(CUSTOMERS, OTHERS).relation
    for p, q in zip(network.parameters(), profile.network.relation.parameters(), strict=True):
        torch.testing.assert_close(p, q, atol=1e-6, rtol=1e-4)
    farther = NormalTraining.finetuning(profile, DATA, TRAIN, seed=0, rule=RULE).score(CUSTOMERS, OTHERS)
    assert np.abs(farther - profile.ready(DATA).score(CUSTOMERS)).max() > 1e-5
    assert all(torch.equal(before[name], value) for name, value in profile.network.state_dict().items())


def test_both_see_the_same_columns() -> None:
    profile = MetaProfile.train(SETTINGS, DATA, TRAIN, seed=0)
    normal = ready()
    assert "age" in profile.source_tasks
    assert normal.inputs.numeric.shape == profile.encoding.prepare(DATA).numeric.shape


def test_steps_follow_the_labels() -> None:
    rule = NormalTrainingSettings(passes=8, min_steps=30, max_steps=240)
    assert [rule.steps(n, 32) for n in (9, 16, 320, 1600)] == [30, 30, 80, 240]


def test_errors() -> None:
    normal = ready()
    with pytest.raises(ValueError, match="at least one known customer"):
        normal.score(np.zeros(0, int), OTHERS)
    with pytest.raises(ValueError, match="known not to be a customer"):
        normal.score(CUSTOMERS, np.zeros(0, int))
    with pytest.raises(ValueError, match="1 users are both"):
        normal.score(CUSTOMERS, np.asarray([4, 5]))


def test_nine_ways_are_trained_together_from_one_user_each() -> None:
    supports = [np.array([user]) for user in range(9)]
    normal = ready()
    logits = normal.ways(supports)
    assert logits.shape == (9, USERS) and np.isfinite(logits).all()
    np.testing.assert_array_equal(logits, normal.ways(supports))
    assert not np.array_equal(logits, normal.ways([*supports[:-1], np.array([20])]))
    part = ready(scored=np.arange(USERS) >= 50).ways(supports)
    np.testing.assert_allclose(part[:, 50:], logits[:, 50:], atol=1e-5)
    assert np.isnan(part[:, 20]).all()
    with pytest.raises(ValueError, match="no user belongs to two"):
        normal.ways([np.array([1]), np.array([1])])
