"""The system `fm`: a factorisation machine of second order (Rendle 2010) over the shared fields.

logit = w_0 + Σ_f w_f + Σ_{f<g} ⟨v_f, v_g⟩
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from models.ranking.features.batch import Batch
from models.ranking.features.codes import Layout
from models.ranking.systems.fields import FieldRanker, FieldSettings, field_sums
from models.ranking.training.loop import TrainingSettings
from models.ranking.training.search_space import TRAINING, TWO_SPEED
from models.ranking.training.system import TINY_TRAINING, SystemEntry


class FM(FieldRanker):
    """Every field has one value, so that a feature's weight and vector are its row."""

    def __init__(self) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(1, 1))

    def rank(self, rows_RW: Tensor, batch: Batch, beside: Tensor | None) -> Tensor:
        """See `FieldRanker.rank`."""
        _, total, logits = field_sums(rows_RW, batch)(rows_RW, None)
        if beside is not None:
            total = total + beside.sum(-2)
            logits = logits - 0.5 * beside.square().sum((-1, -2))
        return self.bias.squeeze(-1) + logits + 0.5 * total.square().sum(-1)


class FMSettings(FieldSettings):
    """FM; its rows are all it has."""

    kind: Literal["fm"] = "fm"  #: names the class

    def module(self, layout: Layout, generator: torch.Generator) -> FM:
        """See `SystemSettings.module`."""
        return FM().reading(self.content_fields(layout, generator))


FACTORISATION_MACHINE = SystemEntry(
    real=FMSettings(training=TrainingSettings(learning_rate=1e-3)),
    tiny=FMSettings(training=TINY_TRAINING),
    summary="Factorisation machine: first-order terms and all pairs of fields",
    source="Rendle, Factorization Machines, ICDM 2010",
    space={**TRAINING, **TWO_SPEED},
)
