"""One fused embedding table for every field, user and item: grows at its end, touched by row only.

A row holds an embedding and, as its last column, the first-order weight of FM: width 16 + 1. The base
segment may be a copy-on-write memory map of the daily model, so that opening it for one more hour costs
nothing; rows added during the day lie in a tail.
"""

from __future__ import annotations

import torch
from torch import Tensor


class Rows:
    """A matrix [V, W] in two segments, read and written by row index."""

    def __init__(self, base: Tensor) -> None:
        """Args: base [V, W]."""
        self.base = base
        self.tail = base.new_empty((0, base.shape[1]))

    def __len__(self) -> int:
        return len(self.base) + len(self.tail)

    def gather(self, index: Tensor) -> Tensor:
        """A copy of the rows at `index` int64 [R] → [R, W]."""
        if not len(self.tail):
            return self.base.index_select(0, index)
        in_tail = index >= len(self.base)
        out = self.base[index.masked_fill(in_tail, 0)]
        out[in_tail] = self.tail[index[in_tail] - len(self.base)]
        return out

    def scatter(self, index: Tensor, values: Tensor) -> None:
        """Write `values` [R, W] at `index` int64 [R], distinct."""
        if not len(self.tail):
            self.base.index_copy_(0, index, values)
            return
        in_tail = index >= len(self.base)
        self.base[index[~in_tail]] = values[~in_tail]
        self.tail[index[in_tail] - len(self.base)] = values[in_tail]

    def append(self, values: Tensor) -> None:
        """Add rows [n, W] at the end; costs in proportion to the tail."""
        self.tail = torch.cat([self.tail, values.to(self.tail)])

    def merged(self) -> Tensor:
        """The whole matrix [V, W] in one piece."""
        return torch.cat([self.base, self.tail]) if len(self.tail) else self.base

    def to(self, device: torch.device | str) -> Rows:
        """The same rows on another device."""
        moved = Rows(self.base.to(device))
        moved.tail = self.tail.to(device)
        return moved


def initial_rows(size: int, width: int, std: float, generator: torch.Generator) -> Tensor:
    """Embeddings from N(0, std²) and first-order weights of 0: [size, width + 1]."""
    rows = torch.zeros(size, width + 1)
    rows[:, :width] = torch.randn(size, width, generator=generator) * std
    return rows


def gather(rows_RW: Tensor, positions: Tensor) -> Tensor:
    """Rows at `positions` (any shape) → [..., W]; backward adds up, in order, whatever shares a row."""
    return rows_RW.index_select(0, positions.reshape(-1)).reshape(*positions.shape, rows_RW.shape[1])
