"""Sums over bags against plain gathers, in values and in first and second gradients."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.autograd import gradcheck, gradgradcheck

from models.layers.bags import Bags, Edges, bag_sum, weighted_bag_sum
from models.layers.field_bags import FieldBags

sizes = {"bags": st.integers(1, 5), "rows": st.integers(1, 6), "entries": st.integers(0, 12)}


def problem(bags: int, rows: int, entries: int, seed: int) -> tuple[Bags, Tensor, Tensor]:
    g = torch.Generator().manual_seed(seed)
    bag = torch.sort(torch.randint(bags, (entries,), generator=g)).values
    structure = Bags.of(torch.randint(rows, (entries,), generator=g), bag, bags, rows)
    values = torch.randn(rows, 3, generator=g, dtype=torch.float64, requires_grad=True)
    return structure, torch.randn(entries, generator=g, dtype=torch.float64, requires_grad=True), values


@given(**sizes, seed=st.integers(0, 999))
def test_equal_gathers_and_scatters(bags, rows, entries, seed):
    structure, weights, values = problem(bags, rows, entries, seed)
    plain = torch.zeros(bags, 3, dtype=torch.float64)
    gathered = values.detach()[structure.rows]
    torch.testing.assert_close(bag_sum(values, structure), plain.index_add(0, structure.bag, gathered))
    expected = plain.index_add(0, structure.bag, weights.detach().unsqueeze(1) * gathered)
    torch.testing.assert_close(weighted_bag_sum(weights, values, structure), expected)


def test_first_and_second_gradients():
    for seed, (bags, rows, entries) in enumerate([(3, 4, 9), (4, 2, 7), (2, 5, 1)]):
        structure, weights, values = problem(bags, rows, entries, seed)
        assert gradcheck(lambda v, s=structure: bag_sum(v, s).tanh(), (values,))
        assert gradgradcheck(lambda v, s=structure: bag_sum(v, s).tanh(), (values,))
        both = (weights, values)
        assert gradcheck(lambda w, v, s=structure: weighted_bag_sum(w, v, s).tanh(), both)
        assert gradgradcheck(lambda w, v, s=structure: weighted_bag_sum(w, v, s).tanh(), both)


@given(tasks=st.integers(1, 3), nodes=st.integers(1, 5), fields=st.integers(1, 3), seed=st.integers(0, 999))
def test_field_nodes_equal_the_written_out_concatenation(tasks, nodes, fields, seed):
    g = torch.Generator().manual_seed(seed)
    per_task = 4
    positions = torch.randint(per_task, (tasks, nodes, fields), generator=g)
    positions += (torch.arange(tasks) * per_task).view(-1, 1, 1)
    rows = torch.randn(tasks * per_task, 2, generator=g, dtype=torch.float64)
    shared = torch.randn(fields * 2, 5, generator=g, dtype=torch.float64)
    own = torch.randn(tasks, fields * 2, 5, generator=g, dtype=torch.float64)
    lazy, written = FieldBags.of(positions).over(rows), rows[positions].flatten(2)
    torch.testing.assert_close(lazy @ shared, written @ shared)
    torch.testing.assert_close(lazy @ own, written @ own)


def test_edges_leave_padding_out():
    neighbours = torch.tensor([[[1, 0], [2, 1]], [[0, 0], [1, 2]]])
    mask = torch.tensor([[[True, False], [True, True]], [[False, False], [False, True]]])
    edges = Edges.of(neighbours, mask, keys=3)
    assert edges.slots.tolist() == [0, 2, 3, 7]
    assert edges.bags.rows.tolist() == [1, 2, 1, 5]
    assert edges.bags.bag.tolist() == [0, 1, 1, 3]
    flipped_twice = edges.bags.flip().flip()
    assert all(
        torch.equal(a, b)
        for a, b in zip(vars(edges.bags).values(), vars(flipped_twice).values(), strict=True)
    )
