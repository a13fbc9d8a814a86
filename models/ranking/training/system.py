"""What a system brings to the ranker: its settings, its module, its neighbours and its way of training.

A system is a subclass of `SystemSettings`; everything else (features, table, optimisers, checkpoints, hourly
adaptation, saving) is shared. `models/ranking/systems/deepfm.py` holds the smallest one.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn

from models.ranking.features.codes import Layout
from models.ranking.features.day_clicks import recent_events
from models.ranking.features.event_log import EventDays
from models.ranking.features.features import Features, FeatureSettings
from models.ranking.features.instances import ContentIndex
from models.ranking.features.neighbours import NeighbourIndex, RowView
from models.ranking.lsttm.click_factors import FactorSettings
from models.ranking.training.adaptation import AdaptationSettings, Adapter, adapter
from models.ranking.training.loop import Plain, Strategy, TrainingSettings
from models.ranking.training.search_space import Space
from models.settings import Settings

WIDTH = 16  #: of every embedding; a table row has one more column, the first-order weight
#: Tiny systems see a few hundred steps: a faster rate and a shorter average.
TINY_TRAINING = TrainingSettings(learning_rate=5e-3, average=0.9)


class LongTermVectors(Protocol):
    """The part of `models.ranking.lsttm.long_term_graph.LongTermState` that rankers read."""

    @property
    def user_vectors(self) -> Any:
        """float32 [U, 16], tensor or array, by user index."""


class SystemSettings(Settings):
    """The base of every system's settings. `kind` names the class, so that a saved ranker finds it again."""

    kind: str  #: names the class, so that a saved ranker finds it again
    features: FeatureSettings = FeatureSettings()
    training: TrainingSettings = TrainingSettings()
    adaptation: AdaptationSettings = AdaptationSettings()

    @property
    def uses_long_term(self) -> bool:
        """Whether `Ranker.train` needs a `LongTermState`."""
        return False

    @property
    def reads_codes(self) -> bool:
        """Whether batches carry the category codes themselves (trees read them as numbers)."""
        return False

    @property
    def graph_factors(self) -> FactorSettings | None:
        """The factorised click graph that it reads, whose days of clicks a training needs; None: none."""
        return None

    def module(self, layout: Layout, generator: torch.Generator) -> nn.Module:
        """A fresh module: dense parameters only, `module(rows [R, 17], batch) -> logits [T, B]`."""
        raise NotImplementedError

    def graph(self, events: EventDays, view: RowView) -> NeighbourIndex | None:  # noqa: ARG002
        """The neighbours among the events of the days before the one to rank; None without a graph.

        `events` holds all days at hand: what is older than `training.window_days` a system may leave out.
        """
        return None

    def neighbour_events(self, events: EventDays) -> EventDays:
        """What neighbours are drawn from: the window's events, and clicks of the days before it."""
        return recent_events(events, self.training.window_days, self.training.click_days)

    def load_graph(self, folder: Path, view: RowView) -> NeighbourIndex | None:  # noqa: ARG002
        """The index that `NeighbourIndex.save` wrote to `folder`, memory-mapped."""
        return None

    def content_index(self, features: Features, layout: Layout, events: EventDays) -> ContentIndex | None:  # noqa: ARG002
        """Where content vectors come from, among the days before the one to rank; None: they are not read."""
        return None

    def load_content(self, folder: Path, features: Features, layout: Layout) -> ContentIndex | None:  # noqa: ARG002
        """The index that `ContentIndex.save` wrote to `folder`."""
        return None

    def strategy(self) -> Strategy:
        """How the daily model is trained."""
        return Plain(self.training)

    def adapter(self, strategy_state: dict[str, Any]) -> Adapter | None:
        """The hourly step; None leaves the weights alone. `strategy_state` is what `Strategy.state` gave."""
        return adapter(self.adaptation, strategy_state)


@dataclass(frozen=True)
class SystemEntry:
    """A system as the registry lists it."""

    real: SystemSettings  #: defaults that hold on a log nobody has seen
    tiny: SystemSettings  #: trains in seconds
    summary: str  #: one line
    source: str  #: the paper it comes from, or "ours"
    space: Space  #: what `hourfold tune` may change in `real`
    #: the system whose tuned settings it takes, as an ablation takes those of the whole; None: its own
    tuned_as: str | None = None
