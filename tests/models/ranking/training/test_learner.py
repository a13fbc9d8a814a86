"""Row optimisers, the lazy moving average and the hourly steps, against their dense definitions."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from models.layers.embedding import Rows, gather, initial_rows
from models.ranking.features.batch import Batch
from models.ranking.features.codes import FieldSpec, Layout
from models.ranking.features.vocabulary import ITEM_ROWS, Vocabulary
from models.ranking.training.adaptation import (
    AdaptationSettings,
    Sgd,
    TwoSpeed,
    adapter,
    instances_per_row,
    within_items,
)
from models.ranking.training.learner import make_learner
from models.ranking.training.loop import loss_and_gradients
from models.ranking.training.optim import RowOptimizer

LAYOUT = Layout(
    (FieldSpec("user_id", "user_id"), FieldSpec("item_id", "item_id"), FieldSpec("hour_of_day", "bins", 3))
)


class Linear(nn.Module):
    """First-order terms only, with one dense weight."""

    def __init__(self):
        super().__init__()
        self.gain = nn.Parameter(torch.tensor([[0.7]]))

    def forward(self, rows, batch):
        return gather(rows, batch.fields)[..., 0].sum(-1) * self.gain


def learner(kind="adam", decay=None):
    codes = np.array([[0, 0, 0], [1, 1, 1], [1, 2, 2]])
    vocabulary = Vocabulary.fit(LAYOUT, codes)
    table = initial_rows(vocabulary.size, 4, 0.5, torch.Generator().manual_seed(0))
    return make_learner(Linear(), table, vocabulary, kind, 0.1, decay)


def batch(codes, labels, learner):
    rows = torch.from_numpy(learner.vocabulary.rows(np.array(codes)))[None]
    unique, positions = torch.unique(rows, return_inverse=True)
    labels = torch.tensor([labels])
    return Batch(unique, positions, labels, torch.ones_like(labels))


BATCHES = [
    ([[0, 0, 0], [1, 1, 1]], [1.0, 0.0]),
    ([[1, 2, 2], [1, 2, 1], [0, 1, 1]], [1.0, 1.0, 0.0]),
    ([[0, 2, 0]], [0.0]),
]


def steps(kind, decay=None):
    one = learner(kind, decay)
    for codes, labels in BATCHES * 3:
        b = batch(codes, labels, one)
        _, gradient, dense = loss_and_gradients(one, b)
        one.apply(b.unique, gradient, dense)
    return one


@pytest.mark.parametrize("kind", ["adam", "adagrad"])
def test_row_optimisers_are_torchs(kind):
    one, other = steps(kind), learner(kind)
    weight = nn.Parameter(other.table.base.clone())
    if kind == "adam":  # rows have no momentum
        sparse = torch.optim.SparseAdam([weight], lr=0.1, betas=(0.0, 0.999))
    else:
        sparse = torch.optim.Adagrad([weight], lr=0.1)
    dense = other.dense
    for codes, labels in BATCHES * 3:
        b = batch(codes, labels, other)
        taken = nn.functional.embedding(b.unique[b.fields], weight, sparse=True)
        logits = taken[..., 0].sum(-1) * other.module.gain
        sparse.zero_grad()
        dense.zero_grad()
        nn.functional.binary_cross_entropy_with_logits(logits, b.labels).backward()
        sparse.step()
        dense.step()
    torch.testing.assert_close(one.table.base, weight.detach())
    torch.testing.assert_close(one.module.gain, other.module.gain)


def test_the_lazy_average_is_the_dense_one():
    averaged = steps("adam", decay=0.8)
    other = learner("adam")
    rows, gain = other.table.base.clone(), other.module.gain.detach().clone()
    for codes, labels in BATCHES * 3:
        b = batch(codes, labels, other)
        _, gradient, dense = loss_and_gradients(other, b)
        other.apply(b.unique, gradient, dense)
        rows.lerp_(other.table.base, 0.2)
        gain.lerp_(other.module.gain.detach(), 0.2)
    averaged.finish()
    torch.testing.assert_close(averaged.table.base, rows)
    torch.testing.assert_close(averaged.module.gain.detach(), gain)


def test_a_step_touches_no_other_row():
    one = learner()
    before = one.table.base.clone()
    b = batch(*BATCHES[0], one)
    _, gradient, dense = loss_and_gradients(one, b)
    one.record()
    one.apply(b.unique, gradient, dense)
    moved = (one.table.base != before).any(1).nonzero().flatten()
    assert moved.tolist() == b.unique.tolist() == one.touched().tolist()


def test_sgd_is_the_printed_rule():
    one = learner()
    b = batch(*BATCHES[1], one)
    _, gradient, dense = loss_and_gradients(one, b)
    expected = one.table.base.clone()
    expected[b.unique] -= 0.3 * gradient
    gain = one.module.gain.detach() - 0.3 * dense[0]
    Sgd(AdaptationSettings(online="sgd", sgd_rate=0.3)).step(one, b)
    torch.testing.assert_close(one.table.base, expected)
    torch.testing.assert_close(one.module.gain.detach(), gain)


def test_two_speeds_move_item_rows_by_the_mean_of_their_own_instances():
    one, plain = learner(), learner()
    codes, labels = BATCHES[1]
    b = batch(codes, labels, one)
    _, gradient, dense = loss_and_gradients(one, b)
    TwoSpeed(AdaptationSettings(item_rate=0.3, continued=0.5, settled=0.25, pooling=None)).step(one, b)
    plain.apply(b.unique, gradient, dense, scale=0.5)
    before = learner().table.base
    for row, column in ((6, 2), (5, 1)):  # items 2 (two instances) and 1 (one)
        mine = [i for i, code in enumerate(codes) if code[1] == column]
        mean = torch.zeros(5)
        for i in mine:
            alone = batch([codes[i]], [labels[i]], learner())
            _, g, _ = loss_and_gradients(learner(), alone)
            mean += g[alone.unique == row][0] / len(mine)
        torch.testing.assert_close(one.table.base[row], before[row] - 0.3 * mean)
    others = [0, 1, 2, 7, 8, 9]
    torch.testing.assert_close(one.table.base[others], plain.table.base[others])
    torch.testing.assert_close(one.module.gain, plain.module.gain)
    assert instances_per_row(b)[b.unique == 6].item() == pytest.approx(3 / 2)
    assert adapter(AdaptationSettings(online="none"), {}) is None


def test_rows_that_training_moved_take_a_share_of_the_step_and_a_newcomer_takes_all_of_it():
    """Steps by this rule leave no trace of training: an item new this morning stays quick all day."""
    one = learner()
    trained = batch(*BATCHES[0], one)
    _, gradient, dense = loss_and_gradients(one, trained)
    one.apply(trained.unique, gradient, dense)
    one.grow(one.vocabulary.item_column, np.array([9]))
    rule = AdaptationSettings(item_rate=0.3, settled=0.25, continued=0.0)
    for _ in range(2):
        b = batch([[0, 0, 0], [1, 9, 1]], [0.0, 1.0], one)
        _, gradient, _ = loss_and_gradients(one, b)
        before = one.table.gather(b.unique)
        TwoSpeed(rule).step(one, b)
        moved = one.table.gather(b.unique) - before
        for item, rate in ((0, 0.25 * 0.3), (9, 0.3)):
            at = b.unique == int(one.vocabulary.item_rows(np.array([item]))[0])
            assert moved[at].any()
            torch.testing.assert_close(moved[at], -rate * 2 * gradient[at])  # each item: one of two instances


def test_shared_weights_learn_what_is_left_of_the_errors_of_their_items_and_of_the_batch():
    """By hand; the item's own row still takes the whole error."""
    one, other = learner(), learner()
    codes, labels = [[0, 1, 0], [1, 2, 2], [1, 2, 1], [0, 2, 1]], [1.0, 0.0, 1.0, 1.0]
    b = batch(codes, labels, one)
    error = torch.sigmoid(one.logits(b))[0] - b.labels[0]
    left = error.clone()
    left[0] -= error[0] / (1 + 0.5)
    left[1:] -= error[1:].mean() * 3 / (3 + 0.5)
    left -= left.mean()
    torch.testing.assert_close(within_items(error[None], b, 1, 0.5)[0], left)
    # A column of labels whose errors are those that are left gives the gradient that shared weights take.
    still = torch.sigmoid(other.logits(b))[0]
    as_labels = replace(b, labels=(still - left)[None])
    _, gradient, dense = loss_and_gradients(other, as_labels)
    _, whole, _ = loss_and_gradients(other, b)
    TwoSpeed(AdaptationSettings(item_rate=0.3, continued=0.5, pooling=0.5)).step(one, b)
    before = other.table.base.clone()
    other.apply(b.unique, gradient, dense, scale=0.5)
    items = one.row_groups(b.unique) == ITEM_ROWS
    shared = b.unique[~items]
    torch.testing.assert_close(one.table.base[shared], other.table.base[shared])
    torch.testing.assert_close(one.module.gain, other.module.gain)
    expected = before[b.unique] - 0.3 * instances_per_row(b)[:, None] * whole
    torch.testing.assert_close(one.table.base[b.unique[items]], expected[items])


