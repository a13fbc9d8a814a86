"""Another GNN on the exported click graphs, in plain PyG: GraphSAGE over all applications predicts clicks.

    hourfold graph export --day 2022-05-08 --out graph.pt
    python examples/graph_gnn.py graph.pt

Time is respected: training clicks are predicted from edges that could be used before the first of them, test
clicks from edges that could be used before the first test click. Everything fits in memory here; for a large
log take PyG's `NeighborLoader`, whose `time_attr="time"` means the same.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.data import HeteroData
from torch_geometric.data.storage import BaseStorage, EdgeStorage, GlobalStorage, NodeStorage
from torch_geometric.nn import HeteroConv, SAGEConv
from torch_geometric.transforms import ToUndirected

CLICK = ("user", "click", "item")


class GNN(nn.Module):
    """Vectors of users and items: embeddings of category fields, then two layers over every edge type."""

    def __init__(self, data: HeteroData, width: int = 16) -> None:
        super().__init__()
        self.fields = nn.ModuleDict({kind: FieldSum(data[kind].fields, width) for kind in data.node_types})
        self.layers = nn.ModuleList(
            HeteroConv({edge: SAGEConv(width, width) for edge in data.edge_types}) for _ in range(2)
        )

    def forward(self, data: HeteroData) -> dict[str, Tensor]:
        """A vector of every node, float [N, width] a node type."""
        x = {kind: fields(data[kind].fields) for kind, fields in self.fields.items()}
        for layer in self.layers:
            x = {kind: x[kind] + values.tanh() for kind, values in layer(x, data.edge_index_dict).items()}
        return x


class FieldSum(nn.Module):
    """The sum of an embedding a category field; codes begin with −1, which stands for unknown."""

    def __init__(self, codes: Tensor, width: int) -> None:
        super().__init__()
        self.embeddings = nn.ModuleList(nn.Embedding(int(column.max()) + 2, width) for column in codes.T)

    def forward(self, codes: Tensor) -> Tensor:
        """Codes int64 [N, F] → float [N, width]."""
        return sum(embedding(column + 1) for embedding, column in zip(self.embeddings, codes.T, strict=True))


def read(path: Path) -> HeteroData:
    """The exported long-term graph, with edges back from items to users.

    `torch.load` refuses classes that it does not know; PyG's storages hold nothing but what is named here.
    """
    with torch.serialization.safe_globals([BaseStorage, EdgeStorage, GlobalStorage, NodeStorage]):
        graphs = torch.load(path, weights_only=True)
    return ToUndirected()(graphs["long_term"])


def before(data: HeteroData, time: int) -> HeteroData:
    """The graph of all edges that a model may use at `time`."""
    return data.edge_subgraph({edge: data[edge].time <= time for edge in data.edge_types})


def clicks(data: HeteroData, start: int, end: int) -> Tensor:
    """Clicks on exposures that occurred in `[start, end)`: user and item, int64 [2, E]."""
    occurred_at = data[CLICK].occurred_at
    return data[CLICK].edge_index[:, (occurred_at >= start) & (occurred_at < end)]


def scores(x: dict[str, Tensor], pairs: Tensor) -> Tensor:
    """Inner products of users and items, [E]."""
    return (x["user"][pairs[0]] * x["item"][pairs[1]]).sum(1)


def with_random_items(pairs: Tensor, data: HeteroData, end: int) -> Tensor:
    """The same users, each with a random item published before `end`."""
    published = (data["item"].published_at < end).nonzero().squeeze(1)
    return torch.stack([pairs[0], published[torch.randint(len(published), (pairs.shape[1],))]])


def auc(positive: Tensor, negative: Tensor) -> float:
    """Share of (click, other) pairs in the right order."""
    ranks = torch.cat([positive, negative]).argsort().argsort()[: len(positive)] + 1.0
    pairs = len(positive) * len(negative)
    return float((ranks.sum() - len(positive) * (len(positive) + 1) / 2) / pairs)


def main(path: Path, epochs: int = 40, seed: int = 0) -> float:
    """Train, print and return the AUC of the last fifth of clicks against random items."""
    torch.manual_seed(seed)
    data = read(path)
    occurred_at = data[CLICK].occurred_at.double()
    first, last = (int(occurred_at.quantile(share)) for share in (0.3, 0.8))
    model = GNN(data)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=1e-3)
    past, training = before(data, first), clicks(data, first, last)
    for _ in range(epochs):
        x = model(past)
        logits = [scores(x, pairs) for pairs in (training, with_random_items(training, data, last))]
        labels = torch.cat([torch.ones_like(logits[0]), torch.zeros_like(logits[1])])
        optimizer.zero_grad()
        F.binary_cross_entropy_with_logits(torch.cat(logits), labels).backward()
        optimizer.step()
    test = clicks(data, last, data.end_ms)
    with torch.no_grad():
        x = model(before(data, last))
        value = auc(scores(x, test), scores(x, with_random_items(test, data, data.end_ms)))
    print(f"{training.shape[1]:,} clicks to train on, {test.shape[1]:,} later ones to test on")
    print(f"AUC {value:.3f} against random items")
    return value


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("path", type=Path, help="what hourfold graph export wrote")
    parser.add_argument("--epochs", type=int, default=40)
    options = parser.parse_args()
    main(options.path, options.epochs)
