"""What the attention layers share: initial weights, nodes by position, and a softmax over real neighbours."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.layers.embedding import gather
from models.layers.field_bags import FieldNodes

Nodes = Tensor | FieldNodes  #: [T, M, D], written out or as sums over fields


def glorot(*shape: int, generator: torch.Generator) -> nn.Parameter:
    """A parameter `[..., in, out]` drawn from Glorot's uniform distribution."""
    bound = (6.0 / (shape[-2] + shape[-1])) ** 0.5
    return nn.Parameter((torch.rand(*shape, generator=generator) * 2 - 1) * bound)


def take_nodes(values: Tensor, positions: Tensor) -> Tensor:
    """`values [T, M, D]` at `positions [T, ...]` (into each task's M nodes): `[T, ..., D]`.

    Backward adds up in order whatever shares a node, so that it is the same bit for bit on any number of
    threads.
    """
    tasks, nodes, width = values.shape
    if tasks > 1:
        step = torch.arange(tasks, device=positions.device) * nodes
        positions = positions + step.view(-1, *[1] * (positions.dim() - 1))
    return gather(values.reshape(-1, width), positions)


def masked_softmax(scores: Tensor, mask: Tensor) -> Tensor:
    """Softmax over the last axis among the entries where `mask` holds; all zero where none does."""
    scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    return torch.softmax(scores, dim=-1) * mask
