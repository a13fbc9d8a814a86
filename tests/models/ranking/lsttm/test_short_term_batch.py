"""The fast form of a neighbourhood tells the layers what the plain form tells them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models.ranking.features.batch import localise_tasks
from models.ranking.features.event_log import HOUR_MS, EventDays
from models.ranking.lsttm.short_term_batch import profiles
from models.ranking.lsttm.short_term_graph import ShortTermGraph, ShortTermIndex, ShortTermSettings
from tests.models.ranking.lsttm.logs import Rows, random_log


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("tasks", [1, 3])
def test_same_vectors_and_gradients(layers, tasks):
    settings = ShortTermSettings(neighbours=4, layers=layers, width=3)
    view, g = Rows(), np.random.default_rng(0)
    index = ShortTermIndex.of(settings, view, EventDays.of(random_log(seed=2)))
    users, items = g.integers(0, view.users, (tasks, 7)), g.integers(0, view.items, (tasks, 7))
    hours = g.integers(2, 5, (tasks, 1)) * HOUR_MS + np.zeros((tasks, 7), np.int64)
    graph = ShortTermGraph(settings, 2 * 3, 2 * 3, generator=torch.Generator().manual_seed(1)).double()
    found = []
    for bagged in (False, True):
        index.bagged = bagged
        sample = index.sample(users, items, hours)
        unique, _, positions = localise_tasks(sample.row_ids)
        table = torch.randn(
            view.table, 4, generator=torch.Generator().manual_seed(3), dtype=torch.float64
        ).requires_grad_()
        batch = sample.build(positions)
        assert (batch.bags is not None) == bagged
        short, present = graph(table[unique], batch)
        (gradient,) = torch.autograd.grad(short.tanh().sum(), table)
        found.append((short.detach(), present, gradient, batch.user_fields.shape[1]))
    (plain, fast) = found
    torch.testing.assert_close(plain[0], fast[0])
    assert torch.equal(plain[1], fast[1])
    torch.testing.assert_close(plain[2], fast[2])
    assert fast[3] <= 9  # three values of each of two fields: at most nine profiles
    assert plain[0].abs().sum() > 0


@given(tasks=st.integers(1, 3), nodes=st.integers(1, 6), fields=st.integers(1, 3), seed=st.integers(0, 999))
def test_profiles_give_every_node_its_own_rows_back(tasks, nodes, fields, seed):
    rows = torch.randint(5, 9, (tasks, nodes, fields), generator=torch.Generator().manual_seed(seed))
    distinct, profile = profiles(rows)
    back = distinct.gather(1, profile.unsqueeze(-1).expand(-1, -1, fields))
    assert torch.equal(back, rows)
    for t in range(tasks):
        real = distinct[t][: int(profile[t].max()) + 1]
        assert len(torch.unique(real, dim=0)) == len(real)


def test_fields_too_wide_for_a_key_are_left_as_they_are():
    rows = torch.tensor([[[0, 0], [2**40, 2**40], [0, 0]]])
    distinct, profile = profiles(rows)
    assert torch.equal(distinct, rows)
    assert profile.tolist() == [[0, 1, 2]]
