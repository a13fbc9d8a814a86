"""The system `autoint`: self-attention over field vectors (Song et al. 2019).

    logit = Σ_f w_f + wᵀ[e_1 ‖ … ‖ e_F] + MLP(x)          e = interacting layers over the fields' vectors x

With `hidden` this is the paper's AutoInt+ (a network beside the attention); without any it is AutoInt.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from models.layers.mlp import MLP, Dense
from models.layers.self_attention import InteractingLayer
from models.ranking.features.batch import Batch
from models.ranking.features.codes import Layout
from models.ranking.systems.fields import FieldRanker, FieldSettings, written_out
from models.ranking.training.loop import TrainingSettings
from models.ranking.training.search_space import TRAINING, TWO_SPEED, Choice
from models.ranking.training.system import TINY_TRAINING, WIDTH, SystemEntry


class AutoInt(FieldRanker):
    """Interacting layers, their linear read-out and, beside them, a network."""

    def __init__(
        self,
        fields: int,
        layers: int,
        heads: int,
        head_width: int,
        hidden: Sequence[int],
        generator: torch.Generator,
        width: int = WIDTH,
    ) -> None:
        """Args: fields, pooled ones included; shape of the attention; hidden layers, empty for no network."""
        super().__init__()
        out = heads * head_width
        self.layers = nn.ModuleList(
            InteractingLayer(out if layer else width, heads, head_width, generator=generator)
            for layer in range(layers)
        )
        self.read_out = Dense(fields * out, 1, generator)
        self.mlp = MLP([fields * width, *hidden, 1], generator) if hidden else None

    def rank(self, rows_RW: Tensor, batch: Batch, beside: Tensor | None) -> Tensor:
        """See `FieldRanker.rank`."""
        x_TBFD, first_TBF = written_out(rows_RW, batch, beside)
        hidden = x_TBFD
        for layer in self.layers:
            hidden = layer(hidden)
        # The result has fields last in memory, so the read-out's weights are turned over, not the result.
        weight = self.read_out.weight.unflatten(-2, hidden.shape[-2:]).transpose(-3, -2).flatten(-3, -2)
        logits = first_TBF.sum(-1) + (hidden.mT.flatten(-2) @ weight + self.read_out.bias).squeeze(-1)
        return logits if self.mlp is None else logits + self.mlp(x_TBFD.flatten(-2)).squeeze(-1)


class AutoIntSettings(FieldSettings):
    """AutoInt, or AutoInt+ with a network."""

    kind: Literal["autoint"] = "autoint"  #: names the class
    layers: int = Field(default=2, ge=1)  #: interacting layers
    heads: int = Field(default=2, ge=1)  #: attention heads of a layer
    head_width: int = Field(default=8, ge=1)  #: width of a head
    hidden: tuple[int, ...] = (128, 64)  #: of the network beside the attention; empty: printed AutoInt

    def module(self, layout: Layout, generator: torch.Generator) -> AutoInt:
        """See `SystemSettings.module`."""
        content, extra = self.content_and_lists(layout, generator)
        ranker = AutoInt(
            len(layout) + extra, self.layers, self.heads, self.head_width, self.hidden, generator
        )
        return ranker.reading(content)


AUTOINT = SystemEntry(
    real=AutoIntSettings(training=TrainingSettings(learning_rate=5e-4)),
    tiny=AutoIntSettings(layers=1, head_width=4, hidden=(16,), training=TINY_TRAINING),
    summary="AutoInt+: self-attention over the fields, a network beside it",
    source="Song et al., AutoInt, CIKM 2019",
    space={**TRAINING, **TWO_SPEED, "layers": Choice((1, 2, 3))},
)
