"""Claim: the GAT layer's path over padded neighbour lists is no slower than the edge-list forward of PyG's
GATConv, which the same layer inherits; forward and backward on one thread.

Sizes are those of the largest layer of a short-term graph in one training step (training_step.py): 8 tasks,
each with 1,200 items that have up to 30 of 4,400 users as neighbours, 96 numbers in and 16 out. `bagged` sums
neighbours by `Edges`, whose making is timed with it: what all graphs use, the long-term one too, whose lists
are drawn anew for every step. `gathered` fetches each neighbour. With shared weights PyG takes all
tasks as one graph; where each task has its own (the inner step of temporal MAML) it takes them one by one.
Outputs must agree before anything is timed. Times are processor time, medians of many rounds in turn.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.func import functional_call

from models.layers.bags import Edges
from models.layers.gat import GATLayer

TASKS, QUERIES, KEYS, K = 8, 1_200, 4_400, 30
WIDTH_IN, WIDTH_OUT = 96, 16
ROUNDS, WARM = 15, 3


class OverLists(torch.nn.Module):
    """The fast path as a forward pass."""

    def __init__(self, layer: GATLayer) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, *arguments: Tensor | Edges | None) -> Tensor:
        """ELU of the layer, [T, N, width]."""
        return self.layer.over_lists(*arguments)[0]


class Problem:
    """Inputs of one layer, as padded lists and as edge lists."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(0)
        self.layer = GATLayer(WIDTH_IN, WIDTH_IN, WIDTH_OUT, generator=generator)
        self.queries = torch.randn(TASKS, QUERIES, WIDTH_IN, generator=generator).requires_grad_()
        self.keys = torch.randn(TASKS, KEYS, WIDTH_IN, generator=generator).requires_grad_()
        self.neighbours = torch.randint(0, KEYS, (TASKS, QUERIES, K), generator=generator)
        self.mask = torch.rand(TASKS, QUERIES, K, generator=generator) < 0.7
        self.edges = []
        for task in range(TASKS):
            query, slot = self.mask[task].nonzero(as_tuple=True)
            self.edges.append(torch.stack([self.neighbours[task][query, slot], query]))
        shift = torch.tensor([[KEYS], [QUERIES]])
        self.one_graph = torch.cat([edges + task * shift for task, edges in enumerate(self.edges)], dim=1)
        shared = dict(self.layer.named_parameters())
        self.own = {
            name: p.detach().expand(TASKS, *p.shape).clone().requires_grad_() for name, p in shared.items()
        }

    def over_lists(self, own: bool, bagged: bool) -> Tensor:
        """Our path."""
        edges = Edges.of(self.neighbours, self.mask, KEYS) if bagged else None
        arguments = (self.queries, self.keys, self.neighbours, self.mask, None, edges)
        if not own:
            return self.layer.over_lists(*arguments)[0]
        weights = {f"layer.{name}": p for name, p in self.own.items()}
        return functional_call(OverLists(self.layer), weights, arguments)

    def over_edges(self, own: bool) -> Tensor:
        """PyG's forward."""
        if not own:
            x = (self.keys.flatten(0, 1), self.queries.flatten(0, 1))
            return F.elu(self.layer(x, self.one_graph)).view(TASKS, QUERIES, WIDTH_OUT)
        outputs = []
        for task, edges in enumerate(self.edges):
            weights = {name: p[task] for name, p in self.own.items()}
            x = (self.keys[task], self.queries[task])
            outputs.append(F.elu(functional_call(self.layer, weights, (x, edges))))
        return torch.stack(outputs)


def seconds(run: Callable[[], Tensor]) -> float:
    """Of one forward and backward pass."""
    began = time.process_time()
    run().square().sum().backward()
    return time.process_time() - began


def main() -> None:
    torch.set_num_threads(1)
    problem = Problem()
    for own in (False, True):
        runs = {
            "PyG's edge lists": lambda own=own: problem.over_edges(own),
            "gathered": lambda own=own: problem.over_lists(own, bagged=False),
            "bagged": lambda own=own: problem.over_lists(own, bagged=True),
        }
        outputs = [run() for run in runs.values()]
        worst = max(float((each - outputs[0]).abs().max()) for each in outputs)
        if worst > 1e-5:
            raise AssertionError(f"outputs differ by {worst:.1e}")
        times: dict[str, list[float]] = {name: [] for name in runs}
        for _ in range(WARM + ROUNDS):
            for name, run in runs.items():
                times[name].append(seconds(run))
        medians = {name: statistics.median(values[WARM:]) for name, values in times.items()}
        peer = medians.pop("PyG's edge lists")
        weights = "weights of each task" if own else "shared weights"
        for name, value in medians.items():
            print(
                f"   {weights}, {name}: {1e3 * value:.1f} ms, PyG's edge lists {1e3 * peer:.1f} ms:"
                f" {peer / value:.1f}x (outputs differ by {worst:.0e})"
            )


if __name__ == "__main__":
    main()
