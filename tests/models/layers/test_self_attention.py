"""AutoInt's interacting layer against torch's own attention, head by head."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch.func import functional_call

from models.layers.self_attention import InteractingLayer


def layer_and_fields() -> tuple[InteractingLayer, torch.Tensor]:
    g = torch.Generator().manual_seed(1)
    layer = InteractingLayer(4, heads=3, width=2, generator=g).double()
    return layer, torch.randn(2, 3, 5, 4, dtype=torch.float64, generator=g)


def test_equals_attention_head_by_head() -> None:
    layer, x = layer_and_fields()
    x.requires_grad_()
    query, key, value, residual = layer.weight.split(6, dim=1)
    heads = [
        F.scaled_dot_product_attention(*(x @ w[:, 2 * h : 2 * h + 2] for w in (query, key, value)), scale=1.0)
        for h in range(3)
    ]
    expected = torch.relu(torch.cat(heads, dim=-1) + x @ residual)
    out = layer(x)
    torch.testing.assert_close(out, expected)
    inputs = [x, layer.weight]
    slopes = torch.autograd.grad(out.square().sum(), inputs)
    for one, other in zip(slopes, torch.autograd.grad(expected.square().sum(), inputs), strict=True):
        assert one.abs().max() > 0
        torch.testing.assert_close(one, other)


def test_tasks_with_their_own_parameters() -> None:
    layer, x = layer_and_fields()
    weight = torch.stack([layer.weight.detach(), 2 * layer.weight.detach()])
    together = functional_call(layer, {"weight": weight}, (x,))
    for task in range(2):
        alone = functional_call(layer, {"weight": weight[task]}, (x[[task]],))
        torch.testing.assert_close(together[[task]], alone)
