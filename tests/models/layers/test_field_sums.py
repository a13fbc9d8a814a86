"""Sums over distinct rows against every field's vector written out, with their first and second gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from models.layers import distinct
from models.layers.distinct import unique_keys
from models.layers.field_sums import FieldSums

SIZES, WIDTH, HIDDEN = (40, 2, 17, 1, 16), 3, 6  # 16 rows fill one chunk


def batch(tasks: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Positions [T, 50, 5], the task of each row, and rows [R, 4] in double precision."""
    g = torch.Generator().manual_seed(3)
    starts = torch.tensor(np.cumsum((0, *SIZES[:-1])))
    drawn = (torch.rand(tasks, 50, 5, generator=g, dtype=torch.float64) * torch.tensor(SIZES)).long()
    task = torch.arange(tasks).repeat_interleave(sum(SIZES))
    positions = starts + drawn + sum(SIZES) * torch.arange(tasks).view(-1, 1, 1)
    rows = torch.randn(len(task), WIDTH + 1, generator=g, dtype=torch.float64).requires_grad_()
    return positions, task, rows


@pytest.mark.parametrize("paired", [None, torch.tensor([1.0, 0.0, 1.0, 1.0, 0.0]).double()])
@pytest.mark.parametrize("tasks, own_weights", [(1, False), (3, True), (3, False)])
def test_sums_and_their_gradients(tasks: int, own_weights: bool, paired: torch.Tensor | None) -> None:
    positions, task, rows = batch(tasks)
    g = torch.Generator().manual_seed(4)
    shape = (tasks, 5 * WIDTH, HIDDEN) if own_weights else (5 * WIDTH, HIDDEN)
    weight = torch.randn(shape, generator=g, dtype=torch.float64).requires_grad_()
    x, first = rows[positions].split([WIDTH, 1], dim=-1)
    of_fm = x if paired is None else x * paired.unsqueeze(1)
    alone = first.squeeze(-1).sum(-1) - 0.5 * of_fm.square().sum((-1, -2))
    expected = (x.flatten(-2) @ weight, of_fm.sum(-2), alone)
    sums = FieldSums.of(positions, len(rows), task if tasks > 1 else None)(rows, weight, paired)
    slopes = []
    for three in (expected, sums):
        loss = sum(part.tanh().sum() for part in three)
        once = torch.autograd.grad(loss, [rows, weight], create_graph=True)
        twice = torch.autograd.grad(sum(part.square().sum() for part in once), [rows, weight])
        slopes.append([*three, *once, *twice])
    for wanted, made in zip(*slopes, strict=True):
        torch.testing.assert_close(made, wanted)


def test_without_a_layer_and_for_a_row_in_two_fields() -> None:
    rows = torch.randn(3, WIDTH + 1, requires_grad=True)
    positions = torch.tensor([[[0, 1], [1, 1], [2, 0]]])
    hidden, total, _ = FieldSums.of(positions, 3)(rows, None)
    assert hidden.shape == (1, 3, 0)
    torch.testing.assert_close(total, rows[positions][..., :-1].sum(2))
    (slope,) = torch.autograd.grad(total.sum(), rows)
    torch.testing.assert_close(slope[:, 0], torch.tensor([2.0, 3.0, 1.0]))


def test_an_instance_sums_to_the_same_bits_whoever_stands_beside_it() -> None:
    positions, _, rows = batch(1)
    weight = torch.randn(5 * WIDTH, HIDDEN, dtype=torch.float64)
    whole = FieldSums.of(positions, len(rows))(rows, weight)
    part = FieldSums.of(positions[:, 30:], len(rows))(rows, weight)
    for all_of_them, some in zip(whole, part, strict=True):
        assert torch.equal(all_of_them[:, 30:], some)


@pytest.mark.parametrize("most, limit", [(2**24, 50), (2**24, 5_000), (10, 5_000)])
def test_distinct_keys(most: int, limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distinct, "_MOST", most)
    keys = torch.randint(0, limit, (4, 30), generator=torch.Generator().manual_seed(0))
    for made, wanted in zip(unique_keys(keys, limit), torch.unique(keys, return_inverse=True), strict=True):
        assert torch.equal(made, wanted)
