"""DIN's encoder of a behaviour list (Zhou et al. 2018, 4.2), for several tasks at once.

    v(target) = Σ_j a(e_j, target) · e_j        a = unit([e_j ‖ target ‖ e_j − target ‖ e_j ∘ target])

Legend: T tasks, B instances a task, M key nodes a task, K behaviours, D width of a key. Parameters may carry
a leading task axis, as in `models.layers.mlp`.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from pydantic import Field
from torch import Tensor, nn

from models.layers.gat import glorot, masked_softmax, take_nodes
from models.layers.mlp import Dense
from models.settings import Settings


class DINSettings(Settings):
    """Shape of an encoder."""

    hidden: tuple[int, ...] = Field(default=(36,), min_length=1)  #: of the activation unit; 36 is printed
    #: weights of a list sum to one; printed: False, so that their sum tells how strong an interest is
    softmax: bool = False
    #: keys and targets are projected, by one matrix, to the width of an embedding; printed: False
    projected: bool = False


class ActivationUnit(nn.Module):
    """How relevant a behaviour is to a target: a small network with PReLU, linear at its end."""

    def __init__(self, width: int, hidden: Sequence[int], generator: torch.Generator) -> None:
        """Args: width D of key and target; widths of the hidden layers."""
        super().__init__()
        self.first = Dense(4 * width, hidden[0], generator)
        self.rest = nn.ModuleList(
            Dense(fan_in, fan_out, generator) for fan_in, fan_out in itertools.pairwise([*hidden, 1])
        )
        self.slopes = nn.ParameterList(torch.full((1, width), 0.25) for width in hidden)

    def forward(self, keys: Tensor, targets: Tensor) -> Tensor:
        """Scores [T, B, K] of keys [T, B, K, D] for targets [T, B, D].

        The first layer is taken apart, so that the four parts are never written side by side and the
        target's share is computed once an instance.
        """
        of_key, of_target, of_difference, of_product = self.first.weight.chunk(4, dim=-2)
        shape = keys.shape[:-1]
        product = (keys * targets.unsqueeze(-2)).flatten(1, 2) @ of_product
        product = product + keys.flatten(1, 2) @ (of_key + of_difference)
        alone = targets @ (of_target - of_difference) + self.first.bias
        hidden = (product.view(*shape, -1) + alone.unsqueeze(-2)).flatten(1, 2)
        for slope, layer in zip(self.slopes, self.rest, strict=True):
            hidden = layer(torch.where(hidden > 0, hidden, slope * hidden))
        return hidden.view(shape)


class DIN(nn.Module):
    """The encoder: a list of behaviours and a target in, one vector out."""

    def __init__(
        self, key_width: int, settings: DINSettings, generator: torch.Generator, projected_width: int = 16
    ) -> None:
        """Args: key_width of keys and targets as they come; their width where they are projected."""
        super().__init__()
        self.softmax = settings.softmax
        self.width = projected_width if settings.projected else key_width  #: D, of the vector that comes out
        self.projection = glorot(key_width, self.width, generator=generator) if settings.projected else None
        self.unit = ActivationUnit(self.width, settings.hidden, generator)

    def forward(
        self,
        keys: Tensor,
        targets: Tensor,
        behaviours: Tensor,
        mask: Tensor,
        edges: tuple[Tensor, Tensor] | None = None,
    ) -> Tensor:
        """The list's vector for each target.

        Args:
            keys: float [T, M, key_width].
            targets: float [T, B, key_width].
            behaviours: int64 [T, B, K] → M.
            mask: bool [T, B, K].
            edges: vectors float [T or 1, C, D] and codes int64 [T, B, K] → C, what is added to each key; or
                None.

        Returns:
            float [T, B, D], zero for an empty list.
        """
        if self.projection is not None:
            keys, targets = keys @ self.projection, targets @ self.projection
        listed = take_nodes(keys, behaviours)
        if edges is not None:
            vectors, codes = edges
            listed = listed + take_nodes(vectors.expand(keys.shape[0], -1, -1), codes)
        scores = self.unit(listed, targets)
        weights = masked_softmax(scores, mask) if self.softmax else scores * mask
        return (weights.unsqueeze(-2) @ listed).squeeze(-2)
