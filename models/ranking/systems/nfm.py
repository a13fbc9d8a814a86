"""The system `nfm`: neural factorisation machine (He & Chua 2017).

    logit = Σ_f w_f + MLP( Σ_{f<g} v_f ∘ v_g )

The MLP's last bias is the intercept. The paper's batch normalisation and dropout are left out: statistics of
a batch would tie an instance's score to those that are scored with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from models.layers.fm import bi_interaction
from models.layers.mlp import MLP
from models.ranking.features.batch import Batch
from models.ranking.features.codes import Layout
from models.ranking.systems.fields import FieldRanker, FieldSettings, written_out
from models.ranking.training.loop import TrainingSettings
from models.ranking.training.search_space import TRAINING, TWO_SPEED
from models.ranking.training.system import TINY_TRAINING, WIDTH, SystemEntry


class NFM(FieldRanker):
    """Bi-interaction pooling under a network."""

    def __init__(self, hidden: Sequence[int], generator: torch.Generator, width: int = WIDTH) -> None:
        """Args: widths of the MLP's hidden layers; width of an embedding."""
        super().__init__()
        self.mlp = MLP([width, *hidden, 1], generator)

    def rank(self, rows_RW: Tensor, batch: Batch, beside: Tensor | None) -> Tensor:
        """See `FieldRanker.rank`."""
        x_TBFD, first_TBF = written_out(rows_RW, batch, beside)
        return first_TBF.sum(-1) + self.mlp(bi_interaction(x_TBFD)).squeeze(-1)


class NFMSettings(FieldSettings):
    """NFM."""

    kind: Literal["nfm"] = "nfm"  #: names the class
    hidden: tuple[int, ...] = (128, 64)  #: widths of the network's hidden layers

    def module(self, layout: Layout, generator: torch.Generator) -> NFM:
        """See `SystemSettings.module`."""
        content = self.content_fields(layout, generator)
        return NFM(self.hidden, generator).reading(content)


NEURAL_FM = SystemEntry(
    real=NFMSettings(training=TrainingSettings(learning_rate=1e-3)),
    tiny=NFMSettings(hidden=(16,), training=TINY_TRAINING),
    summary="Neural factorisation machine: a network over the sum of all pairs' products",
    source="He & Chua, Neural Factorization Machines for Sparse Predictive Analytics, SIGIR 2017",
    space={**TRAINING, **TWO_SPEED},
)
