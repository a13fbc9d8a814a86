"""DeepFM (Guo et al. 2017): first-order terms, pairwise FM and an MLP over the same field embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from models.layers.field_sums import fm_and_network
from models.layers.mlp import MLP
from models.ranking.features.batch import Batch
from models.ranking.features.codes import Layout
from models.ranking.systems.fields import FieldRanker, FieldSettings, field_sums
from models.ranking.training.loop import TrainingSettings
from models.ranking.training.search_space import TRAINING, TWO_SPEED
from models.ranking.training.system import TINY_TRAINING, SystemEntry


class DeepFM(FieldRanker):
    """Logits [T, B] of a batch, from gathered rows [R, 17]."""

    def __init__(
        self, fields: int, hidden: Sequence[int], generator: torch.Generator, extra: int = 0, width: int = 16
    ) -> None:
        """Args: fields of an instance; widths of the MLP's hidden layers; extra vectors beside the fields."""
        super().__init__()
        # The last layer's bias is the intercept.
        self.mlp = MLP([(fields + extra) * width, *hidden, 1], generator)

    def rank(self, rows_RW: Tensor, batch: Batch, beside: Tensor | None) -> Tensor:
        """See `FieldRanker.rank`."""
        return fm_and_network(self.mlp, rows_RW, field_sums(rows_RW, batch), after=beside)


class DeepFMSettings(FieldSettings):
    """DeepFM over the fields of the shared feature pipeline and the mean of a user's latest clicks."""

    kind: Literal["deepfm"] = "deepfm"  #: names the class
    hidden: tuple[int, ...] = (128, 64)  #: widths of the network's hidden layers

    def module(self, layout: Layout, generator: torch.Generator) -> DeepFM:
        """See `SystemSettings.module`."""
        content, extra = self.content_and_lists(layout, generator)
        return DeepFM(len(layout), self.hidden, generator, extra=extra).reading(content)


DEEPFM = SystemEntry(
    real=DeepFMSettings(training=TrainingSettings(learning_rate=5e-4)),
    tiny=DeepFMSettings(hidden=(16,), training=TINY_TRAINING),
    summary="DeepFM over the shared features, without external behaviours: the baseline",
    source="Guo et al., DeepFM, IJCAI 2017",
    space={**TRAINING, **TWO_SPEED},
)
