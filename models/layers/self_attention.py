"""Multi-head self-attention over field vectors (AutoInt's interacting layer, Song et al. 2019, Eqs. 5-8).

Attention among some seventy fields with heads of width eight is hardly any arithmetic for each score that is
written and read, so what counts is how often scores pass through memory, and in which layout. They are made
for a piece of the batch at a time, which a processor's cache holds, and changed in place. Fields are the last
axis throughout: products of eight rows by F columns are three times as fast as of F rows by eight columns.
Exponentials are powers of two, three times as fast on a processor, and taken without looking for each query's
largest score first, as long as their sum shows that this was not needed.

Parameters may carry a leading task axis, as in `models.layers.mlp`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from models.layers.attention import glorot

LOG2_E = math.log2(math.e)
SCORES = 2**19  #: of a piece on a processor: 2 MiB
MANY_SCORES = 2**26  #: of a piece on other devices
SAFE = 60.0  #: sums of powers of two between 2^-60 and 2^60 are far from float32's bounds


class InteractingLayer(nn.Module):
    """x [T, B, F, in] → [T, B, F, heads · width]: `ReLU(attention(x) + x W_res)`.

    A head's scores are inner products of projected fields, not scaled, as printed. In memory the result has
    fields last, which is how the next layer reads it.
    """

    def __init__(self, fan_in: int, heads: int, width: int, *, generator: torch.Generator) -> None:
        """Args: fan_in the width of a field's vector; heads; width of a head."""
        super().__init__()
        self.heads, self.width = heads, width
        # Queries, keys, values and the residual side by side: one product makes them all.
        parts = [glorot(fan_in, heads * width, generator=generator) for _ in range(4)]
        self.weight = nn.Parameter(torch.cat([part.detach() for part in parts], dim=1))

    def forward(self, x_TBFi: Tensor) -> Tensor:
        """See the class."""
        if self.weight.dim() > 2:  # a weight for each task
            return interact(x_TBFi.mT, self.weight.unsqueeze(1), self.heads).mT
        out: Tensor = _Interact.apply(x_TBFi.flatten(0, 1).mT, self.weight, self.heads)
        return out.unflatten(0, x_TBFi.shape[:2]).mT


def interact(x: Tensor, weight: Tensor, heads: int) -> Tensor:
    """The layer as one would write it: x [..., in, F], weight [..., in, 4 · H · D] → [..., H · D, F]."""
    queries, keys, values, residual = (weight.mT @ x).unflatten(-2, (4, heads, -1)).unbind(-4)
    weights = torch.softmax(keys.mT @ queries, dim=-2)
    return torch.relu(values @ weights + residual).flatten(-3, -2)


class _Interact(torch.autograd.Function):
    """`interact` of x [N, in, F] and weight [in, 4 · H · D], piece by piece.

    Of a piece of n instances, scores and weights are [n · H, keys, queries]; a query's weights are saved and
    used before they are normalised, since what they are multiplied with is so much smaller.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, heads: int) -> Tensor:
        out = x.new_empty(len(x), weight.shape[1] // 4, x.shape[-1])
        rows = _rows(weight, heads)
        rows[:, 0] *= LOG2_E
        ctx.heads, ctx.pieces = heads, []
        for at in _pieces(x, heads):
            parts = _project(x[at], rows)
            queries, keys, values, residual = parts
            weights = (keys.mT @ queries).exp2_()
            total = weights.sum(1, keepdim=True)
            if not bool(total.log2().abs().amax() <= SAFE):  # rare: take away each query's maximum
                scores = keys.mT @ queries
                weights = scores.sub_(scores.amax(1, keepdim=True)).exp2_()
                total = weights.sum(1, keepdim=True)
            mixed = (values @ weights).div_(total)
            torch.add(mixed, residual, out=out[at].view(mixed.shape)).relu_()
            ctx.pieces.append((at, parts, weights, total))
        ctx.save_for_backward(x, weight, out)
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        x, weight, out = ctx.saved_tensors
        if torch.is_grad_enabled():  # the gradient of the gradient is asked for, too
            again = interact(x, weight, ctx.heads)
            d_x, d_weight = torch.autograd.grad(again, (x, weight), gradients[0], create_graph=True)
            return d_x, d_weight, None
        up = _rows(weight, ctx.heads).flatten(0, 2).T
        d_x = torch.empty_like(x, memory_format=torch.contiguous_format)
        d_up = x.new_zeros(min(_size(x, ctx.heads), len(x)), *up.shape)  # summed over instances in the end
        for at, (queries, keys, values, residual), weights, total in ctx.pieces:
            result = out[at].view(residual.shape)
            d_out = gradients[0][at].reshape(residual.shape) * result.sign()
            d_mixed = d_out / total
            # Softmax takes from the slopes of a query's weights their mean.
            mean = ((result - residual) * d_mixed).sum(1, keepdim=True)
            d_scores = (values.mT @ d_mixed).sub_(mean).mul_(weights)
            d_keys = (queries @ d_scores.mT).mul_(1 / LOG2_E)
            d_parts = torch.stack([keys @ d_scores, d_keys, d_mixed @ weights.mT, d_out], dim=1)
            d_rows = d_parts.view(-1, up.shape[1], x.shape[-1])
            part = d_up[: len(d_rows)]
            torch.baddbmm(part, x[at], d_rows.mT, out=part)
            torch.bmm(up.expand(len(d_rows), -1, -1), d_rows, out=d_x[at])
        d_weight = d_up.sum(0).unflatten(1, (ctx.heads, 4, -1)).transpose(1, 2).reshape(weight.shape)
        return d_x, d_weight, None


def _rows(weight: Tensor, heads: int) -> Tensor:
    """Weight [in, 4 · H · D] → [H, 4, D, in]."""
    return weight.unflatten(1, (4, heads, -1)).permute(2, 1, 3, 0).contiguous()


def _project(x: Tensor, rows: Tensor) -> tuple[Tensor, ...]:
    """Queries, keys, values and residual, [n · H, D, F] each, of a piece x [n, in, F]."""
    parts = torch.bmm(rows.flatten(0, 2).expand(len(x), -1, -1), x)
    return parts.view(-1, *rows.shape[1:3], x.shape[-1]).unbind(1)


def _size(x: Tensor, heads: int) -> int:
    """Instances of a piece."""
    scores = SCORES if x.device.type == "cpu" else MANY_SCORES
    return max(scores // (heads * x.shape[-1] ** 2), 1)


def _pieces(x: Tensor, heads: int) -> Iterator[slice]:
    size = _size(x, heads)
    return (slice(first, first + size) for first in range(0, len(x), size))
