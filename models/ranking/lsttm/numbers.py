"""Numbers beside the embeddings **(ours)**: counts, rates and ages in order, and factors of the click graph.

- Counts, rates and ages enter the network as ordered numbers too: their neighbours in value need not be
  learned one by one. The pairwise products of FM leave them out: on small logs they are noise.
- User's and item's vector of the factorised click graph (`click_factors.py`) and their product say of a pair
  what the vectors of L_N should say of it, and do not (docs/decisions, 0014 and 0027).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise as adjacent
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from models.layers.field_sums import FieldSums, fm_and_network
from models.layers.mlp import MLP
from models.ranking.features.bins import RATE_MIDDLE
from models.ranking.features.codes import Layout
from models.ranking.lsttm.click_factors import FactorSettings
from models.ranking.training.system import WIDTH
from models.settings import Settings

FACTOR_LIMIT = 5.0  #: of one number of a vector, in root mean squares: a few heavy users reach far beyond

#: Middle and spread that bring the bins of a kind of number to about -1 … 1 on any log.
ORDERED = {"count": (8.0, 8.0), "rate": (RATE_MIDDLE, 4.0), "age": (18.0, 7.0), "place": (6.0, 3.0)}
RELATIVE = (
    "rate",
    "place",
)  #: whose bin 0 says that there is nothing to compare: no news, which is the middle


class NumberSettings(Settings):
    """Numbers that the ranker reads beside embeddings."""

    factors: FactorSettings | None = FactorSettings()  #: of the click graph; None: counts alone
    number_scale: float = 0.3  #: of counts on their way into the network, beside embeddings near zero
    #: of factors on that way; small, since most users have few clicks and a vector has many numbers
    factor_scale: float = 0.1


class NumbersReader:
    """Settings of a system whose field `numbers` may ask for them: what follows from it."""

    if TYPE_CHECKING:  # the field is the system's own, in the place where its settings were always written
        numbers: NumberSettings | None

    @property
    def reads_codes(self) -> bool:
        """Counts that are read as numbers come as codes."""
        return self.numbers is not None

    @property
    def graph_factors(self) -> FactorSettings | None:
        """See `SystemSettings.graph_factors`."""
        return None if self.numbers is None else self.numbers.factors


class Numbers(nn.Module):
    """The numbers of a batch, what they weigh in the network, and their first-order terms."""

    middle: Tensor
    spread: Tensor
    relative: Tensor
    weight: Tensor

    def __init__(self, settings: NumberSettings, layout: Layout) -> None:
        super().__init__()
        specs = layout.specs
        #: of the layout, those that are read as numbers
        self.columns = [c for c, spec in enumerate(specs) if spec.scale in ORDERED]
        scale = torch.tensor([ORDERED[specs[c].scale] for c in self.columns]).reshape(-1, 2)
        relative = torch.tensor([specs[c].scale in RELATIVE for c in self.columns], dtype=torch.bool)
        width = 0 if settings.factors is None else settings.factors.width
        weight = torch.full((len(self.columns) + 3 * width,), settings.factor_scale)
        weight[: len(self.columns)] = settings.number_scale
        self.register_buffer("middle", scale[:, 0], persistent=False)
        self.register_buffer("spread", scale[:, 1], persistent=False)
        self.register_buffer("relative", relative, persistent=False)
        self.register_buffer("weight", weight, persistent=False)
        self.linear = nn.Parameter(torch.zeros(len(weight), 1))

    def forward(self, codes: Tensor, factors: Tensor | None) -> Tensor:
        """Ordered counts, rates and ages, and u, v and u·v of the factors, float [T, B, N].

        Args:
            codes: int64 [T, B, F], category codes of the instances.
            factors: float [T, B, 2, width], user's and item's vector; None: none are read.
        """
        codes = codes[..., self.columns]
        known = (codes > 0) | ~self.relative
        counts = (codes - self.middle) / self.spread * known
        if factors is None:
            return counts
        user, item = factors.clamp(-FACTOR_LIMIT, FACTOR_LIMIT).unbind(-2)
        product = (user * item).clamp(-FACTOR_LIMIT, FACTOR_LIMIT)
        return torch.cat([counts, user, item, product], dim=-1)


class NumbersDeepFM(nn.Module):
    """DeepFM over vectors and numbers: both enter the network, FM leaves out what is read as a number."""

    paired: Tensor

    def __init__(
        self,
        vectors: int,
        paired: Sequence[int],
        numbers: int,
        hidden: Sequence[int],
        generator: torch.Generator,
    ) -> None:
        """Args: vectors and numbers of an instance; hidden the widths of the network's hidden layers.

        paired: 1 for the fields (not the vectors beside them) that FM pairs, 0 for the others.
        """
        super().__init__()
        self.register_buffer("paired", torch.tensor(paired, dtype=torch.float32), persistent=False)
        self.mlp = MLP([vectors * WIDTH + numbers, *hidden, 1], generator)

    def rank(
        self,
        rows: Tensor,
        fields: FieldSums,
        before: Tensor,
        after: Tensor | None,
        values: Tensor,
        numbers: Numbers,
    ) -> Tensor:
        """Logits [T, B] of fields, vectors before and after them [T, B, P, 16] and values [T, B, N]."""
        scaled = numbers.weight * values
        logits = fm_and_network(self.mlp, rows, fields, before, after, scaled, self.paired)
        return logits + (values @ numbers.linear).squeeze(-1)


def skip_draws(widths: Sequence[int], generator: torch.Generator) -> None:
    """Take from `generator` what an `MLP` of these widths would: a seed keeps giving the same weights."""
    torch.rand(sum(fan_in * fan_out for fan_in, fan_out in adjacent(widths)), generator=generator)
