"""Must hold 1: the GAT layer is torch_geometric's GATConv on the same edges, in outputs and gradients."""

from __future__ import annotations

import subprocess
import sys
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call
from torch_geometric.nn import GATConv

from models.layers.attention import glorot, masked_softmax
from models.layers.bags import Edges
from models.layers.gat import GATLayer

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


class OverLists(nn.Module):
    """The fast path as a forward pass, so that `functional_call` can give it parameters with a task axis."""

    def __init__(self, layer: GATLayer) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, *arguments):
        return self.layer.over_lists(*arguments)


def reference(parameters: dict[str, torch.Tensor], task: int | None = None) -> GATConv:
    """PyG's own layer with these weights (those of one task)."""
    conv = GATConv((6, 7), 16, add_self_loops=False, bias=False).to(parameters["att_src"].dtype)
    conv.load_state_dict({name: (p if task is None else p[task]).detach() for name, p in parameters.items()})
    return conv


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("own_weights", [False, True], ids=["shared weights", "weights of each task"])
@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-12)], ids=str)
@pytest.mark.parametrize("bagged", [False, True], ids=["gathered", "bagged"])
def test_equals_gatconv(
    device: str, own_weights: bool, seed: int, dtype: torch.dtype, tolerance: float, bagged: bool
) -> None:
    tasks = 3
    close = partial(torch.testing.assert_close, atol=tolerance, rtol=tolerance)
    queries, keys, neighbours, mask = problem(tasks, seed)
    queries, keys = queries.to(dtype), keys.to(dtype)
    layer = GATLayer(7, 6, 16, generator=torch.Generator().manual_seed(seed)).to(device, dtype)
    parameters = {name: p.detach().clone() for name, p in layer.named_parameters()}
    if own_weights:
        scale = torch.linspace(0.5, 1.5, tasks, device=device, dtype=dtype)
        parameters = {name: p * scale.view(-1, *[1] * p.dim()) for name, p in parameters.items()}
    parameters = {name: p.requires_grad_() for name, p in parameters.items()}
    inputs = [t.to(device).requires_grad_() for t in (queries.clone(), keys.clone())]
    lists = (neighbours.to(device), mask.to(device))
    edges = Edges.of(*lists, keys.shape[1]) if bagged else None
    under = {f"layer.{name}": p for name, p in parameters.items()}
    out, present = functional_call(OverLists(layer), under, (*inputs, *lists, None, edges))
    direction = torch.randn(out.shape, generator=torch.Generator().manual_seed(9)).to(dtype)
    (out * direction.to(device)).sum().backward()

    assert present.cpu().tolist() == mask.any(-1).tolist()
    assert (out[:, 0] == 0).all()
    expected_gradients: dict[str, list[torch.Tensor]] = {name: [] for name in parameters}
    for task in range(tasks):
        conv = reference(parameters, task if own_weights else None).cpu()
        query, slot = mask[task].nonzero(as_tuple=True)
        edge_index = torch.stack([neighbours[task][query, slot], query])
        x = [t[task].clone().requires_grad_() for t in (keys, queries)]
        expected = F.elu(conv(tuple(x), edge_index, size=(x[0].shape[0], x[1].shape[0])))
        (expected * direction[task]).sum().backward()
        close(out[task].cpu(), expected)
        close(inputs[0].grad[task].cpu(), x[1].grad)
        close(inputs[1].grad[task].cpu(), x[0].grad)
        for name, p in conv.named_parameters():
            expected_gradients[name].append(p.grad)
    for name, parts in expected_gradients.items():
        close(parameters[name].grad.cpu(), torch.stack(parts) if own_weights else sum(parts))


def test_its_own_edge_list_forward_is_gatconvs() -> None:
    queries, keys, neighbours, mask = (t[0] for t in problem(1, 3))
    layer = GATLayer(7, 6, 16, generator=torch.Generator().manual_seed(0))
    query, slot = mask.nonzero(as_tuple=True)
    edge_index = torch.stack([neighbours[query, slot], query])
    assert isinstance(layer, GATConv)
    assert torch.equal(
        layer((keys, queries), edge_index), reference(layer.state_dict())((keys, queries), edge_index)
    )
    lists = layer.over_lists(queries[None], keys[None], neighbours[None], mask[None])[0][0]
    torch.testing.assert_close(lists, F.elu(layer((keys, queries), edge_index)), atol=1e-5, rtol=1e-5)


def test_draws_come_from_the_generator_alone_and_in_one_order() -> None:
    """W_q, W_k and the two halves of w in this order, [in, out] each: so it was before it was PyG's layer."""
    before = torch.get_rng_state()
    layer = GATLayer(7, 6, 16, generator=torch.Generator().manual_seed(11))
    assert torch.equal(torch.get_rng_state(), before)
    generator = torch.Generator().manual_seed(11)
    drawn = [glorot(*shape, generator=generator) for shape in ((7, 16), (6, 16), (16, 1), (16, 1))]
    weights = (
        layer.lin_dst.weight.T,
        layer.lin_src.weight.T,
        layer.att_dst.view(16, 1),
        layer.att_src.view(16, 1),
    )
    for weight, expected in zip(weights, drawn, strict=True):
        assert torch.equal(weight, expected)


def test_no_ranker_imports_torch_geometric_before_it_builds_the_layer() -> None:
    """It costs seconds on a cold disk, and most systems do without."""
    code = (
        "import sys, models.ranking.registry, models.ranking.ranker; print('torch_geometric' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"


def test_query_positions_pick_among_nodes() -> None:
    queries, keys, neighbours, mask = problem(2, 4)
    layer = GATLayer(7, 6, 16, generator=torch.Generator().manual_seed(0))
    nodes = queries.flip(1)
    positions = torch.arange(8, -1, -1).expand(2, -1)
    assert torch.equal(
        layer.over_lists(nodes, keys, neighbours, mask, positions)[0],
        layer.over_lists(queries, keys, neighbours, mask)[0],
    )


def test_second_derivatives_exist() -> None:
    """Second-order MAML differentiates through the gradient."""
    queries, keys, neighbours, mask = (
        t.double() if t.is_floating_point() else t for t in problem(1, 2, 4, 5, 3)
    )
    layer = GATLayer(7, 6, 4, generator=torch.Generator().manual_seed(0)).double()

    def f(keys: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        weights = {"layer.lin_src.weight": weight}
        return functional_call(OverLists(layer), weights, (queries, keys, neighbours, mask))[0]

    inputs = (keys.requires_grad_(), layer.lin_src.weight.detach().requires_grad_())
    assert torch.autograd.gradgradcheck(f, inputs)


def test_masked_softmax_of_nothing_is_zero_with_zero_gradient() -> None:
    scores = torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    weights = masked_softmax(scores, torch.tensor([[False, False], [True, False]]))
    assert weights.tolist() == [[0.0, 0.0], [1.0, 0.0]]
    weights.square().sum().backward()
    assert torch.isfinite(scores.grad).all()
