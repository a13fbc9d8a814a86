"""Mini-batches whose embedding rows are gathered once, so that a step touches only the rows it uses.

Legend of shape letters: T tasks (1 in plain training), B instances a task, F fields, K neighbours, R touched
rows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from models.layers.distinct import unique_keys


@dataclass(frozen=True)
class ContentBatch:
    """Content vectors of a batch's instances, centred and of unit length; zero where unknown."""

    user: Tensor  #: float [T, B, V of users]
    item: Tensor  #: float [T, B, V of items]
    known: Tensor  #: float [T, B, 2], 1 where the user's and where the item's is known
    #: float [T, B, 3 lists]: of each list of the user's latest clicks, mean and largest cosine of the item
    #: with those clicked, and the share of the list that could be compared
    similar: Tensor

    def to(self, device: torch.device | str) -> ContentBatch:
        """The same tensors on another device."""
        return ContentBatch(*(tensor.to(device) for tensor in vars(self).values()))


@dataclass(frozen=True)
class Batch:
    """Instances of T tasks; every index tensor holds positions into `unique`, never table rows."""

    unique: Tensor  #: int64 [R] rows of the fused table; a row that two tasks touch stands once a task
    fields: Tensor  #: int64 [T, B, F]
    labels: Tensor  #: float [T, B]
    weight: Tensor  #: float [T, B]; 0 marks padding
    long_term: Tensor | None = None  #: float [T, B, 16], the user's long-term vector; no gradient reaches it
    graph: Any = None  #: the system's own index tensors (positions, masks), with a `.to(device)`
    codes: Tensor | None = None  #: int64 [T, B, F] category codes, for systems with `reads_codes`
    content: ContentBatch | None = None  #: for systems that read content vectors, where there are any
    task: Tensor | None = None  #: int64 [R], ascending: whose copy each touched row is; None when T is 1

    def to(self, device: torch.device | str) -> Batch:
        """The same batch on another device."""
        return replace(
            self,
            **{
                name: value.to(device)
                for name, value in vars(self).items()
                if value is not None and hasattr(value, "to")
            },
        )

    def mentions(self) -> Tensor:
        """[R] in how many instances each touched row stands as a field, weighted; 0 for mere neighbours."""
        weight = self.weight.unsqueeze(-1).expand(self.fields.shape).reshape(-1)
        return weight.new_zeros(len(self.unique)).index_add_(0, self.fields.reshape(-1), weight)


def localise_tasks(row_ids: list[Tensor]) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Give every task its own copy of the rows it touches.

    Args:
        row_ids: int32 or int64 tensors `[T, ...]` of fused-table rows, all with the same T.

    Returns:
        `unique` int64 [R], the rows in order of (task, row); `task` int64 [R], the task of each; and for each
        input the positions into `unique`, same shape.
    """
    tasks = row_ids[0].shape[0]
    flat = torch.cat([ids.reshape(tasks, -1).long() for ids in row_ids], dim=1)
    stride = int(flat.max()) + 1 if flat.numel() else 1
    if tasks > 1:
        flat = flat + torch.arange(0, tasks * stride, stride, device=flat.device).unsqueeze(1)
    keys, positions = unique_keys(flat, tasks * stride)
    parts = positions.split([ids[0].numel() for ids in row_ids], dim=1)
    shaped = [part.reshape(ids.shape) for part, ids in zip(parts, row_ids, strict=True)]
    if tasks == 1:
        return keys, torch.zeros_like(keys), shaped
    task = torch.div(keys, stride, rounding_mode="floor")
    return keys - task * stride, task, shaped
