"""A smooth model that obeys the forward contract, small enough for finite differences."""

import torch
from torch import Tensor, nn

from models.ranking.features.batch import Batch, localise_tasks

WIDTH = 5
FIELDS = 3
NEIGHBOURS = 2


class Toy(nn.Module):
    """First-order terms, pairwise FM, an attention over neighbours, a gate and a small tanh network."""

    def __init__(self, seed: int = 0, dtype: torch.dtype = torch.float64) -> None:
        super().__init__()
        g = torch.Generator().manual_seed(seed)
        k = WIDTH - 1

        def drawn(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.randn(*shape, generator=g, dtype=torch.float64).to(dtype) * 0.5)

        self.graph_weight = drawn(k, k)
        self.gate_weight = drawn(k, 1)
        self.hidden = drawn(k * FIELDS, 6)
        self.hidden_bias = drawn(1, 6)
        self.out = drawn(6, 1)

    def forward(self, rows: Tensor, batch: Batch) -> Tensor:
        x = rows[batch.fields]  # [T, B, F, W]
        value, first = x[..., :-1], x[..., -1].sum(2)
        t, b, f, k = value.shape
        neighbours = rows[batch.graph][..., :-1].reshape(t, b * NEIGHBOURS, k) @ self.graph_weight
        message = torch.tanh(neighbours).reshape(t, b, NEIGHBOURS, k).mean(2)
        gate = torch.sigmoid(value[:, :, 0] @ self.gate_weight)
        pairs = 0.5 * (value.sum(2) ** 2 - (value**2).sum(2)).sum(2)
        deep = torch.tanh(value.reshape(t, b, f * k) @ self.hidden + self.hidden_bias) @ self.out
        mixed = (gate * message * value[:, :, 1]).sum(2)
        return first + pairs + deep.squeeze(2) + mixed


def dense_group(name: str) -> str:
    return {"graph_weight": "graph", "gate_weight": "gate"}.get(name, "ranker")


def table_and_groups(rows: int, seed: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    """Rows 0 mod 3 are items', 1 mod 3 users', 2 mod 3 those of other fields."""
    g = torch.Generator().manual_seed(seed)
    return torch.randn(rows, WIDTH, generator=g, dtype=torch.float64).to(dtype) * 0.5, torch.arange(rows) % 3


def draw(
    rows: int,
    tasks: int,
    instances: int,
    seed: int,
    padding: bool = False,
    dtype: torch.dtype = torch.float64,
) -> Batch:
    """A batch over a table of `rows` rows; with padding, a random part of the instances has weight 0."""
    g = torch.Generator().manual_seed(seed)
    kinds = rows // 3
    fields = torch.randint(kinds, (tasks, instances, FIELDS), generator=g) * 3 + torch.arange(FIELDS)
    neighbours = torch.randint(kinds, (tasks, instances, NEIGHBOURS), generator=g) * 3 + 2
    labels = torch.randint(2, (tasks, instances), generator=g).to(dtype)
    weight = torch.ones(tasks, instances, dtype=dtype)
    if padding:
        weight = (torch.rand(tasks, instances, generator=g) < 0.7).to(dtype)
    unique, task, (fields, neighbours) = localise_tasks([fields, neighbours])
    return Batch(unique, fields, labels, weight, graph=neighbours, task=task)


def single(batch: Batch, t: int) -> Batch:
    """Task t of a batch, as a batch of one task with rows of its own."""
    unique, task, (fields, neighbours) = localise_tasks(
        [batch.unique[batch.fields[t : t + 1]], batch.unique[batch.graph[t : t + 1]]]
    )
    return Batch(
        unique, fields, batch.labels[t : t + 1], batch.weight[t : t + 1], graph=neighbours, task=task
    )
