"""The fusion gate computes Eqs. 4 and 5."""

from __future__ import annotations

import torch

from models.layers.gate import FusionGate


def vectors(tasks: int = 2, n: int = 4, width: int = 3) -> list[torch.Tensor]:
    g = torch.Generator().manual_seed(1)
    return [torch.randn(tasks, n, width, generator=g) for _ in range(3)]


def test_equals_the_equations_written_out() -> None:
    gate = FusionGate(3, generator=torch.Generator().manual_seed(0), see_missing=False)
    short, long, target = vectors()
    user, weights = gate(short, long, target)
    w_s, w_l = gate.short_weight.flatten(), gate.long_weight.flatten()
    for t in range(2):
        for b in range(4):
            s = w_s @ torch.cat([short[t, b], target[t, b]])
            l = w_l @ torch.cat([long[t, b], target[t, b]])  # noqa: E741
            g_s = torch.exp(s) / (torch.exp(s) + torch.exp(l))
            torch.testing.assert_close(weights[t, b], torch.stack([g_s, 1 - g_s]))
            torch.testing.assert_close(user[t, b], g_s * short[t, b] + (1 - g_s) * long[t, b])


def test_missing_side_moves_the_gate_only_where_missing() -> None:
    gate = FusionGate(3, generator=torch.Generator().manual_seed(0))
    short, long, target = vectors()
    present = torch.ones(2, 4, 2, dtype=torch.bool)
    present[1, 2, 0] = False
    before = gate(short, long, target, present)[1]
    assert torch.equal(before, gate(short, long, target)[1])  # zero at first: the printed gate
    with torch.no_grad():
        gate.missing.copy_(torch.tensor([[-5.0, 0.0]]))
    after = gate(short, long, target, present)[1]
    assert after[1, 2, 0] < before[1, 2, 0]
    after[1, 2] = before[1, 2]
    assert torch.equal(before, after)
