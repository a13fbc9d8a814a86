"""A state that was saved before the GAT layer was PyG's loads with its weights and moments."""

from __future__ import annotations

import torch
from torch import nn

from models.layers.former_names import FORMER_NAMES, in_present_order, moments_in_present_order
from models.layers.gat import GATLayer

FORMER_LAYER = ("query_weight", "key_weight", "query_attention", "key_attention")


class Model(nn.Module):
    def __init__(self, seed: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.first = nn.Linear(3, 2)
        self.graph = GATLayer(5, 5, 5, generator=generator)  # square: shapes alone tell nothing
        self.last = nn.Linear(2, 1)


def formerly(model: Model, values: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Values by parameter as they were saved before: other names, shapes and order."""
    former = {name: values[name] for name in ("first.weight", "first.bias")}
    for name in FORMER_LAYER:
        value = values[f"graph.{FORMER_NAMES[name]}"]
        former[f"graph.{name}"] = value.view(5, 1) if name.endswith("attention") else value.T.contiguous()
    return former | {name: values[name] for name in ("last.weight", "last.bias")}


def trained(seed: int) -> tuple[Model, torch.optim.Optimizer]:
    model = Model(seed)
    optimizer = torch.optim.Adagrad(model.parameters(), lr=0.1)
    for p in model.parameters():
        p.grad = torch.randn(p.shape, generator=torch.Generator().manual_seed(p.numel()))
    optimizer.step()
    return model, optimizer


def test_weights_load_from_former_names() -> None:
    model, other = Model(0), Model(1)
    missing = other.load_state_dict(formerly(model, model.state_dict()), strict=False)
    assert not missing.missing_keys
    assert not missing.unexpected_keys
    for name, p in model.state_dict().items():
        assert torch.equal(other.state_dict()[name], p), name
    # As before: in memory a weight lies [in, out].
    assert other.graph.lin_src.weight.T.is_contiguous()


def test_moments_go_with_their_parameters() -> None:
    model, optimizer = trained(0)
    sums = {n: optimizer.state[p]["sum"] for n, p in model.named_parameters()}
    former = formerly(model, sums)
    saved = optimizer.state_dict() | {
        "state": {i: {"step": torch.tensor(1.0), "sum": value} for i, value in enumerate(former.values())}
    }
    other, again = trained(1)
    again.load_state_dict(moments_in_present_order(saved, list(former), other))
    for name, p in other.named_parameters():
        assert torch.equal(again.state[p]["sum"], sums[name]), name
    averages = in_present_order(list(former.values()), list(former), other)
    for value, (name, p) in zip(averages, other.named_parameters(), strict=True):
        assert torch.equal(value, sums[name]), name
        assert value.shape == p.shape


def test_a_state_of_today_is_left_alone() -> None:
    model, optimizer = trained(0)
    saved = optimizer.state_dict()
    assert moments_in_present_order(saved, list(model.state_dict()), model) == saved
