"""AutoInt's interacting layer against torch's own attention, head by head."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch.func import functional_call

from models.layers import self_attention
from models.layers.self_attention import InteractingLayer

HEADS, WIDTH = 3, 2


def layer_and_fields() -> tuple[InteractingLayer, torch.Tensor]:
    g = torch.Generator().manual_seed(1)
    layer = InteractingLayer(4, HEADS, WIDTH, generator=g).double()
    return layer, torch.randn(2, 3, 5, 4, dtype=torch.float64, generator=g)


def reference(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """The paper's layer, x [T, B, F, in] and one weight [in, 4 · heads · width] for all."""
    width = weight.shape[1] // (4 * HEADS)
    query, key, value, residual = weight.chunk(4, dim=1)
    heads = [
        F.scaled_dot_product_attention(
            *(x @ w[:, width * h : width * (h + 1)] for w in (query, key, value)), scale=1.0
        )
        for h in range(HEADS)
    ]
    return torch.relu(torch.cat(heads, dim=-1) + x @ residual)


def compare(layer: InteractingLayer, x: torch.Tensor, **tolerance: float) -> None:
    """Results, and gradients of both arguments."""
    x = x.detach().requires_grad_()
    inputs = [x, layer.weight]
    out, expected = layer(x), reference(x, layer.weight)
    torch.testing.assert_close(out, expected, **tolerance)
    slopes = torch.autograd.grad(out.square().mean(), inputs)
    for one, other in zip(slopes, torch.autograd.grad(expected.square().mean(), inputs), strict=True):
        assert one.abs().max() > 0
        torch.testing.assert_close(one, other, **tolerance)


@pytest.mark.parametrize("scores", [1, 3 * 25 * 4, 2**19])  # pieces of 1, 4 and all 6 instances
def test_equals_attention_head_by_head(scores: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(self_attention, "SCORES", scores)
    compare(*layer_and_fields())


def test_equals_attention_in_single_precision() -> None:
    g = torch.Generator().manual_seed(2)
    layer, x = InteractingLayer(16, HEADS, 8, generator=g), torch.randn(1, 40, 73, 17, generator=g)
    compare(layer, 0.3 * x[..., :16], atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("size", [60.0, 1e3])
def test_scores_too_large_for_their_exponentials(size: float) -> None:
    layer, x = layer_and_fields()
    query = layer.weight[:, : HEADS * WIDTH]
    with torch.no_grad():
        query *= size
        scores = (x @ query) @ (x @ layer.weight[:, HEADS * WIDTH : 2 * HEADS * WIDTH]).mT
    assert scores.abs().max() > 100
    compare(layer, x)
    assert layer.float()(x.float()).isfinite().all()


def test_gradients_of_gradients() -> None:
    layer, x = layer_and_fields()
    weight = layer.weight.detach().requires_grad_()
    x = x[:1, :2, :3].clone().requires_grad_()

    def run(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        return functional_call(layer, {"weight": weight}, (x,))

    assert torch.autograd.gradcheck(run, (x, weight))
    assert torch.autograd.gradgradcheck(run, (x, weight))


def test_tasks_with_their_own_parameters() -> None:
    layer, x = layer_and_fields()
    weight = torch.stack([layer.weight.detach(), 2 * layer.weight.detach()])
    together = functional_call(layer, {"weight": weight}, (x,))
    for task in range(2):
        alone = functional_call(layer, {"weight": weight[task]}, (x[[task]],))
        torch.testing.assert_close(together[[task]], alone)
