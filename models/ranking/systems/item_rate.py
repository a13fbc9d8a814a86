"""The system `item_rate` **(ours)**: how often the item was clicked of late, and nothing else.

A logistic regression on one field, the item's click rate of the last 24 hours: what any ranker should beat.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from models.layers.embedding import gather
from models.ranking.features.batch import Batch
from models.ranking.features.codes import Layout
from models.ranking.features.features import FeatureSettings
from models.ranking.training.loop import TrainingSettings
from models.ranking.training.search_space import Choice, Range
from models.ranking.training.system import TINY_TRAINING, SystemEntry, SystemSettings

FIELD = "count_item_24h_click_rate"


class ItemRate(nn.Module):
    """Logits [T, B]: the first-order weight of the rate's bin, and a bias."""

    def __init__(self, column: int) -> None:
        """Args: column of the rate among the fields."""
        super().__init__()
        self.column = column
        self.bias = nn.Parameter(torch.zeros(1, 1))

    def forward(self, rows_RW: Tensor, batch: Batch) -> Tensor:
        """Logits [T, B]."""
        return self.bias.squeeze(-1) + gather(rows_RW, batch.fields[..., self.column])[..., -1]


class ItemRateSettings(SystemSettings):
    """The item's recent click rate alone."""

    kind: Literal["item_rate"] = "item_rate"  #: names the class

    def module(self, layout: Layout, generator: torch.Generator) -> ItemRate:  # noqa: ARG002
        """See `SystemSettings.module`.

        Raises:
            ValueError: counts are off.
        """
        names = [spec.name for spec in layout.specs]
        if FIELD not in names:
            raise ValueError(
                f"item_rate ranks by {FIELD}, which features.counts=false turns off: leave item_rate out, or "
                f"turn counts on"
            )
        return ItemRate(names.index(FIELD))


ITEM_RATE = SystemEntry(
    real=ItemRateSettings(
        features=FeatureSettings(external=False), training=TrainingSettings(learning_rate=1e-2)
    ),
    tiny=ItemRateSettings(features=FeatureSettings(external=False), training=TINY_TRAINING),
    summary="The item's click rate of the last 24 hours alone: what any ranker should beat",
    source="ours",
    space={
        "features.smoothing": Range(1.0, 30.0),
        "training.learning_rate": Range(1e-3, 1e-1),
        "training.average": Choice((None, 0.99, 0.999)),
        "adaptation.continued": Range(0.01, 1.0),
    },
)
