"""SML's transfer f_Θ: from a parameter's old and freshly fitted value to the one that goes on (SML, 4.2).

Rows of the table go through a small CNN of their own kind (items, users, other fields); dense weights by one
learned share a tensor (ours: the paper transfers embeddings only, its ranker has no other weights).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn
from torch.func import functional_call

from models.layers.mlp import Dense
from models.ranking.features.batch import Batch
from models.ranking.features.vocabulary import ITEM_ROWS, USER_ROWS
from models.settings import Settings

STACK = 3  #: old, fresh and their normalised product
ID_GROUPS = 1 + max(ITEM_ROWS, USER_ROWS)  #: transfers of a ranker that reads the two IDs only


class TransferSettings(Settings):
    """The transfer, and how it and the fresh values are trained."""

    channels: tuple[int, int] = (10, 5)  #: filters of the two CNN layers, as in the authors' code
    hidden: int = Field(default=64, ge=1)  #: width of the fully connected layer
    #: what the network gives. `row` is printed: the row that goes on. `gate` (ours): how far to go from old
    #: to fresh in each dimension, 0 to 2 times the way, 1 to begin with. Applied hour after hour, the printed
    #: form lets rows drift away; ours leaves them where nothing was fitted.
    output: Literal["gate", "row"] = "gate"
    rate: float = Field(default=0.01, gt=0)  #: Adam's, of Θ
    penalty: float = Field(default=1e-4, ge=0)  #: λ2, L2 on the CNN's weights
    fit_rate: float = Field(default=1.0, gt=0)  #: of the fits, times the training rate
    fit_penalty: float = Field(default=1e-4, ge=0)  #: λ1, L2 on the fresh rows of an instance


class RowTransfer(nn.Module):
    """Stack [w, ŵ, w⊙ŵ/‖w‖] → filters across the stack → filters across channels → dense layers → row."""

    def __init__(self, width: int, settings: TransferSettings, generator: torch.Generator) -> None:
        """Args: width W of a row, first-order weight included."""
        super().__init__()
        first, second = settings.channels
        # A convolution of kernel (3, 1), and one of (1, 1): both look at one embedding dimension at a time.
        self.across_stack = Dense(STACK, first, generator)
        self.across_channels = Dense(first, second, generator)
        self.hidden = Dense(width * second, settings.hidden, generator)
        self.out = Dense(settings.hidden, width, generator)
        self.gates = settings.output == "gate"
        if self.gates:
            nn.init.zeros_(self.out.weight)  # f(old, fresh) = fresh, to begin with

    def forward(self, old_RW: Tensor, fresh_RW: Tensor) -> Tensor:
        """Rows [R, W] that go on."""
        norm = old_RW.norm(dim=1, keepdim=True).clamp(min=1e-12)
        stack = torch.stack([old_RW, fresh_RW, old_RW * fresh_RW / norm], dim=2)
        x = F.gelu(self.across_channels(F.gelu(self.across_stack(stack))))
        out = self.out(F.gelu(self.hidden(x.flatten(1))))
        return part_way(old_RW, fresh_RW, out) if self.gates else out


class DenseTransfer(nn.Module):
    """One learned gate a tensor (ours: the paper's ranker has embeddings only)."""

    def __init__(self, tensors: int) -> None:
        super().__init__()
        self.gates = nn.Parameter(torch.zeros(tensors))

    def forward(self, old: Sequence[Tensor], fresh: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Weights by name, in the order of `fresh`."""
        return {
            name: part_way(before, after, gate)
            for gate, before, (name, after) in zip(self.gates, old, fresh.items(), strict=True)
        }


def part_way(old: Tensor, fresh: Tensor, gate: Tensor) -> Tensor:
    """old + 2σ(gate)·(fresh − old): fresh itself at gate 0."""
    return torch.lerp(old, fresh, 2.0 * torch.sigmoid(gate))


class Transferred(nn.Module):
    """A ranker with the transfers of its weights: what is trained, scored and saved."""

    def __init__(
        self,
        ranker: nn.Module,
        groups: int,
        width: int,
        settings: TransferSettings,
        generator: torch.Generator,
    ) -> None:
        """Args: the first `groups` of `Learner`'s row groups move; width W of a row."""
        super().__init__()
        self.ranker = ranker
        self.transfers = nn.ModuleList(RowTransfer(width, settings, generator) for _ in range(groups))
        self.dense = DenseTransfer(len(list(ranker.parameters())))

    def forward(self, rows_RW: Tensor, batch: Batch) -> Tensor:
        """Logits [T, B] of the weights as they are."""
        return self.ranker(rows_RW, batch)

    def moving(self, groups: Tensor) -> Tensor:
        """Whether rows of these groups int64 [R] have a transfer: bool [R]."""
        return groups < len(self.transfers)

    def rows(self, groups: Tensor, old_RW: Tensor, fresh_RW: Tensor) -> Tensor:
        """Rows [R, W] that go on; those without a transfer are the fresh ones."""
        out = fresh_RW
        for group, transfer in enumerate(self.transfers):
            at = (groups == group).nonzero().squeeze(1)
            out = out.index_copy(0, at, transfer(old_RW[at], fresh_RW[at]))
        return out

    def logits(self, rows_RW: Tensor, dense: Mapping[str, Tensor], batch: Batch) -> Tensor:
        """Logits [T, B] of the ranker with other dense weights, by name."""
        return functional_call(self.ranker, dict(dense), (rows_RW, batch))

    def theta(self) -> list[nn.Parameter]:
        """Θ: every parameter that is not the ranker's."""
        return [*self.transfers.parameters(), *self.dense.parameters()]
