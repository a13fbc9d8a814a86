"""What a network and FM read of an instance's fields, as sums over the distinct rows of a batch.

A first layer over the concatenated vectors of F fields is the sum of F projected rows, and FM needs Σ x and
Σ |x|² alone. A batch of 256 instances with 61 fields reads 15,616 rows, of which some 1,200 are distinct:
each is projected once, and what an instance gets is a sum over a bag (`models.layers.bags`). Nothing of the
size [B, F, D] is ever written.

Legend: T tasks, B instances a task, F fields, R rows, D width of a vector, H width of the first layer, C
chunks, S rows of a chunk.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.layers.bags import Bags, bag_sum
from models.layers.distinct import numbered
from models.layers.mlp import MLP

S = 16  #: rows of one field and task that one matrix product projects


@dataclass(frozen=True)
class FieldSums:
    """Distinct rows of the fields in chunks of one task and field each, and the instances as bags of them."""

    shape: torch.Size  #: (T, B, F)
    padded: Tensor  #: int64 [C · S] positions of rows; what pads a chunk is in no bag
    #: int64 [C - T · F]: which (task, field) need more than the one chunk that each has, as task · F + field
    more: Tensor
    bags: Bags  #: T · B bags of F out of C · S

    @classmethod
    def of(cls, positions: Tensor, rows: int, task: Tensor | None = None) -> FieldSums:
        """Find chunks and bags, on the CPU.

        Args:
            positions: int64 [T, B, F] of rows.
            rows: R, how many there are.
            task: int64 [R] ascending, the task of each, where T is more than 1.
        """
        tasks, _, fields = positions.shape
        keys, inverse = numbered(positions.cpu().numpy() + np.arange(0, fields * rows, rows), fields * rows)
        field, row = np.divmod(keys, rows)
        owner = 0 if task is None else task.cpu().numpy()[row]
        # Keys ascend by field and row, so by field and task; chunks are wanted by task and field.
        counts = np.bincount(field * tasks + owner, minlength=fields * tasks)
        rank = np.arange(len(keys)) - np.repeat(counts.cumsum() - counts, counts)
        group = owner * fields + field
        further = np.maximum(-(-counts.reshape(fields, tasks).T.reshape(-1) // S) - 1, 0)
        beyond = S * (tasks * fields + further.cumsum() - further) - S
        slot = rank + np.where(rank < S, group * S, beyond[group])
        padded = np.zeros(S * (tasks * fields + int(further.sum())), np.int64)
        padded[slot] = row
        bags = Bags.even(slot.take(inverse).reshape(-1, fields), len(padded))
        more = np.repeat(np.arange(tasks * fields), further)
        device = positions.device
        chunks, further_chunks = (torch.from_numpy(part).to(device) for part in (padded, more))
        return cls(positions.shape, chunks, further_chunks, bags.to(device))

    def __call__(
        self, rows: Tensor, weight: Tensor | None, paired: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Sums over the fields of each instance.

        Args:
            rows: float [R, D + 1], embeddings and first-order weights.
            weight: of the first layer's part that reads the fields, float [F · D, H] or [T, F · D, H]; None:
                no layer.
            paired: float [F], 1 for the fields that FM pairs and 0 for others; None: all.

        Returns:
            Σ x W float [T, B, H] (H is 0 without weight), Σ x [T, B, D], and Σ (first − ½ |x|²) [T, B].
        """
        tasks, instances, fields = self.shape
        blocks = None
        if weight is not None:
            blocks = weight.unflatten(-2, (fields, rows.shape[1] - 1))
            blocks = blocks.expand(tasks, *blocks.shape[-3:]).flatten(0, 1)
        parts = _Sums.apply(rows, blocks, paired, self)
        hidden, total, alone = (part.view(tasks, instances, -1) for part in parts)
        return hidden, total, alone.squeeze(-1)

    def chunks(self, slots: Tensor) -> tuple[Tensor, Tensor]:
        """Something of all slots, [C · S, n], as chunks [T · F, S, n], and further ones [C - T · F, S, n]."""
        groups = self.shape[0] * self.shape[2]
        parts = slots.unflatten(0, (-1, S)).split([groups, len(self.more)])
        return parts[0], parts[1]

    def times(self, slots: Tensor, blocks: Tensor) -> Tensor:
        """Each slot of [C · S, n] times the block of its chunk, blocks [T · F, n, m]: [C · S, m]."""
        first, further = self.chunks(slots)
        if torch.is_grad_enabled():
            parts = [torch.bmm(first, blocks), torch.bmm(further, blocks.index_select(0, self.more))]
            return torch.cat(parts).flatten(0, 1)
        out = slots.new_empty(len(slots), blocks.shape[-1])
        of_first, of_further = self.chunks(out)
        torch.bmm(first, blocks, out=of_first)
        torch.bmm(further, blocks.index_select(0, self.more), out=of_further)
        return out

    def of_slots(self, paired: Tensor) -> Tensor:
        """`paired` [F] of each slot: [C · S, 1]."""
        tasks, _, fields = self.shape
        every = torch.cat([paired.repeat(tasks), paired[self.more % fields]])
        return every.repeat_interleave(S).unsqueeze(1)


