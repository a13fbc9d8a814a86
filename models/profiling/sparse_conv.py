"""The first two levels of an image CNN from sparse cells: convolution, batch norm, ReLU, max pool.

A year of a user has 8,760 positions and some forty non-empty ones. Where nothing lies within a kernel's
reach, the convolution gives its bias: one constant a filter. So everything is kept as the difference to that
constant, `z`, which is zero at every inactive position; batch norm's moments over all B·365·24 positions are
sums of `z` and `z²` over active ones divided by the full count, exactly. Batch norm followed by ReLU is
monotone in each filter (falling where its γ is negative, for which the filter is turned over: `sign`), so the
maximum is taken first, and only a window's maximum is normalised. What reaches the second level is again rows
of active windows and one constant, so its convolution is one matrix product over active windows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.profiling.geometry import Geometry


@dataclass(frozen=True)
class CellBags:
    """Sums over groups of rows: output o is the sum of `weight · rows[index]` over its group."""

    index: Tensor  #: int64 [n], grouped by output
    offsets: Tensor  #: int64 [outputs]
    weight: Tensor | None  #: float [n]

    @classmethod
    def of(cls, output: Tensor, index: Tensor, weight: Tensor | None, outputs: int) -> CellBags:
        """Group `index` by `output` (int64 [n], in [0, outputs)); the order within a group is that given."""
        order = torch.sort(output, stable=True).indices
        counts = torch.bincount(output, minlength=outputs)
        return cls(index[order], counts.cumsum(0) - counts, None if weight is None else weight[order])

    def sum(self, rows: Tensor) -> Tensor:
        """[outputs, O]; an empty group gives zeros."""
        if len(self.index) == 0:
            return rows.new_zeros(len(self.offsets), rows.shape[1])
        weight = None if self.weight is None else self.weight.to(rows.dtype)
        return F.embedding_bag(self.index, rows, self.offsets, mode="sum", per_sample_weights=weight)


class _WeightedSums(torch.autograd.Function):
    """`z = forward_bags.sum(weight)`, whose gradient is `backward_bags.sum(dz)`."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, forward_bags: CellBags, backward_bags: CellBags) -> Tensor:
        ctx.bags = backward_bags
        return forward_bags.sum(rows)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return ctx.bags.sum(gradients[0].contiguous()), None, None


class _RowSums(torch.autograd.Function):
    """`y = bags.sum(rows)` [B, n, O], and `at_edge` [e, O] added to its places `edge` [e] of every user.

    Every row lies in at most one bag (`bag_of_row`, -1 for none), so the gradient is a gather.
    """

    @staticmethod
    def forward(
        ctx: Any, rows: Tensor, at_edge: Tensor, bags: CellBags, bag_of_row: Tensor, edge: Tensor, users: int
    ) -> Tensor:
        ctx.save_for_backward(bag_of_row, edge)
        y = bags.sum(rows).view(users, -1, rows.shape[1])
        return y.index_add_(1, edge, at_edge.expand(users, -1, -1))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None, None, None]:
        bag_of_row, edge = ctx.saved_tensors
        gradient = gradients[0].contiguous()
        rows = gradient.flatten(0, 1).index_select(0, bag_of_row.clamp(min=0))
        rows.masked_fill_((bag_of_row < 0)[:, None], 0.0)
        return rows, gradient.index_select(1, edge).sum(0), None, None, None, None


class _MomentsAndMax(torch.autograd.Function):
    """z [Q, P, O] → its maximum over P [Q, O], its sum [O] and its sum of squares [O] (if `moments`, else 0).

    Positions of equal value in a window have equal inputs, so that it does not matter for the gradient of the
    weights which of them takes the maximum's.
    """

    @staticmethod
    def forward(ctx: Any, z: Tensor, moments: bool) -> tuple[Tensor, Tensor, Tensor]:
        ctx.shape = z.shape
        windows, places, width = z.shape
        flat = z.view(-1, width)
        if windows == 0:
            largest, at = z.new_zeros(0, width), torch.zeros(0, width, dtype=torch.int64, device=z.device)
        else:  # to the pool it is one image of Q × P positions, channels last
            image = z.view(1, windows, places, width).permute(0, 3, 1, 2)
            pooled = F.max_pool2d(image, (1, places), return_indices=True)
            largest, at = (part.permute(0, 2, 3, 1).reshape(windows, width) for part in pooled)
        ctx.save_for_backward(flat, at)
        if not moments:
            return largest, z.new_zeros(width), z.new_zeros(width)
        return largest, flat.sum(0), torch.linalg.vecdot(flat, flat, dim=0)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        flat, at = ctx.saved_tensors
        d_largest, d_sum, d_squares = gradients
        d_flat = torch.addcmul(d_sum, flat, 2.0 * d_squares).scatter_add_(0, at, d_largest)
        return d_flat.view(ctx.shape), None


@dataclass(frozen=True)
class ActiveRows:
    """An image of one constant, except for some rows."""

    rows: Tensor  #: [Q, O]
    constant: Tensor  #: [O]
    at: Tensor  #: int64 [Q] user · positions + position, ascending
    users: int

    def dense(self, image: tuple[int, int]) -> Tensor:
        """[B, O, *image], in the memory format `channels_last`."""
        positions = image[0] * image[1]
        flat = self.constant.expand(self.users * positions, -1).index_copy(0, self.at, self.rows)
        return flat.view(self.users, *image, -1).permute(0, 3, 1, 2)