def test_an_hour_that_is_liked_more_teaches_shared_weights_nothing():
    """All errors alike, of however many items: level of the hour, which the next hour need not have."""
    one = learner()
    b = batch([[0, 1, 0], [0, 1, 0], [0, 1, 0]], [1.0, 1.0, 1.0], one)
    before = one.table.base.clone(), one.module.gain.detach().clone()
    TwoSpeed(AdaptationSettings(item_rate=0.3, continued=1.0)).step(one, b)
    moved = (one.table.base - before[0]).abs().amax(1) > 1e-6
    assert moved.nonzero().flatten().tolist() == one.vocabulary.item_rows(np.array([1])).tolist()
    torch.testing.assert_close(one.module.gain.detach(), before[1])


def test_rows_grow_at_the_end_from_the_oov_row():
    one = learner()
    one.record()
    assert one.grow(one.vocabulary.item_column, np.array([9, 2, 8])).tolist() == [9, 8]
    oov = one.table.base[one.vocabulary.oov_row(one.vocabulary.item_column)]
    new = one.table.gather(torch.tensor([10, 11]))
    assert (new == oov).all() and one.touched().tolist() == [10, 11]
    one.table.scatter(torch.tensor([0, 11]), torch.ones(2, 5))
    assert one.table.gather(torch.tensor([11, 0, 10]))[:, 0].tolist() == [1.0, 1.0, oov[0].item()]
    assert one.table.merged().shape == (12, 5)
    b = batch([[0, 9, 1]], [1.0], one)
    _, gradient, dense = loss_and_gradients(one, b)
    one.apply(b.unique, gradient, dense)
    assert (one.table.gather(torch.tensor([10])) != oov).any()


def test_initial_rows_have_no_first_order_weight():
    rows = initial_rows(1000, 16, 0.01, torch.Generator().manual_seed(1))
    assert (rows[:, 16] == 0).all() and rows[:, :16].std().item() == pytest.approx(0.01, rel=0.05)
    assert RowOptimizer("adagrad", 0.1, 4, 2).state[0].merged().shape == (4, 2)
    assert len(Rows(rows)) == 1000
