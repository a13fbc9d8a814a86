"""Must hold 1: the GAT layer is torch_geometric's GATConv on the same edges, in outputs and gradients."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch.func import functional_call

from models.layers.gat import GATLayer, masked_softmax

DEVICES = [
    "cpu",
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")),
]


def problem(tasks: int, seed: int, queries: int = 9, keys: int = 12, k: int = 5) -> tuple[torch.Tensor, ...]:
    g = torch.Generator().manual_seed(seed)
    mask = torch.rand(tasks, queries, k, generator=g) < 0.6
    mask[:, 0] = False  # a node without neighbours
    return (
        torch.randn(tasks, queries, 7, generator=g),
        torch.randn(tasks, keys, 6, generator=g),
        torch.randint(0, keys, (tasks, queries, k), generator=g),  # repeated neighbours are repeated edges
        mask,
    )


def reference(layer: GATLayer, task: int | None = None):
    """GATConv with the weights of `layer` (of one of its tasks)."""
    from torch_geometric.nn import GATConv

    conv = GATConv((6, 7), 16, add_self_loops=False, bias=False)
    weight = {name: p if task is None else p[task] for name, p in layer.items()}
    with torch.no_grad():
        conv.lin_src.weight.copy_(weight["key_weight"].T)
        conv.lin_dst.weight.copy_(weight["query_weight"].T)
        conv.att_src.copy_(weight["key_attention"].view(1, 1, 16))
        conv.att_dst.copy_(weight["query_attention"].view(1, 1, 16))
    return conv


def compare(grads: dict, conv, task: slice | int) -> None:
    pairs = {
        "key_weight": conv.lin_src.weight.grad.T,
        "query_weight": conv.lin_dst.weight.grad.T,
        "key_attention": conv.att_src.grad.view(16, 1),
        "query_attention": conv.att_dst.grad.view(16, 1),
    }
    for name, expected in pairs.items():
        torch.testing.assert_close(grads[name][task].cpu(), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("own_weights", [False, True], ids=["shared weights", "weights of each task"])
@pytest.mark.parametrize("seed", [0, 1])
def test_equals_gatconv(device: str, own_weights: bool, seed: int) -> None:
    tasks = 3
    queries, keys, neighbours, mask = problem(tasks, seed)
    layer = GATLayer(7, 6, 16, generator=torch.Generator().manual_seed(seed)).to(device)
    parameters = {name: p.detach().clone() for name, p in layer.named_parameters()}
    if own_weights:
        scale = torch.linspace(0.5, 1.5, tasks, device=device).view(-1, 1, 1)
        parameters = {name: p * scale for name, p in parameters.items()}
    parameters = {name: p.requires_grad_() for name, p in parameters.items()}
    mine = [t.to(device).requires_grad_() for t in (queries.clone(), keys.clone())]
    out, present = functional_call(layer, parameters, (*mine, neighbours.to(device), mask.to(device)))
    direction = torch.randn(out.shape, generator=torch.Generator().manual_seed(9))
    (out * direction.to(device)).sum().backward()

    assert present.cpu().tolist() == mask.any(-1).tolist()
    assert (out[:, 0] == 0).all()
    shared: dict[str, torch.Tensor] = {}
    for task in range(tasks):
        conv = reference(parameters, task if own_weights else None).cpu()
        query, slot = mask[task].nonzero(as_tuple=True)
        edges = torch.stack([neighbours[task][query, slot], query])
        x = [t[task].clone().requires_grad_() for t in (keys, queries)]
        expected = F.elu(conv(tuple(x), edges, size=(x[0].shape[0], x[1].shape[0])))
        (expected * direction[task]).sum().backward()
        torch.testing.assert_close(out[task].cpu(), expected, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(mine[0].grad[task].cpu(), x[1].grad, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(mine[1].grad[task].cpu(), x[0].grad, atol=1e-5, rtol=1e-5)
        if own_weights:
            compare({name: p.grad for name, p in parameters.items()}, conv, task)
        else:
            for name, p in conv.named_parameters():
                shared[name] = shared.get(name, 0) + p.grad
    if not own_weights:
        for name, p in conv.named_parameters():
            p.grad = shared[name]
        compare({name: p.grad for name, p in parameters.items()}, conv, slice(None))


def test_query_positions_pick_among_nodes() -> None:
    queries, keys, neighbours, mask = problem(2, 4)
    layer = GATLayer(7, 6, 16, generator=torch.Generator().manual_seed(0))
    nodes = queries.flip(1)
    positions = torch.arange(8, -1, -1).expand(2, -1)
    assert torch.equal(
        layer(nodes, keys, neighbours, mask, positions)[0], layer(queries, keys, neighbours, mask)[0]
    )


def test_second_derivatives_exist() -> None:
    """Second-order MAML differentiates through the gradient."""
    queries, keys, neighbours, mask = (
        t.double() if t.is_floating_point() else t for t in problem(1, 2, 4, 5, 3)
    )
    layer = GATLayer(7, 6, 4, generator=torch.Generator().manual_seed(0)).double()

    def f(keys: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        return functional_call(layer, {"key_weight": weight}, (queries, keys, neighbours, mask))[0]

    inputs = (keys.requires_grad_(), layer.key_weight.detach().requires_grad_())
    assert torch.autograd.gradgradcheck(f, inputs)


def test_masked_softmax_of_nothing_is_zero_with_zero_gradient() -> None:
    scores = torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    weights = masked_softmax(scores, torch.tensor([[False, False], [True, False]]))
    assert weights.tolist() == [[0.0, 0.0], [1.0, 0.0]]
    weights.square().sum().backward()
    assert torch.isfinite(scores.grad).all()
