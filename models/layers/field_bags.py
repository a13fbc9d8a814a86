"""Nodes that are their fields' values, projected without being written out; sums are those of `bags`."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from models.layers.bags import Bags, bag_sum


@dataclass(frozen=True)
class FieldBags:
    """Nodes [T, M] as bags of their fields' values, each value once a task and field.

    A node's input is the concatenation of its fields' embeddings; a projection of it is the sum of the
    projections of its values, of which there are far fewer than nodes.
    """

    values: Tensor  #: int64 [F, T, L] positions of embedding rows, padded by 0
    bags: Bags  #: T · M bags of F values out of F · T · L

    @classmethod
    def of(cls, positions: Tensor) -> FieldBags:
        """Args: positions int64 [T, M, F] of embedding rows; tasks do not share rows."""
        tasks, nodes, fields = positions.shape
        rows = int(positions.max()) + 1
        by_field = positions.permute(2, 0, 1)  # [F, T, M]
        keys = by_field + rows * torch.arange(fields, device=positions.device).view(-1, 1, 1)
        seen = torch.zeros(fields * rows, dtype=torch.bool, device=positions.device)
        seen[keys.reshape(-1)] = True
        distinct = seen.nonzero().squeeze(1)
        rank = (torch.cumsum(seen, 0) - 1)[keys]  # [F, T, M]
        # Positions ascend with the task, so the values of a (field, task) stand together.
        first = rank.amin(2)
        counts = rank.amax(2) - first + 1
        longest = int(counts.max())
        slots = torch.arange(longest, device=positions.device)
        at = (first.unsqueeze(2) + slots).clamp_max(len(distinct) - 1)
        values = torch.where(slots < counts.unsqueeze(2), distinct[at] % rows, 0)
        base = (torch.arange(fields * tasks, device=positions.device) * longest).view(fields, tasks, 1)
        entry = (base + rank - first.unsqueeze(2)).permute(1, 2, 0).reshape(-1)
        bag = torch.arange(tasks * nodes, device=positions.device).repeat_interleave(fields)
        size = fields * tasks * longest
        return cls(values, Bags.of(entry, bag, tasks * nodes, size, weighted=False))

    def to(self, device: torch.device | str) -> FieldBags:
        """The same structure on another device."""
        return FieldBags(self.values.to(device), self.bags.to(device))

    def over(self, rows: Tensor) -> FieldNodes:
        """The nodes, with embedding rows float [R, D]."""
        return FieldNodes(self, rows.index_select(0, self.values.reshape(-1)))


@dataclass(frozen=True)
class FieldNodes:
    """Nodes [T, M, F · D] that are never written out: a matrix product is all that can be asked of them."""

    structure: FieldBags
    values: Tensor  #: float [F · T · L, D]

    def __matmul__(self, weight: Tensor) -> Tensor:
        """[T, M, out], for a weight [F · D, out] or [T, F · D, out]."""
        fields, tasks, longest = self.structure.values.shape
        x = self.values.view(fields, tasks, longest, -1)
        per_task = weight if weight.dim() == 3 else weight.unsqueeze(0)
        blocks = per_task.unflatten(1, (fields, -1)).transpose(0, 1)  # [F, T or 1, D, out]
        projected = (x @ blocks).reshape(fields * tasks * longest, -1)
        return bag_sum(projected, self.structure.bags).view(tasks, -1, weight.shape[-1])
