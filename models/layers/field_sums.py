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
    """Distinct rows of the fields in chunks of one field and task each, and the instances as bags of them."""

    shape: torch.Size  #: (T, B, F)
    padded: Tensor  #: int64 [C · S] positions of rows; what pads a chunk is in no bag
    field: Tensor  #: int64 [C]
    block: Tensor  #: int64 [C], task · F + field
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
        group = field if task is None else field * tasks + task.cpu().numpy()[row]
        counts = np.bincount(group, minlength=fields * tasks)
        chunks = -(-counts // S)
        shift = S * (chunks.cumsum() - chunks) - (counts.cumsum() - counts)
        slot = np.arange(len(keys)) + shift[group]
        padded = np.zeros(S * int(chunks.sum()), np.int64)
        padded[slot] = row
        of_field, of_task = np.divmod(np.repeat(np.arange(fields * tasks), chunks), tasks)
        bags = Bags.even(slot.take(inverse).reshape(-1, fields), len(padded))
        parts = (torch.from_numpy(part) for part in (padded, of_field, of_task * fields + of_field))
        device = positions.device
        return cls(positions.shape, *(part.to(device) for part in parts), bags.to(device))

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
        tasks, instances, _ = self.shape
        parts = _Sums.apply(rows, weight, paired, self)
        hidden, total, alone = (part.view(tasks, instances, -1) for part in parts)
        return hidden, total, alone.squeeze(-1)

    def blocks(self, weight: Tensor, width: int) -> Tensor:
        """What projects each chunk: [C, D, H] of a weight [F · D, H] or [T, F · D, H]."""
        parts = weight.unflatten(-2, (self.shape[2], width))
        return parts.index_select(0, self.field) if parts.dim() == 3 else parts.flatten(0, 1)[self.block]

    def of_slots(self, paired: Tensor | None) -> Tensor | None:
        """`paired` [F] of each padded row: [C · S, 1]."""
        return None if paired is None else paired[self.field].repeat_interleave(S).unsqueeze(1)


def _written(
    rows: Tensor, weight: Tensor | None, paired: Tensor | None, fields: FieldSums
) -> tuple[Tensor, Tensor, Tensor]:
    """The sums, [T · B, H], [T · B, D] and [T · B, 1], in operations that can be differentiated twice."""
    vectors, first = rows.index_select(0, fields.padded).split([rows.shape[1] - 1, 1], dim=-1)
    hidden = rows.new_empty(len(fields.bags.offsets) - 1, 0)
    if weight is not None:
        blocks = fields.blocks(weight, vectors.shape[1])
        hidden = bag_sum(torch.bmm(vectors.unflatten(0, (-1, S)), blocks).flatten(0, 1), fields.bags)
    shares = fields.of_slots(paired)
    if shares is not None:
        vectors = vectors * shares
    alone = first - 0.5 * vectors.square().sum(-1, keepdim=True)
    summed = bag_sum(torch.cat([vectors, alone], dim=-1), fields.bags)
    return hidden, *summed.split([vectors.shape[1], 1], dim=-1)


class _Sums(torch.autograd.Function):
    """`_written`, whose gradient takes fewer steps where it need not be differentiated again."""

    @staticmethod
    def forward(
        ctx: Any, rows: Tensor, weight: Tensor | None, paired: Tensor | None, fields: FieldSums
    ) -> tuple[Tensor, Tensor, Tensor]:
        ctx.fields = fields
        ctx.save_for_backward(rows, weight, paired)
        return _written(rows, weight, paired, fields)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        rows, weight, paired = ctx.saved_tensors
        fields: FieldSums = ctx.fields
        if torch.is_grad_enabled():  # the gradient of the gradient is asked for, too
            wanted = [rows] if weight is None else [rows, weight]
            again = _written(rows, weight, paired, fields)
            found = torch.autograd.grad(again, wanted, gradients, create_graph=True)
            return found[0], None if weight is None else found[1], None, None
        width, turned = rows.shape[1] - 1, fields.bags.flip()
        vectors = rows.index_select(0, fields.padded)[:, :width]
        d_slots = bag_sum(torch.cat(gradients[1:], dim=-1), turned)
        d_vectors, d_alone = d_slots.split([width, 1], dim=-1)
        shares = fields.of_slots(paired)
        if shares is None:
            d_vectors.addcmul_(vectors, d_alone, value=-1)
        else:
            d_vectors.addcmul_(vectors * shares, d_alone, value=-1).mul_(shares)
        d_weight = None
        if weight is not None:
            d_projected = bag_sum(gradients[0].contiguous(), turned).unflatten(0, (-1, S))
            blocks = fields.blocks(weight, width)
            d_vectors += torch.bmm(d_projected, blocks.mT).flatten(0, 1)
            d_blocks = torch.bmm(vectors.unflatten(0, (-1, S)).mT, d_projected).flatten(1)
            at = fields.field if weight.dim() == 2 else fields.block
            d_weight = weight.new_zeros(weight.shape[:-2].numel() * fields.shape[2], d_blocks.shape[1])
            d_weight = d_weight.index_add_(0, at, d_blocks).view(weight.shape)
        return torch.zeros_like(rows).index_add_(0, fields.padded, d_slots), d_weight, None, None


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
    first = mlp.layers[0]
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
