"""The system `lsttm_typed` **(ours)**: LSTTM whose short-term graph sees every event, not clicks alone.

u^s comes from one layer of attention over a user's latest skips, clicks, strong engagement and external
clicks, with what happened and how long ago on each edge (`typed_neighbours.py`). Gate, target item,
DeepFM and long-term vectors are LSTTM's own. Which parts earn their place, and how that was found out, is in
docs/decisions.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from models.ranking.features.event_log import EventLog
from models.ranking.features.features import Layout
from models.ranking.features.neighbours import NeighbourIndex, RowView
from models.ranking.lsttm.system import LSTTMSettings
from models.ranking.lsttm.typed_events import TypedGraphBatch, TypedIndex, TypedSettings
from models.ranking.lsttm.typed_neighbours import TypedGraph
from models.ranking.training.loop import TrainingSettings
from models.ranking.training.rates import MetaSettings
from models.ranking.training.search_space import TRAINING, TWO_SPEED, Choice
from models.ranking.training.system import TINY_TRAINING, WIDTH, SystemEntry


class TypedShortTerm(nn.Module):
    """u^s from typed temporal neighbours, in the place of `ShortTermGraph`."""

    def __init__(self, settings: TypedSettings, layout: Layout, generator: torch.Generator) -> None:
        super().__init__()
        users, items = len(layout.columns("user_field")), len(layout.columns("item_field"))
        self.graph = TypedGraph(settings, users, items, generator=generator, dim=WIDTH)

    def forward(self, rows: Tensor, graph: TypedGraphBatch) -> tuple[Tensor, Tensor]:
        """The user's vector [T, B, 16], and whether the user has a neighbour [T, B]."""
        user, _, known = self.graph(rows, graph)
        return user, known[..., 0]


class LSTTMTypedSettings(LSTTMSettings):
    """LSTTM over typed neighbours; `short_term` of the base class is not read."""

    kind: Literal["lsttm_typed", "lsttm_spectral"] = "lsttm_typed"  #: names the class
    typed: TypedSettings = TypedSettings(item_side=False)
    meta: MetaSettings | None = None

    def short_term_module(self, layout: Layout, generator: torch.Generator) -> nn.Module:
        """See `LSTTMSettings.short_term_module`."""
        return TypedShortTerm(self.typed, layout, generator)

    def graph(self, log: EventLog, view: RowView) -> NeighbourIndex:
        """The typed neighbours of everything in a daily log."""
        return TypedIndex.of(self.typed, view, log)

    def load_graph(self, folder: Path, view: RowView) -> NeighbourIndex:
        """The neighbours that `TypedIndex.save` wrote, memory-mapped."""
        return TypedIndex.load(self.typed, view, folder)


LSTTM_TYPED = SystemEntry(
    real=LSTTMTypedSettings(training=TrainingSettings(batch_size=128)),
    tiny=LSTTMTypedSettings(
        typed=TypedSettings(neighbours=5, item_side=False), hidden=(16,), training=TINY_TRAINING
    ),
    summary="Ours: LSTTM over typed neighbours (clicks, skips, engagement, external), two-speed online",
    source="ours",
    space={**TRAINING, **TWO_SPEED, "typed.item_side": Choice((False, True))},
)
