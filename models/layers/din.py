"""DIN's encoder of a behaviour list (Zhou et al. 2018, 4.2), for several tasks at once.

    v(target) = Σ_j a(e_j, target) · e_j        a = unit([e_j ‖ target ‖ e_j − target ‖ e_j ∘ target])

Legend: T tasks, B instances a task, M key nodes a task, K behaviours, D width of a key, E entries a task.
Parameters may carry a leading task axis, as in `models.layers.mlp`.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from pydantic import Field
from torch import Tensor, nn

from models.layers.attention import glorot, masked_softmax, take_nodes
from models.layers.bags import Bags, bag_sum, weighted_bag_sum
from models.layers.mlp import Dense
from models.settings import Settings


class DINSettings(Settings):
    """Shape of an encoder."""

    hidden: tuple[int, ...] = Field(default=(36,), min_length=1)  #: of the activation unit; 36 is printed
    #: weights of a list sum to one; printed: False, so that their sum tells how strong an interest is
    softmax: bool = False
    #: keys and targets are projected, by one matrix, to the width of an embedding; printed: False
    projected: bool = False


@dataclass(frozen=True)
class Entries:
    """The real slots of padded lists [T, B, K], side by side: E a task. Most lists are far from full."""

    mask: Tensor  #: bool [T, B, K]
    slots: Tensor  #: int64 [T, E], where an entry stands in the task's flattened lists
    #: bool [T, E]; False pads tasks with fewer entries than others, by their last slot. None: no padding
    real: Tensor | None
    bags: Bags  #: T · B instances as bags of the T · E entries

    @classmethod
    def of(cls, mask: Tensor) -> Entries:
        """Args: mask bool [T, B, K]."""
        tasks, instances, width = mask.shape
        if tasks == 1:
            slots, real = mask.view(1, -1).nonzero()[:, 1].unsqueeze(0), None
            instance = torch.div(slots, width, rounding_mode="floor")
        else:
            flat = mask.flatten(1)
            counts = flat.sum(1, keepdim=True)
            real = torch.arange(int(counts.max()), device=mask.device) < counts
            slots = torch.full_like(real, instances * width - 1, dtype=torch.int64)
            slots = slots.masked_scatter(real, flat.nonzero()[:, 1])
            task = torch.arange(tasks, device=mask.device).unsqueeze(1)
            instance = torch.div(slots, width, rounding_mode="floor") + task * instances
        return cls(mask, slots, real, Bags.runs(instance.reshape(-1), tasks * instances))

    def take(self, *parts: tuple[Tensor, Tensor]) -> Tensor:
        """The sum of some `values [T or 1, M, D]`, each at the entries of its `positions` [T, B, K] → M.

        Returns:
            [T, E, D].
        """
        rows, first = [], 0
        for values, positions in parts:
            tasks, nodes, width = values.shape
            # Values of one task alone serve all tasks.
            shift = torch.arange(first, first + tasks * nodes, nodes, device=positions.device).unsqueeze(1)
            rows.append((positions.flatten(1).gather(1, self.slots) + shift).reshape(-1))
            first += tasks * nodes
        table = [values.reshape(-1, width) for values, _ in parts]
        bags = Bags.even(torch.stack(rows, dim=-1), first)
        return bag_sum(torch.cat(table) if len(parts) > 1 else table[0], bags).view(*self.slots.shape, width)

    def spread(self, values: Tensor) -> Tensor:
        """The instances' `values [T, B, D]` at their entries: [T, E, D]."""
        return bag_sum(values.flatten(0, 1), self.bags.flip()).view(*self.slots.shape, values.shape[-1])

    def padded(self, values: Tensor) -> Tensor:
        """`values [T, E]` in their slots [T, B, K], zero elsewhere."""
        if self.real is None:
            return torch.zeros_like(self.mask, dtype=values.dtype).masked_scatter(self.mask, values)
        out = values.new_zeros(self.mask.shape).flatten(1)
        return out.scatter_add(1, self.slots, values * self.real).view(self.mask.shape)

    def weighted_sum(self, weights: Tensor, values: Tensor) -> Tensor:
        """Σ over each list of weights [T, B, K] times the entries' `values [T, E, D]`: [T, B, D]."""
        if self.real is None:
            flat = weights.masked_select(self.mask)
        else:
            flat = (weights.flatten(1).gather(1, self.slots) * self.real).reshape(-1)
        summed = weighted_bag_sum(flat, values.flatten(0, 1), self.bags)
        return summed.view(*self.mask.shape[:2], values.shape[-1])


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

    def forward(self, keys: Tensor, targets: Tensor, entries: Entries) -> Tensor:
        """Scores [T, E] of the entries' keys [T, E, D] for targets [T, B, D].

        The first layer is taken apart, so that of the four parts two are written side by side, and the
        target's share is computed once an instance.
        """
        of_key, of_target, of_difference, of_product = self.first.weight.chunk(4, dim=-2)
        alone = targets @ (of_target - of_difference) + self.first.bias
        spread = entries.spread(torch.cat([targets, alone], dim=-1))
        target, alone = spread.split([targets.shape[-1], alone.shape[-1]], dim=-1)
        both = torch.cat([keys, keys * target], dim=-1)
        hidden = both @ torch.cat([of_key + of_difference, of_product], dim=-2) + alone
        for slope, layer in zip(self.slopes, self.rest, strict=True):
            # PReLU is slope · x + (1 − slope) · relu(x), and the slopes go into the weights of what follows.
            bent = slope.mT * layer.weight
            hidden = hidden @ bent + torch.relu(hidden) @ (layer.weight - bent) + layer.bias
        return hidden.squeeze(-1)


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
            targets: float [T, B, key_width]; or int64 [T, B] → M, where they stand among the keys.
            behaviours: int64 [T, B, K] → M.
            mask: bool [T, B, K].
            edges: vectors float [T or 1, C, D] or [C, D] and codes int64 [T, B, K] → C, what is added to each
                key; or None.

        Returns:
            float [T, B, D], zero for an empty list.
        """
        placed = not targets.is_floating_point()
        if self.projection is not None:
            keys = keys @ self.projection
            targets = targets if placed else targets @ self.projection
        if placed:
            targets = take_nodes(keys, targets)
        entries = Entries.of(mask)
        listed = [(keys, behaviours)]
        if edges is not None:
            vectors, codes = edges
            listed.append((vectors.reshape(-1, *vectors.shape[-2:]), codes))
        values = entries.take(*listed)
        scores = entries.padded(self.unit(values, targets, entries))
        weights = masked_softmax(scores, mask) if self.softmax else scores
        return entries.weighted_sum(weights, values)