def first_level(
    conv: nn.Conv2d,
    norm: nn.BatchNorm2d,
    geometry: Geometry,
    cells: tuple[Tensor, Tensor, Tensor, Tensor],
    users: int,
) -> ActiveRows:
    """Convolution, batch norm, ReLU and max pool of sparse images.

    Args:
        conv: weights [O, C, *kernel] and bias [O]; only its parameters are used.
        norm: γ, β and running moments, updated in training mode.
        geometry: of this level.
        cells: int64 [n] user 0..B-1, position and channel, float [n] value. Equal cells add up.
        users: B, users without cells included.
    """
    user, position, channel, value = cells
    slots = geometry.slots(user.device)[position]  # [n, taps]
    cell, tap = (slots >= 0).nonzero(as_tuple=True)
    slot = slots[cell, tap]
    window = user[cell] * geometry.windows + slot // geometry.places
    is_active = torch.zeros(users * geometry.windows, dtype=torch.bool, device=user.device)
    is_active[window] = True
    active = is_active.nonzero().squeeze(1)
    rank = torch.zeros(users * geometry.windows, dtype=torch.int64, device=user.device)
    rank[active] = torch.arange(len(active), device=user.device)
    output = rank[window] * geometry.places + slot % geometry.places
    weight_row = tap * conv.in_channels + channel[cell]
    weight = value[cell]
    forward_bags = CellBags.of(output, weight_row, weight, len(active) * geometry.places)
    backward_bags = CellBags.of(weight_row, output, weight, geometry.taps * conv.in_channels)

    sign = _sign(norm)
    by_tap = (conv.weight * sign[:, None, None, None]).permute(2, 3, 1, 0).reshape(-1, conv.out_channels)
    z = _WeightedSums.apply(by_tap, forward_bags, backward_bags)
    largest, total, squares = _MomentsAndMax.apply(
        z.view(-1, geometry.places, conv.out_channels), norm.training
    )
    scale, shift = _affine(norm, sign, total, squares, users * geometry.positions, _bias(conv))
    whole = (active % geometry.windows < geometry.whole_windows).nonzero().squeeze(1)
    at = active[whole]
    return ActiveRows(
        rows=torch.relu(largest[whole] * scale + shift),
        constant=torch.relu(shift),
        at=at // geometry.windows * geometry.whole_windows + at % geometry.windows,
        users=users,
    )


def second_level(conv: nn.Conv2d, norm: nn.BatchNorm2d, geometry: Geometry, images: ActiveRows) -> Tensor:
    """Convolution, batch norm, ReLU and max pool of images that are constant but for some rows.

    Returns:
        [B, O, *geometry.pooled], in the memory format `channels_last`.
    """
    sign = _sign(norm)
    weight = (conv.weight * sign[:, None, None, None]).permute(1, 2, 3, 0).flatten(1)  # [I, taps · O]
    slots = geometry.slots(images.at.device)[images.at % geometry.positions]
    per_user = geometry.windows * geometry.places
    bag_of_row = slots + (images.at // geometry.positions * per_user)[:, None]
    bag_of_row = bag_of_row.masked_fill_(slots < 0, -1).flatten()
    inside = (bag_of_row >= 0).nonzero().squeeze(1)
    bags = CellBags.of(bag_of_row[inside], inside, None, images.users * per_user)

    through_taps = ((images.rows - images.constant) @ weight).view(-1, conv.out_channels)
    of_constant = (images.constant @ weight).view(geometry.taps, -1)
    # Beside the edge fewer taps see the constant; the full response to it is left out, for batch norm
    # would take it off.
    edge, missing = geometry.missing(weight.device)
    at_edge = missing.to(weight.dtype) @ -of_constant
    y = _RowSums.apply(through_taps, at_edge, bags, bag_of_row, edge, images.users)
    largest, total, squares = _MomentsAndMax.apply(
        y.view(-1, geometry.places, conv.out_channels), norm.training
    )
    offset = _bias(conv) + sign * of_constant.sum(0)
    scale, shift = _affine(norm, sign, total, squares, images.users * geometry.positions, offset)
    largest = largest.view(images.users, geometry.windows, -1)[:, : geometry.whole_windows]
    pooled = torch.relu(largest * scale + shift)
    return pooled.unflatten(1, geometry.pooled).permute(0, 3, 1, 2)


def _sign(norm: nn.BatchNorm2d) -> Tensor:
    """-1 for filters that batch norm turns over, else 1: [O]."""
    return torch.where(norm.weight.detach() < 0, -1.0, 1.0).to(norm.weight.dtype)


def _bias(conv: nn.Conv2d) -> Tensor:
    assert conv.bias is not None
    return conv.bias


def _affine(
    norm: nn.BatchNorm2d, sign: Tensor, total: Tensor, squares: Tensor, count: int, offset: Tensor
) -> tuple[Tensor, Tensor]:
    """Scale and shift [O] that batch norm applies to `z` (of turned filters); updates running moments.

    `offset` is what was left out of `z`. In training mode it cancels, and so has no gradient (in the dense
    network one of rounding errors only); in evaluation mode it stands against the running mean.
    """
    assert norm.running_mean is not None and norm.running_var is not None and norm.momentum is not None
    if norm.training:
        mean = total / count
        variance = (squares / count - mean * mean).clamp(min=0.0)
        with torch.no_grad():
            norm.running_mean.lerp_(sign * mean + offset, norm.momentum)
            norm.running_var.lerp_(variance * (count / max(count - 1, 1)), norm.momentum)
            if norm.num_batches_tracked is not None:
                norm.num_batches_tracked.add_(1)
    else:
        mean = sign * (norm.running_mean - offset)
        variance = norm.running_var
    scale = norm.weight * sign * torch.rsqrt(variance + norm.eps)
    return scale, norm.bias - mean * scale
