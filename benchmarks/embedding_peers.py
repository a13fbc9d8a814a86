"""The embedding step of a mini-batch: look rows up, take a given gradient back, move the rows by Adagrad.

Fields of a simulated log's sizes, width 16, batches of 256 instances, one thread. Ours looks distinct rows
up once, adds the gradient up and moves them (`localise_tasks`, `Rows`, `RowOptimizer`; its state is a number
an element). The peers get one index a field and instance:

- fbgemm's `SplitTableBatchedEmbeddingBagsCodegen` on the CPU with its fused row-wise Adagrad, whose state is
  one number a row (`pip install fbgemm-gpu-cpu`, of the release that was built for the torch at hand);
- torch's `EmbeddingBag(sparse=True)`, all fields in one table, with its Adagrad for sparse gradients.

From the same table and batch the rows looked up must be the same, and ours and torch's must move to the same
values, before anything is timed. Processor milliseconds, medians of rounds in which all sides take turns.

    python -m benchmarks.embedding_peers [--json]
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import sys
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.layers.embedding import Rows, gather
from models.ranking.features.batch import localise_tasks
from models.ranking.training.optim import EPSILON, RowOptimizer
from models.threads import settle_memory

BATCH, WIDTH, RATE = 256, 16, 0.01
#: codes of each field: users, items, their fields, bins of counts and rates
SIZES = (20_000, 4_000, 6, 3, 12, 4, 3, 3, 30, 150, 300, 5, 6, 4, 4, 24, 7, 20, *(32, 26) * 21)
STARTS = np.cumsum((0, *SIZES[:-1]))
FBGEMM = "pip install fbgemm-gpu-cpu (1.8.0 goes with torch 2.13)"


class Ours:
    """The rows of one fused table."""

    name = "ours"

    def __init__(self, table: Tensor) -> None:
        self.table = Rows(table.clone())
        self.rows = RowOptimizer("adagrad", RATE, *table.shape)

    def step(self, codes: Tensor, slope: Tensor) -> Tensor:
        """Codes int64 [B, F] of fields and the gradient [B, F, D]; returns what was looked up [B, F, D]."""
        unique, _, (positions,) = localise_tasks([(codes + torch.from_numpy(STARTS)).unsqueeze(0)])
        rows = self.table.gather(unique).requires_grad_()
        looked_up = gather(rows, positions[0])
        (gradient,) = torch.autograd.grad(looked_up, rows, slope)
        self.rows.step(self.table, unique, gradient)
        return looked_up.detach()


class Sparse:
    """torch.nn.EmbeddingBag with sparse gradients and Adagrad."""

    name = "torch EmbeddingBag(sparse=True) + Adagrad"

    def __init__(self, table: Tensor) -> None:
        self.bag = torch.nn.EmbeddingBag.from_pretrained(table.clone(), freeze=False, mode="sum", sparse=True)
        self.optimizer = torch.optim.Adagrad(self.bag.parameters(), lr=RATE, eps=EPSILON)

    def step(self, codes: Tensor, slope: Tensor) -> Tensor:
        """As `Ours.step`."""
        looked_up: Tensor = self.bag((codes + torch.from_numpy(STARTS)).reshape(-1, 1))
        self.optimizer.zero_grad()
        looked_up.backward(slope.reshape(-1, WIDTH))
        self.optimizer.step()
        return looked_up.detach().view(slope.shape)


class Fbgemm:
    """fbgemm's table-batched embeddings, one table a field, the optimiser inside the backward pass."""

    name = "fbgemm, row-wise Adagrad"

    def __init__(self, table: Tensor) -> None:
        from fbgemm_gpu.split_embedding_configs import EmbOptimType
        from fbgemm_gpu.split_table_batched_embeddings_ops_common import EmbeddingLocation
        from fbgemm_gpu.split_table_batched_embeddings_ops_training import (
            ComputeDevice,
            SplitTableBatchedEmbeddingBagsCodegen,
        )

        self.bags = SplitTableBatchedEmbeddingBagsCodegen(
            [(size, WIDTH, EmbeddingLocation.HOST, ComputeDevice.CPU) for size in SIZES],
            optimizer=EmbOptimType.EXACT_ROWWISE_ADAGRAD,
            learning_rate=RATE,
            eps=EPSILON,
        )
        for part, start, size in zip(self.bags.split_embedding_weights(), STARTS, SIZES, strict=True):
            part.detach().copy_(table[start : start + size])
        self.offsets = torch.arange(BATCH * len(SIZES) + 1)

    def step(self, codes: Tensor, slope: Tensor) -> Tensor:
        """As `Ours.step`."""
        looked_up: Tensor = self.bags(codes.T.reshape(-1), self.offsets)
        looked_up.backward(slope.reshape(BATCH, -1))
        return looked_up.detach().view(slope.shape)


def draw(rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Codes [B, F], skewed as a log's are, and a gradient [B, F, D]."""
    codes = (np.array(SIZES) * rng.random((BATCH, len(SIZES))) ** 2).astype(np.int64)
    return torch.from_numpy(codes), torch.from_numpy(
        rng.normal(0, 1e-3, (BATCH, len(SIZES), WIDTH)).astype(np.float32)
    )


def measure(rounds: int, steps: int) -> dict[str, Any]:
    """Milliseconds a step of each side, and the median ratio to ours."""
    table = torch.randn(sum(SIZES), WIDTH, generator=torch.Generator().manual_seed(0)) * 0.01
    installed = importlib.util.find_spec("fbgemm_gpu") is not None
    sides: list[Any] = [made(table) for made in (Ours, Sparse, *((Fbgemm,) if installed else ()))]
    rng = np.random.default_rng(0)
    first = draw(rng)
    for side in sides:
        torch.testing.assert_close(side.step(*first), sides[0].table.base.new_tensor(_rows(table, first[0])))
    torch.testing.assert_close(sides[1].bag.weight.detach(), sides[0].table.base, rtol=1e-5, atol=1e-6)
    spent: dict[str, list[float]] = {side.name: [] for side in sides}
    for done in range(rounds + 1):
        batches = [draw(rng) for _ in range(steps)]
        for side in sides:
            began = time.process_time()
            for batch in batches:
                side.step(*batch)
            if done:  # the first round warms up
                spent[side.name].append(1e3 * (time.process_time() - began) / steps)
    ours = spent[sides[0].name]
    return {
        "simulated": f"{len(SIZES)} fields, {sum(SIZES):,} rows, batches of {BATCH}",
        "ms a step": {name: round(statistics.median(values), 3) for name, values in spent.items()},
        "peer / ours": {
            name: round(statistics.median(a / b for a, b in zip(values, ours, strict=True)), 2)
            for name, values in spent.items()
        },
        "not installed": {} if installed else {"fbgemm_gpu": FBGEMM},
    }


def _rows(table: Tensor, codes: Tensor) -> np.ndarray:
    return table[codes + torch.from_numpy(STARTS)].numpy()


def main(arguments: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.embedding_peers")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--steps", type=int, default=40, help="in a round")
    options = parser.parse_args(arguments)
    settle_memory()
    torch.set_num_threads(1)
    figures = measure(options.rounds, options.steps)
    print(json.dumps(figures) if options.json else json.dumps(figures, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main(sys.argv[1:])
