"""The system `din_deepfm_external`: DeepFM over two DIN encoders (Zhou et al. 2018; LSTTM, 5.2).

The encoders read a user's internal and external clicks with the target item in view, where `deepfm_external`
takes means. An item is its ID embedding beside its field embeddings; an encoder's vector has their width, and
its parts stand among the ranker's fields.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from models.layers.din import DIN, DINSettings
from models.layers.embedding import gather
from models.ranking.features.batch import Batch
from models.ranking.features.codes import Layout
from models.ranking.features.features import FeatureSettings
from models.ranking.systems.behaviours import BehaviourSettings
from models.ranking.systems.content import ContentFields
from models.ranking.systems.deepfm import DeepFM
from models.ranking.systems.fields import FieldSettings
from models.ranking.training.search_space import TRAINING, TWO_SPEED, Choice
from models.ranking.training.system import TINY_TRAINING, WIDTH, SystemEntry


def item_columns(layout: Layout) -> list[int]:
    """The columns that describe the target item as a key describes a behaviour's: its ID, its fields."""
    return layout.columns("item_id", "item_field")


class DINDeepFM(DeepFM):
    """DeepFM whose behaviours are read by one DIN encoder a list."""

    def __init__(
        self,
        layout: Layout,
        lists: int,
        din: DINSettings,
        hidden: Sequence[int],
        generator: torch.Generator,
        width: int = WIDTH,
        content: ContentFields | None = None,
    ) -> None:
        """Args: lists of behaviours; shape of their encoders; widths of the MLP's hidden layers; what reads
        content vectors.
        """
        columns = item_columns(layout)
        encoders = [DIN(len(columns) * width, din, generator, width) for _ in range(lists)]
        extra = sum(encoder.width // width for encoder in encoders)
        extra += 0 if content is None else content.width
        super().__init__(len(layout), hidden, generator, extra=extra, width=width)
        self.item_columns, self.encoders = columns, nn.ModuleList(encoders)
        self.content = content

    def pooled(self, rows_RW: Tensor, batch: Batch) -> Tensor:
        """The encoders' vectors, cut into field vectors: [T, B, P, D]."""
        targets = gather(rows_RW, batch.fields[..., self.item_columns])[..., :-1].flatten(-2)
        keys = gather(rows_RW, batch.graph.items)[..., :-1].flatten(-2)
        vectors = [
            encoder(keys, targets, *listed.of_instances(batch.graph.pair))
            for encoder, listed in zip(self.encoders, batch.graph.lists, strict=True)
        ]
        return torch.cat(vectors, dim=-1).unflatten(-1, (-1, rows_RW.shape[-1] - 1))


class DINDeepFMSettings(FieldSettings):
    """DeepFM with DIN encoders over internal and external clicks."""

    kind: Literal["din_deepfm"] = "din_deepfm"  #: names the class
    features: FeatureSettings = FeatureSettings()
    behaviours: BehaviourSettings = BehaviourSettings(external=30)
    din: DINSettings = DINSettings()
    hidden: tuple[int, ...] = (128, 64)  #: widths of DeepFM's hidden layers

    def module(self, layout: Layout, generator: torch.Generator) -> DINDeepFM:
        """See `SystemSettings.module`."""
        content = self.content_fields(layout, generator)
        lists = len(self.behaviours.lists)
        return DINDeepFM(layout, lists, self.din, self.hidden, generator, content=content)

    @property
    def item_fields(self) -> bool:
        """See `FieldSettings.item_fields`."""
        return True


DIN_DEEPFM_EXTERNAL = SystemEntry(
    real=DINDeepFMSettings(),
    tiny=DINDeepFMSettings(
        behaviours=BehaviourSettings(internal=5, external=5),
        din=DINSettings(hidden=(8,)),
        hidden=(16,),
        training=TINY_TRAINING,
    ),
    summary="DeepFM over two DIN encoders, of internal and of external clicks",
    source="LSTTM, WSDM 2022, 5.2: DIN+DeepFM (+external); DIN: Zhou et al., KDD 2018",
    space={**TRAINING, **TWO_SPEED, "din.softmax": Choice((False, True))},
)
