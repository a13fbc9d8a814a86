"""DeepFM (Guo et al. 2017): first-order terms, pairwise FM and an MLP over the same field embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from models.layers.field_sums import fm_and_network
from models.layers.mlp import MLP
from models.ranking.features.batch import Batch
from models.ranking.features.codes import Layout
from models.ranking.features.event_log import EventDays
from models.ranking.features.neighbours import NeighbourIndex, RowView
from models.ranking.lsttm.factored_days import FactoredDays
from models.ranking.lsttm.graph_parts import CLICKS, FACTORS, GraphParts, PartsIndex
from models.ranking.lsttm.numbers import Numbers, NumberSettings, NumbersReader
from models.ranking.systems.fields import FieldRanker, FieldSettings, field_sums
from models.ranking.training.loop import TrainingSettings
from models.ranking.training.search_space import TRAINING, TWO_SPEED
from models.ranking.training.system import TINY_TRAINING, SystemEntry


class DeepFM(FieldRanker):
    """Logits [T, B] of a batch, from gathered rows [R, 17]; FM leaves out what is read as a number."""

    paired: Tensor

    def __init__(
        self,
        fields: int,
        hidden: Sequence[int],
        generator: torch.Generator,
        extra: int = 0,
        width: int = 16,
        numbers: Numbers | None = None,
    ) -> None:
        """Args: fields of an instance; widths of the MLP's hidden layers; extra vectors beside the fields;
        counts and factors that are read as numbers.
        """
        super().__init__()
        self.numbers = numbers
        inputs = (fields + extra) * width
        if numbers is not None:
            inputs += len(numbers.weight)
            paired = [c not in numbers.columns for c in range(fields)]
            self.register_buffer("paired", torch.tensor(paired, dtype=torch.float32), persistent=False)
        # The last layer's bias is the intercept.
        self.mlp = MLP([inputs, *hidden, 1], generator)

    def rank(self, rows_RW: Tensor, batch: Batch, beside: Tensor | None) -> Tensor:
        """See `FieldRanker.rank`."""
        fields = field_sums(rows_RW, batch)
        if self.numbers is None:
            return fm_and_network(self.mlp, rows_RW, fields, after=beside)
        assert batch.codes is not None
        parts = batch.graph if isinstance(batch.graph, GraphParts) else GraphParts()
        values = self.numbers(batch.codes, parts.factors)
        scaled = self.numbers.weight * values
        logits = fm_and_network(self.mlp, rows_RW, fields, after=beside, numbers=scaled, paired=self.paired)
        return logits + (values @ self.numbers.linear).squeeze(-1)


class DeepFMSettings(NumbersReader, FieldSettings):
    """DeepFM over the fields of the shared feature pipeline and the mean of a user's latest clicks."""

    kind: Literal["deepfm"] = "deepfm"  #: names the class
    hidden: tuple[int, ...] = (128, 64)  #: widths of the network's hidden layers
    #: counts and factors of the click graph that are read as numbers; None: embeddings alone
    numbers: NumberSettings | None = None

    def module(self, layout: Layout, generator: torch.Generator) -> DeepFM:
        """See `SystemSettings.module`."""
        numbers = None if self.numbers is None else Numbers(self.numbers, layout)
        content, extra = self.content_and_lists(layout, generator)
        ranker = DeepFM(len(layout), self.hidden, generator, extra=extra, numbers=numbers)
        return ranker.reading(content)

    def graph(self, events: EventDays, view: RowView) -> NeighbourIndex | None:
        """The latest clicks by user, and factors of the click graph; None with neither."""
        clicks = super().graph(events, view)
        if self.graph_factors is None:
            return clicks
        factors = FactoredDays.of(self.graph_factors, events, self.training.window_days)
        return PartsIndex(None, clicks, factors)

    def load_graph(self, folder: Path, view: RowView) -> NeighbourIndex | None:
        """What `save` wrote, memory-mapped."""
        if self.graph_factors is None:
            return super().load_graph(folder, view)
        clicks = super().load_graph(folder / CLICKS, view)
        return PartsIndex(None, clicks, FactoredDays.load(folder / FACTORS))


DEEPFM = SystemEntry(
    real=DeepFMSettings(training=TrainingSettings(learning_rate=5e-4)),
    tiny=DeepFMSettings(hidden=(16,), training=TINY_TRAINING),
    summary="DeepFM over the shared features, without external behaviours: the baseline",
    source="Guo et al., DeepFM, IJCAI 2017",
    space={**TRAINING, **TWO_SPEED},
)
