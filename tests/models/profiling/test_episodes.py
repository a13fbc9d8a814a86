"""Eq. 1 by hand; episodes keep support and mini-batch apart."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.profiling.episodes import EpisodeSampler, brand_tasks, distinct, episode_loss
from models.profiling.settings import EpisodeSettings
from models.profiling.source_tasks import SourceTasks

NAN = float("nan")


def tasks_of(value: np.ndarray) -> SourceTasks:
    names = tuple(f"task{t}" for t in range(value.shape[1]))
    return SourceTasks(names, ("usage",) * len(names), value.astype(np.float32), value == 1, {})


def random_tasks(users: int, tasks: int, seed: int, masked: float = 0.3) -> SourceTasks:
    rng = np.random.default_rng(seed)
    value = rng.integers(0, 2, (users, tasks)).astype(float)
    value[rng.random((users, tasks)) < masked] = np.nan
    value[0] = 1  # every task has a member
    return tasks_of(value)


def test_loss_is_equation_1() -> None:
    logits = torch.tensor([[0.3, -1.0, 2.0], [1.5, 0.2, 0.1], [-0.4, 0.7, 1.0]])
    labels = torch.tensor([[1.0, 0.0, NAN], [0.0, NAN, NAN], [1.0, 1.0, NAN]])

    def bce(logit: float, label: float) -> float:
        p = 1 / (1 + math.exp(-logit))
        return -(label * math.log(p) + (1 - label) * math.log(1 - p))

    first = (bce(0.3, 1) + bce(1.5, 0) + bce(-0.4, 1)) / 3
    second = (bce(-1.0, 0) + bce(0.7, 1)) / 2
    assert float(episode_loss(logits, labels)) == pytest.approx(
        first + second, rel=1e-6
    )  # the third: nothing


def test_loss_has_no_gradient_where_masked() -> None:
    logits = torch.randn(4, 3, requires_grad=True)
    labels = torch.tensor([[1.0, NAN, NAN]] * 4)
    episode_loss(logits, labels).backward()
    assert (logits.grad[:, 1:] == 0).all() and (logits.grad[:, 0] != 0).all()
    assert float(episode_loss(logits.detach(), torch.full((4, 3), NAN))) == 0.0


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 9999),
    users=st.integers(30, 80),
    ways=st.integers(1, 5),
    shots=st.integers(1, 4),
    batch=st.integers(1, 40),
)
def test_support_never_meets_the_batch(seed: int, users: int, ways: int, shots: int, batch: int) -> None:
    tasks = random_tasks(users, 6, seed)
    drawable = np.arange(0, users, 2)
    sampler = EpisodeSampler(tasks, drawable, EpisodeSettings(ways=ways, shots=shots, batch_size=batch))
    episode = sampler.draw(np.random.default_rng(seed))
    members = episode.support[episode.mask]
    assert len(np.intersect1d(episode.batch, members)) == 0
    assert len(np.unique(episode.batch)) == len(episode.batch)
    assert len(episode.batch) == min(batch, len(drawable) - len(np.unique(members)))
    assert np.isin(episode.users, drawable).all()
    assert len(np.unique(episode.ways)) == len(episode.ways) == min(ways, 6)
    for way, row, mask in zip(episode.ways, episode.support, episode.mask, strict=True):
        assert tasks.members[row[mask], way].all() and len(np.unique(row[mask])) == mask.sum() > 0
    np.testing.assert_array_equal(episode.labels, tasks.value[np.ix_(episode.batch, episode.ways)])


def test_a_way_with_few_members_leaves_one_for_the_batch() -> None:
    value = np.zeros((40, 2))
    value[[3, 4, 5], 0], value[7, 1] = 1, 1
    sampler = EpisodeSampler(tasks_of(value), np.arange(40), EpisodeSettings(shots=3, batch_size=99))
    episode = sampler.draw(np.random.default_rng(0))
    assert episode.mask.sum(1).tolist() == [2, 1]
    assert episode.labels[:, 0].sum() == 1 and episode.labels[:, 1].sum() == 0
    lone = EpisodeSampler(
        tasks_of(value[:, 1:]), np.arange(40), EpisodeSettings(batch_size=8), lone_in_batch=True
    ).draw(np.random.default_rng(0))
    assert 7 in lone.batch and lone.support.tolist() == [[7]] and lone.labels.sum() == 1


def test_members_and_mini_batches_are_drawn_evenly() -> None:
    value = np.zeros((12, 1))
    value[:5] = 1
    sampler = EpisodeSampler(tasks_of(value), np.arange(12), EpisodeSettings(shots=2, batch_size=4))
    rng = np.random.default_rng(0)
    episodes = [sampler.draw(rng) for _ in range(4000)]
    supports = np.bincount(np.concatenate([e.support.ravel() for e in episodes]), minlength=12) / 4000
    np.testing.assert_allclose(supports[:5], 0.4, atol=0.03)
    batches = np.bincount(np.concatenate([e.batch for e in episodes]), minlength=12) / 4000
    np.testing.assert_allclose(batches[5:], 0.4, atol=0.03)
    np.testing.assert_allclose(batches[:5], 0.24, atol=0.03)


@settings(max_examples=30, deadline=None)
@given(
    counts=st.lists(st.integers(1, 9), min_size=1, max_size=5),
    width=st.integers(1, 6),
    seed=st.integers(0, 99),
)
def test_distinct_numbers(counts: list[int], width: int, seed: int) -> None:
    wanted = np.minimum(counts, width)
    rows = distinct(np.random.default_rng(seed), np.asarray(counts), wanted, width)
    for row, count, many in zip(rows, counts, wanted, strict=True):
        assert len(set(row[:many])) == many and (row < count).all() and (row >= 0).all()


def test_embeddings_return_to_their_places() -> None:
    value = np.zeros((20, 2))
    value[[1, 2, 3], 0], value[[4], 1] = 1, 1
    episode = EpisodeSampler(tasks_of(value), np.arange(20), EpisodeSettings(shots=3, batch_size=5)).draw(
        np.random.default_rng(1)
    )
    embeddings = torch.from_numpy(episode.users.astype(np.float32))[:, None]
    batch, support = episode.unpacked(embeddings)
    np.testing.assert_array_equal(batch[:, 0].numpy(), episode.batch)
    np.testing.assert_array_equal(support[..., 0].numpy(), np.where(episode.mask, episode.support, 0))


def test_brands_mask_their_customers_and_strangers() -> None:
    members, newcomers, known = np.zeros((3, 9), bool), np.zeros((3, 9), bool), np.arange(9) < 8
    members[0, :3], newcomers[0, [2, 4, 5, 8]] = True, True  # user 2 was a customer, 8 was not known
    members[1, :3] = True  # nobody new: that was not to be known
    newcomers[2, 4:] = True  # no customers
    tasks = brand_tasks(members, newcomers, ("a", "b", "c"), known, 2)
    assert tasks.names == ("a", "b") and set(tasks.left_out) == {"c"}
    np.testing.assert_array_equal(tasks.value[:, 0], [NAN, NAN, NAN, 0, 1, 1, 0, 0, NAN])
    np.testing.assert_array_equal(tasks.value[:, 1], [NAN, NAN, NAN, 0, 0, 0, 0, 0, NAN])
    np.testing.assert_array_equal(tasks.members[:, 0], members[0])
    with pytest.raises(ValueError, match="none of 3 brands has 5 customers"):
        brand_tasks(members, newcomers, ("a", "b", "c"), known, 5)


def test_nobody_to_draw() -> None:
    with pytest.raises(ValueError, match="nothing to draw"):
        EpisodeSampler(tasks_of(np.zeros((9, 2))), np.arange(9), EpisodeSettings())
    value = np.ones((3, 9))
    with pytest.raises(ValueError, match="leaves none of 3 training users"):
        EpisodeSampler(tasks_of(value), np.arange(3), EpisodeSettings(shots=9)).draw(np.random.default_rng(0))
