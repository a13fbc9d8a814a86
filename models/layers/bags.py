"""Sums over bags of rows, whose backward pass is again a sum over bags.

A gather of rows has a scatter as its gradient, and a scatter with collisions is an order of magnitude slower
than a gather. Here the entries are sorted by row once, when a batch is drawn; from then on the gradient is a
sum over the bags of the transposed structure, as fast as the forward pass, and so is the gradient's gradient,
which second-order MAML needs. Sums run in a fixed order: the same bits every time.

Legend: E entries, N bags, M rows, D width of a row.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from scipy.sparse import csr_array
from torch import Tensor
from torch.autograd import Function

_CHUNK = 8192  #: entries whose rows fit the cache


@dataclass(frozen=True)
class Bags:
    """Which rows each bag holds, and in which bags each row stands; int32 serves as well as int64."""

    rows: Tensor  #: int64 [E], entries in order of bag
    bag: Tensor | None  #: int64 [E], ascending; for weighted sums only, as all that may be None
    offsets: Tensor  #: int64 [N + 1], where a bag's entries start
    rows_in_order: Tensor | None  #: int64 [E], `rows` in ascending order
    bag_in_order: Tensor  #: int64 [E], the bags of these entries
    row_offsets: Tensor  #: int64 [M + 1]
    order: Tensor | None = None  #: int64 [E], the entries in order of row
    inverse: Tensor | None = None  #: int64 [E], the inverse of `order`

    @classmethod
    def of(cls, rows: Tensor, bag: Tensor, bags: int, size: int, *, weighted: bool = True) -> Bags:
        """Args: rows int64 [E] in `[0, size)`; bag int64 [E] ascending in `[0, bags)`."""
        sorted_rows, order = _stable_sort(rows, size)
        inverse = None
        if weighted:
            inverse = torch.empty_like(order)
            inverse[order] = torch.arange(len(order), device=order.device)
        return cls(
            rows=rows,
            bag=bag,
            offsets=_starts(bag, bags),
            rows_in_order=sorted_rows,
            bag_in_order=bag[order],
            row_offsets=_starts(rows, size),
            order=order if weighted else None,
            inverse=inverse,
        )

    @classmethod
    def runs(cls, bag: Tensor, bags: int) -> Bags:
        """Every row once, in order: bags of rows that follow one another. Args: bag int64 [E] ascending."""
        every = torch.arange(len(bag) + 1, device=bag.device)
        rows = every[:-1]
        return cls(rows, bag, _starts(bag, bags), rows, bag, every, order=rows, inverse=rows)

    @classmethod
    def even(cls, rows: Tensor | np.ndarray, size: int) -> Bags:
        """Bags of one size each, for sums without weights. Args: rows int64 [N, n] in `[0, size)`."""
        if isinstance(rows, Tensor):
            if rows.device.type == "cpu":
                return cls.even(rows.numpy(), size)
            bag = torch.arange(len(rows), device=rows.device).repeat_interleave(rows.shape[1])
            return cls.of(rows.reshape(-1), bag, len(rows), size, weighted=False)
        bags, entries = rows.shape
        offsets = np.arange(0, rows.size + 1, entries, dtype=np.int32)
        nothing = np.zeros(rows.size, np.int8)
        matrix = csr_array((nothing, rows.reshape(-1).astype(np.int32), offsets), shape=(bags, size))
        turned = matrix.tocsc()  # a counting sort
        made = (matrix.indices, offsets, turned.indices, turned.indptr)
        flat, starts, bag_in_order, row_offsets = (torch.from_numpy(part) for part in made)
        return cls(flat, None, starts, None, bag_in_order, row_offsets)

    def flip(self) -> Bags:
        """Rows become bags: entries in order of row."""
        transposed = (self.bag_in_order, self.rows_in_order, self.row_offsets)
        return Bags(*transposed, self.bag, self.rows, self.offsets, self.inverse, self.order)

    def to(self, device: torch.device | str) -> Bags:
        """The same structure on another device."""
        moved = {name: tensor.to(device) for name, tensor in vars(self).items() if tensor is not None}
        return replace(self, **moved)


def _starts(ids: Tensor, size: int) -> Tensor:
    """int64 [size + 1]: where each id's entries start among sorted ids."""
    return F.pad(torch.cumsum(torch.bincount(ids, minlength=size), 0), (1, 0))