class _Sums(torch.autograd.Function):
    """Σ x W [T · B, H], Σ x [T · B, D] and Σ (first − ½ |x|²) [T · B, 1], with blocks [T · F, D, H] as W."""

    @staticmethod
    def forward(
        ctx: Any, rows: Tensor, blocks: Tensor | None, paired: Tensor | None, fields: FieldSums
    ) -> tuple[Tensor, Tensor, Tensor]:
        ctx.fields = fields
        ctx.save_for_backward(rows, blocks, paired)
        vectors, first = rows.index_select(0, fields.padded).split([rows.shape[1] - 1, 1], dim=-1)
        hidden = rows.new_empty(len(fields.bags.offsets) - 1, 0)
        if blocks is not None:
            hidden = bag_sum(fields.times(vectors, blocks), fields.bags)
        if paired is not None:
            vectors = vectors * fields.of_slots(paired)
        alone = first - 0.5 * vectors.square().sum(-1, keepdim=True)
        summed = bag_sum(torch.cat([vectors, alone], dim=-1), fields.bags)
        return hidden, *summed.split([vectors.shape[1], 1], dim=-1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor | None, None, None]:
        """In operations that can be differentiated again."""
        rows, blocks, paired = ctx.saved_tensors
        fields: FieldSums = ctx.fields
        turned = fields.bags.flip()
        vectors = rows.index_select(0, fields.padded)[:, :-1]
        d_slots = bag_sum(torch.cat(gradients[1:], dim=-1), turned)
        d_vectors, d_alone = d_slots.split([vectors.shape[1], 1], dim=-1)
        if paired is None:
            d_vectors = d_vectors - vectors * d_alone
        else:  # one or zero, so that its square is itself
            d_vectors = (d_vectors - vectors * d_alone) * fields.of_slots(paired)
        d_blocks = None
        if blocks is not None:
            d_projected = bag_sum(gradients[0].contiguous(), turned)
            d_vectors = d_vectors + fields.times(d_projected, blocks.mT)
            pairs = zip(fields.chunks(vectors), fields.chunks(d_projected), strict=True)
            d_blocks, further = (torch.bmm(left.mT, right) for left, right in pairs)
            d_blocks = d_blocks.index_add_(0, fields.more, further)
        d_rows = torch.cat([d_vectors, d_alone], dim=-1)
        return torch.zeros_like(rows).index_add_(0, fields.padded, d_rows), d_blocks, None, None


def fm_and_network(
    mlp: MLP,
    rows: Tensor,
    fields: FieldSums,
    before: Tensor | None = None,
    after: Tensor | None = None,
    numbers: Tensor | None = None,
    paired: Tensor | None = None,
) -> Tensor:
    """DeepFM over an instance's fields and vectors beside them: pairs, a network, the fields' first order.

    Args:
        mlp: reads what follows side by side, in the order `before`, fields, `after`, `numbers`.
        rows: float [R, D + 1].
        fields: which rows the fields read.
        before, after: float [T, B, P, D] each, vectors; None: none.
        numbers: float [T, B, N], for the network alone.
        paired: as in `FieldSums`.

    Returns:
        float [T, B].
    """
    first = mlp.first
    width, read = rows.shape[1] - 1, fields.shape[2]
    ahead = 0 if before is None else before.shape[-2]
    weights = first.weight.split(
        [width * ahead, width * read, first.weight.shape[-2] - width * (ahead + read)], dim=-2
    )
    hidden, total, logits = fields(rows, weights[1], paired)
    hidden = hidden + first.bias
    beside = [part for part in (before, after) if part is not None]
    if beside:
        vectors = torch.cat(beside, dim=-2)
        total = total + vectors.sum(-2)
        logits = logits - 0.5 * vectors.square().sum((-1, -2))
        beside = [vectors.flatten(-2)]
    if numbers is not None:
        beside.append(numbers)
    if beside:
        hidden = hidden + torch.cat(beside, dim=-1) @ torch.cat([weights[0], weights[2]], dim=-2)
    return logits + 0.5 * total.square().sum(-1) + mlp.after_first(hidden).squeeze(-1)
