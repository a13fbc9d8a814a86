"""DIN's activation unit and sum, behaviour by behaviour."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.func import functional_call

from models.layers.din import DIN, DINSettings

T, B, K, M, D, CODES = 2, 3, 4, 6, 5, 7


def encoder(**settings) -> DIN:
    g = torch.Generator().manual_seed(2)
    return DIN(D, DINSettings(hidden=(4, 3), **settings), g, projected_width=2).double()


def lists(width: int = D) -> tuple[torch.Tensor, ...]:
    """Keys, targets, behaviours, mask, edge vectors and codes."""
    g = torch.Generator().manual_seed(3)
    mask = torch.rand(T, B, K, generator=g) < 0.6
    mask[0, 0] = False
    return (
        torch.randn(T, M, D, dtype=torch.float64, generator=g),
        torch.randn(T, B, D, dtype=torch.float64, generator=g),
        torch.randint(0, M, (T, B, K), generator=g),
        mask,
        torch.randn(1, CODES, width, dtype=torch.float64, generator=g),
        torch.randint(0, CODES, (T, B, K), generator=g),
    )


def unit(din: DIN, key: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    hidden = torch.cat([key, target, key - target, key * target])
    layers = [din.unit.first, *din.unit.rest]
    for layer, slope in zip(layers[:-1], din.unit.slopes, strict=True):
        hidden = hidden @ layer.weight + layer.bias[0]
        hidden = hidden.clamp(min=0) + slope[0] * hidden.clamp(max=0)
    return (hidden @ layers[-1].weight + layers[-1].bias[0]).squeeze()


@pytest.mark.parametrize("edged", [False, True])
@pytest.mark.parametrize("softmax", [False, True])
@pytest.mark.parametrize("projected", [False, True])
def test_equals_the_equations_behaviour_by_behaviour(softmax: bool, projected: bool, edged: bool) -> None:
    din = encoder(softmax=softmax, projected=projected)
    with torch.no_grad():  # zero biases would hide a bias in the wrong place
        for parameter in din.parameters():
            parameter.add_(0.1)
    keys, targets, behaviours, mask, edges, codes = lists(din.width)
    inputs = [keys.requires_grad_(), targets.requires_grad_(), *din.parameters()]
    out = din(keys, targets, behaviours, mask, (edges, codes) if edged else None)
    expected = torch.zeros_like(out)
    for t, b in np.ndindex(T, B):
        target = targets[t, b] if din.projection is None else targets[t, b] @ din.projection
        values, scores = [], []
        for k in mask[t, b].nonzero().flatten():
            key = keys[t, behaviours[t, b, k]]
            key = key if din.projection is None else key @ din.projection
            key = key + edges[0, codes[t, b, k]] if edged else key
            values.append(key)
            scores.append(unit(din, key, target))
        if values:
            weights = torch.stack(scores)
            weights = torch.softmax(weights, 0) if softmax else weights
            expected[t, b] = weights @ torch.stack(values)
    assert out.shape == (T, B, din.width)
    torch.testing.assert_close(out, expected)
    slopes = torch.autograd.grad(out.square().sum(), inputs)
    for one, other in zip(slopes, torch.autograd.grad(expected.square().sum(), inputs), strict=True):
        torch.testing.assert_close(one, other)
        # The last bias shifts every score alike: a softmax does not see it.
        assert one.abs().max() > 0 or (softmax and one.numel() == 1)


def test_what_stands_behind_the_mask_means_nothing() -> None:
    din = encoder()
    keys, targets, behaviours, mask, *_ = lists()
    out = din(keys, targets, behaviours, mask)
    assert (out[0, 0] == 0).all() and (out != 0).any()
    changed = torch.where(mask, behaviours, (behaviours + 1) % M)
    assert torch.equal(out, din(keys, targets, changed, mask))
    empty = din(keys.requires_grad_(), targets, behaviours, torch.zeros_like(mask))
    empty.sum().backward()
    assert (empty == 0).all() and (keys.grad == 0).all()


def test_tasks_with_their_own_parameters() -> None:
    din = encoder(projected=True)
    keys, targets, behaviours, mask, *_ = lists()
    params = {name: torch.stack([p.detach(), 2 * p.detach()]) for name, p in din.named_parameters()}
    together = functional_call(din, params, (keys, targets, behaviours, mask))
    for task in range(T):
        alone = {name: p[task] for name, p in params.items()}
        part = [part[[task]] for part in (keys, targets, behaviours, mask)]
        torch.testing.assert_close(together[[task]], functional_call(din, alone, tuple(part)))