def _stable_sort(ids: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Sorted ids in `[0, size)` and the order; on a CPU, small ids go through NumPy's radix sort."""
    if ids.device.type != "cpu" or size > 2**16:
        ordered, order = torch.sort(ids, stable=True)
        return ordered, order
    order = torch.from_numpy(np.argsort(ids.numpy().astype(np.uint16), kind="stable"))
    return ids[order], order


def bag_sum(values: Tensor, bags: Bags) -> Tensor:
    """[N, D]: Σ over a bag's entries of `values[row]`, for `values` [M, D]; zero for an empty bag."""
    return _Sum.apply(values, bags)


def weighted_bag_sum(weights: Tensor, values: Tensor, bags: Bags) -> Tensor:
    """[N, D]: Σ over a bag's entries e of `weights[e] · values[row of e]`; weights [E], values [M, D]."""
    return _WeightedSum.apply(weights, values, bags)


class _Sum(Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, bags: Bags) -> Tensor:
        ctx.bags = bags
        return F.embedding_bag(bags.rows, values, bags.offsets, mode="sum", include_last_offset=True)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return _Sum.apply(gradient.contiguous(), ctx.bags.flip()), None


class _WeightedSum(Function):
    @staticmethod
    def forward(ctx: Any, weights: Tensor, values: Tensor, bags: Bags) -> Tensor:
        ctx.bags = bags
        ctx.save_for_backward(weights, values)
        return F.embedding_bag(
            bags.rows, values, bags.offsets, mode="sum", per_sample_weights=weights, include_last_offset=True
        )

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        weights, values = ctx.saved_tensors
        for_weights, for_values, _ = ctx.needs_input_grad
        gradient = gradient.contiguous()
        return (
            _Dot.apply(gradient, values, ctx.bags) if for_weights else None,
            _row_sum(weights, gradient, ctx.bags) if for_values else None,
            None,
        )


class _Dot(Function):
    """[E]: the inner product of each entry's bag [N, D] and row [M, D]."""

    @staticmethod
    def forward(ctx: Any, of_bags: Tensor, of_rows: Tensor, bags: Bags) -> Tensor:
        assert bags.bag is not None
        ctx.bags = bags
        ctx.save_for_backward(of_bags, of_rows)
        step = _CHUNK if of_rows.device.type == "cpu" else max(len(bags.rows), 1)
        out = of_rows.new_empty(len(bags.rows))
        for first in range(0, len(out), step):
            part = slice(first, first + step)
            rows, bag = of_rows.index_select(0, bags.rows[part]), of_bags.index_select(0, bags.bag[part])
            torch.sum(rows.mul_(bag), dim=1, out=out[part])
        return out

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        of_bags, of_rows = ctx.saved_tensors
        for_bags, for_rows, _ = ctx.needs_input_grad
        gradient = gradient.contiguous()
        return (
            _WeightedSum.apply(gradient, of_rows, ctx.bags) if for_bags else None,
            _row_sum(gradient, of_bags, ctx.bags) if for_rows else None,
            None,
        )


class _Permute(Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, order: Tensor, inverse: Tensor) -> Tensor:
        ctx.order, ctx.inverse = order, inverse
        return values.index_select(0, order)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return _Permute.apply(gradient, ctx.inverse, ctx.order), None, None


def _row_sum(weights: Tensor, of_bags: Tensor, bags: Bags) -> Tensor:
    """[M, D]: Σ over a row's entries e of `weights[e] · of_bags[bag of e]`."""
    if bags.order is None:
        raise ValueError("these bags were made with weighted=False: they can be summed without weights only")
    return _WeightedSum.apply(_Permute.apply(weights, bags.order, bags.inverse), of_bags, bags.flip())


@dataclass(frozen=True)
class Edges:
    """The real neighbours of padded lists [T, N, K], as bags of the T · M key nodes."""

    bags: Bags
    slots: Tensor  #: int64 [E], where an entry stands in the flattened lists

    @classmethod
    def of(cls, neighbours: Tensor, mask: Tensor, keys: int) -> Edges:
        """Args: neighbours int64 [T, N, K] positions into the `keys` nodes of a task; mask bool [T, N, K]."""
        tasks, nodes, width = neighbours.shape
        slots = mask.reshape(-1).nonzero().squeeze(1)
        row = torch.div(slots, width, rounding_mode="floor")
        task = torch.div(row, nodes, rounding_mode="floor")
        rows = neighbours.reshape(-1)[slots] + task * keys
        return cls(Bags.of(rows, row, tasks * nodes, tasks * keys), slots)

    def to(self, device: torch.device | str) -> Edges:
        """The same structure on another device."""
        return Edges(self.bags.to(device), self.slots.to(device))
