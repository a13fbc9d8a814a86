"""SML's transfer on DeepFM: the LSTTM paper's stronger form of that baseline (its section 5.2)."""

from __future__ import annotations

from typing import Literal

import torch

from models.ranking.features.codes import Layout
from models.ranking.features.vocabulary import FIELD_ROWS
from models.ranking.sml.settings import SPACE, SMLSettings
from models.ranking.sml.transfer import TransferSettings
from models.ranking.systems.deepfm import DeepFM
from models.ranking.systems.fields import FieldSettings
from models.ranking.training.loop import TrainingSettings
from models.ranking.training.search_space import Range
from models.ranking.training.system import SystemEntry


class SMLDeepFMSettings(SMLSettings, FieldSettings):
    """DeepFM over the fields of `deepfm`, its pooled clicks among them; every row goes through a transfer."""

    kind: Literal["sml_deepfm"] = "sml_deepfm"  #: names the class
    hidden: tuple[int, ...] = (128, 64)  #: widths of the network's hidden layers

    @property
    def groups(self) -> int:
        """Items, users and all other fields."""
        return FIELD_ROWS + 1

    def ranker(self, layout: Layout, generator: torch.Generator) -> DeepFM:
        """See `SMLSettings.ranker`."""
        content, extra = self.content_and_lists(layout, generator)
        return DeepFM(len(layout), self.hidden, generator, extra=extra).reading(content)


SML_DEEPFM = SystemEntry(
    real=SMLDeepFMSettings(
        training=TrainingSettings(learning_rate=5e-4, average=None, newcomers="hour"),
        transfer=TransferSettings(fit_rate=0.3),
    ),
    tiny=SMLDeepFMSettings(
        hidden=(16,),
        training=TrainingSettings(learning_rate=5e-3, average=None, newcomers="hour"),
        transfer=TransferSettings(hidden=16),
    ),
    summary="DeepFM whose weights a learned transfer carries from hour to hour",
    source="LSTTM, WSDM 2022, Table 2; transfer of Zhang et al., SIGIR 2020",
    space={"training.learning_rate": Range(1e-4, 3e-3), **SPACE},
)
