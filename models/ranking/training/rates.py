"""Inner-loop rates: one fixed α (paper, 5.3), or a learned rate per parameter group, as in Meta-SGD."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

from models.settings import Settings

#: Parameter groups. The first three are rows of the fused table, numbered as `Vocabulary.row_groups` numbers
#: them; the others are dense parameters, by name.
GROUPS = ("item_rows", "user_rows", "field_rows", "graph", "gate", "ranker")


class MetaSettings(Settings):
    """The two-level step of Algorithm 1. The defaults are the printed ones."""

    order: Literal[1, 2] = 2  #: 2 differentiates through the inner step, 1 takes its gradient as a constant
    inner_rate: float = 0.01  #: α; where rates are learned, their start
    #: one fixed rate (printed), or a learned one for each parameter group
    inner_rates: Literal["fixed", "learned"] = "fixed"
    inner_groups: tuple[str, ...] = GROUPS  #: parameter groups that the inner step moves
    #: `batch_mean` is the printed gradient. `row_mean` moves an item row by the mean over the support's
    #: instances of that item, not by their share of the set: one rate fits rare and frequent items alike.
    item_row_step: Literal["batch_mean", "row_mean"] = "batch_mean"
    outer_rate_of_rates: float = 0.02  #: Adam's rate on the logarithms of learned rates


class InnerRates(nn.Module):
    """α by parameter group. Learned rates are kept as logarithms: positive, and moved by a factor a step."""

    moved: Tensor

    def __init__(self, settings: MetaSettings) -> None:
        super().__init__()
        unknown = set(settings.inner_groups) - set(GROUPS)
        if unknown:
            raise ValueError(f"inner_groups names {sorted(unknown)}; the groups are {list(GROUPS)}")
        learned = settings.inner_rates == "learned"
        if learned and settings.inner_rate <= 0:
            raise ValueError(
                f"learned rates start from inner_rate, which must be > 0, not {settings.inner_rate}"
            )
        moved = torch.tensor([float(group in settings.inner_groups) for group in GROUPS])
        self.register_buffer("moved", moved)
        self.logarithms: nn.Parameter | None = None
        if learned:
            self.logarithms = nn.Parameter(torch.full((len(GROUPS),), math.log(settings.inner_rate)))
        self._fixed = settings.inner_rate

    def forward(self) -> Tensor:
        """The rates, float [G] in the order of `GROUPS`; 0 for a group that the inner step leaves alone."""
        return self.moved * (self._fixed if self.logarithms is None else self.logarithms.exp())

    def by_group(self) -> dict[str, float]:
        """The rates as plain numbers, for records and for the hourly step."""
        return dict(zip(GROUPS, self().detach().tolist(), strict=True))
