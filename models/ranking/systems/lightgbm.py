"""Gradient-boosted trees (Ke et al. 2017): what a practitioner would pick.

`lightgbm` reads all that `lsttm_spectral` does: counts, click rates and ages as ordered numbers, fields of
few values as categories, the user's latest events, factors of the click graph, long-term and content vectors.
`lightgbm_codes` reads the shared features alone. No gradient reaches a tree, so nothing moves within a day
but what the features count; the next daily training fits anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from models.ranking.features.codes import Layout
from models.ranking.features.event_log import EventDays
from models.ranking.features.instances import Instances
from models.ranking.features.neighbours import NeighbourIndex, RowView
from models.ranking.instances.stream import InstanceBlock, InstanceStream, Order
from models.ranking.lsttm.click_factors import FactorSettings
from models.ranking.lsttm.factored_days import FactoredDays
from models.ranking.lsttm.graph_parts import ENCODER, FACTORS, PartsIndex
from models.ranking.lsttm.typed_events import TypedSettings
from models.ranking.systems.content import ContentReader, ContentSettings
from models.ranking.systems.streamed_rows import StreamedRows, sample
from models.ranking.systems.tree_inputs import EventIndex
from models.ranking.systems.trees import Trees, TreeSettings
from models.ranking.training.adaptation import Adapter
from models.ranking.training.learner import Learner
from models.ranking.training.loop import Strategy, TrainingSettings
from models.ranking.training.search_space import Choice, Range, Space
from models.ranking.training.system import SystemEntry

NUMBERS_AN_INSTANCE = 64  #: times a block's instances: the most numbers that LightGBM is given as one matrix


@dataclass(frozen=True)
class Growth:
    """All trees, as the one step of a plan."""

    seed: int
    stream: InstanceStream


class Boosting:
    """A strategy of one step: all trees on all instances; the module holds them."""

    def __init__(self, settings: TreeSettings, block_size: int) -> None:
        """Args: so many instances are held at once; a larger matrix goes to LightGBM piece by piece."""
        self._settings, self._block_size = settings, block_size
        self._left_out, self._rounds = 0, 0

    @property
    def order(self) -> Order:
        """None: the trees read the stream themselves."""
        return "none"

    def plan(self, block: InstanceBlock, epoch: int, generator: np.random.Generator) -> Sequence[Growth]:  # noqa: ARG002
        """One step, with the seed of its draws."""
        return [Growth(int(generator.integers(2**31 - 1)), block.stream)]

    def step(self, learner: Learner, data: Instances, item: Growth) -> float:  # noqa: ARG002
        """Grow the trees."""
        trees, stream = learner.module, item.stream
        assert isinstance(trees, Trees)
        widest = np.array([learner.vocabulary.widest(c) for c in range(len(stream.layout))])
        trees.read(widest, self._settings)
        rows = StreamedRows(stream, sample(stream, self._settings.most_instances, item.seed), trees.matrix)
        self._left_out = len(stream) - len(rows)
        loss, self._rounds = trees.fit(
            rows,
            rows.labels(),
            self._settings,
            item.seed,
            self._block_size * NUMBERS_AN_INSTANCE,
            rows.before_last_day,
        )
        return loss

    def state(self) -> dict[str, Any]:
        """How many instances of the window were left out of the sample, and how many trees were grown."""
        return {"left_out": self._left_out, "rounds": self._rounds}

    def restore(self, state: dict[str, Any]) -> None:
        """Take what `state` gave."""
        self._left_out, self._rounds = state["left_out"], state.get("rounds", self._settings.trees)


class LightGBMSettings(ContentReader):
    """LightGBM over codes and, where asked for, numbers. Of `training`, trees read the window alone."""

    kind: Literal["lightgbm"] = "lightgbm"  #: names the class
    training: TrainingSettings = TrainingSettings(average=None)
    trees: TreeSettings = TreeSettings()
    typed: TypedSettings | None = None  #: the user's latest events; None: they are not read
    factors: FactorSettings | None = None  #: vectors of the factorised click graph; None: they are not read
    long_term: bool = False  #: also the user's long-term vector
    content: ContentSettings | None = None  #: also content vectors, where the source brings any

    @property
    def reads_codes(self) -> bool:
        """See `SystemSettings.reads_codes`."""
        return True

    @property
    def uses_long_term(self) -> bool:
        """Only where `long_term` asks for it."""
        return self.long_term

    @property
    def graph_factors(self) -> FactorSettings | None:
        """See `SystemSettings.graph_factors`."""
        return self.factors

    def module(self, layout: Layout, generator: torch.Generator) -> Trees:  # noqa: ARG002
        """See `SystemSettings.module`."""
        return Trees(layout)

    def graph(self, events: EventDays, view: RowView) -> NeighbourIndex | None:
        """Events and factors of recent days, as for networks."""
        if self.typed is None and self.factors is None:
            return None
        latest, factors = None, None
        if self.typed is not None:
            latest = EventIndex.of(self.typed, view, self.neighbour_events(events))
        if self.factors is not None:
            factors = FactoredDays.of(self.factors, events, self.training.window_days)
        return PartsIndex(latest, None, factors)

    def load_graph(self, folder: Path, view: RowView) -> NeighbourIndex | None:
        """What `PartsIndex.save` wrote, memory-mapped."""
        if self.typed is None and self.factors is None:
            return None
        latest = None if self.typed is None else EventIndex.load(self.typed, view, folder / ENCODER)
        factors = None if self.factors is None else FactoredDays.load(folder / FACTORS)
        return PartsIndex(latest, None, factors)

    def strategy(self) -> Strategy:
        """See `SystemSettings.strategy`."""
        return Boosting(self.trees, self.training.block_size)

    def adapter(self, strategy_state: dict[str, Any]) -> Adapter | None:  # noqa: ARG002
        """None: within a day only the features move."""
        return None


SPACE: Space = {
    "trees.learning_rate": Range(0.01, 0.2),
    "trees.num_leaves": Choice((7, 15, 31, 63)),
    "trees.min_data_in_leaf": Choice((20, 100, 200, 500, 1000)),
    "trees.feature_fraction": Choice((0.3, 0.5, 0.8)),
    "trees.l2": Range(0.1, 100.0),
}
SOURCE = "Ke et al., LightGBM, NeurIPS 2017"
FEW = TreeSettings(trees=30, learning_rate=0.1, min_data_in_leaf=20)
LIGHTGBM_CODES = SystemEntry(
    real=LightGBMSettings(),
    tiny=LightGBMSettings(trees=FEW),
    summary="boosted trees over the shared features alone: no factors, latest events or vectors",
    source=SOURCE,
    space={"trees.trees": Choice((200, 400, 800)), **SPACE},
)
LIGHTGBM = SystemEntry(
    real=LightGBMSettings(
        trees=TreeSettings(trees=2000, patience=50, most_instances=5_000_000),
        typed=TypedSettings(item_side=False),
        factors=FactorSettings(),
        long_term=True,
        content=ContentSettings(),
    ),
    tiny=LightGBMSettings(
        trees=FEW.model_copy(update={"patience": 10}),
        typed=TypedSettings(neighbours=5, item_side=False),
        factors=FactorSettings(width=4, days=3),
        long_term=True,
        content=ContentSettings(),
    ),
    summary="boosted trees over all that lsttm_spectral reads, as many as a held-out day asks for",
    source=SOURCE,
    space=SPACE,
)
