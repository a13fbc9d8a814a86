"""The short-term encoders that LSTTM can be made of: each names its shape, its neighbours and its module.

An encoder's module is called as `module(rows [R, 17], batch)` with a batch of its own index, and gives u^s
float [T, B, 16] and whether the user is known, bool [T, B]. An encoder with `both_sides` gives u^s and u^l at
once, [T, B, 2, 16] and [T, B, 2]; one with an item vector gives that as a third result, [T, B, 16].
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from models.layers.din import DINSettings
from models.layers.embedding import gather
from models.ranking.features.codes import Layout
from models.ranking.features.event_log import EventDays
from models.ranking.features.neighbours import NeighbourIndex, RowView
from models.ranking.lsttm.raw_behaviours import RawBehaviours
from models.ranking.lsttm.short_term_graph import ShortTermGraph, ShortTermIndex, ShortTermSettings
from models.ranking.lsttm.typed_din import TypedDIN
from models.ranking.lsttm.typed_events import TypedGraphBatch, TypedIndex, TypedSettings
from models.ranking.lsttm.typed_neighbours import TypedGraph
from models.ranking.systems.behaviours import BehaviourIndex, BehaviourSettings
from models.ranking.systems.din import item_columns
from models.ranking.training.system import WIDTH
from models.settings import Settings


class Encoder:
    """What LSTTM asks of the settings of an encoder."""

    @property
    def both_sides(self) -> bool:
        """Whether the module makes u^l too, in the place of the long-term graph."""
        return False

    @property
    def item_vectors(self) -> int:
        """How many vectors of the target item the module makes: 0 or 1."""
        return 0

    def module(self, layout: Layout, generator: torch.Generator) -> nn.Module:
        """A fresh module."""
        raise NotImplementedError

    def index(self, view: RowView, events: EventDays) -> NeighbourIndex:
        """The neighbours among the events of some days."""
        raise NotImplementedError

    def load_index(self, view: RowView, folder: Path) -> NeighbourIndex:
        """The neighbours that `NeighbourIndex.save` wrote to `folder`, memory-mapped."""
        raise NotImplementedError


class ClickGraphSettings(ShortTermSettings, Encoder):
    """The paper's encoder: GAT over the most recent internal clicks of users and items (3.2)."""

    encoder: Literal["click_graph"] = "click_graph"  #: names the encoder

    def module(self, layout: Layout, generator: torch.Generator) -> nn.Module:
        """Two GAT layers, or one."""
        users, items = (len(layout.columns(name)) * WIDTH for name in ("user_field", "item_field"))
        return ShortTermGraph(self, users, items, generator=generator)

    def index(self, view: RowView, events: EventDays) -> NeighbourIndex:
        """The clicks of both directions."""
        return ShortTermIndex.of(self, view, events)

    def load_index(self, view: RowView, folder: Path) -> NeighbourIndex:
        """The clicks that were saved."""
        return ShortTermIndex.load(self, view, folder)


class TypedEventsEncoder(TypedSettings, Encoder):
    """What the two encoders over typed events share: the events."""

    def index(self, view: RowView, events: EventDays) -> NeighbourIndex:
        """The events of some days."""
        return TypedIndex.of(self, view, events)

    def load_index(self, view: RowView, folder: Path) -> NeighbourIndex:
        """The events that were saved."""
        return TypedIndex.load(self, view, folder)


class TypedAttentionSettings(TypedEventsEncoder):
    """Ours: one layer of attention over the latest events of all kinds (`typed_neighbours.py`)."""

    encoder: Literal["typed_attention"] = "typed_attention"  #: names the encoder
    item_side: bool = False  #: also give the ranker a vector of the users whom the target item met

    @property
    def item_vectors(self) -> int:
        """One, with an item side."""
        return int(self.item_side)

    def module(self, layout: Layout, generator: torch.Generator) -> nn.Module:
        """The typed graph of one side or of both."""
        return TypedShortTerm(self, layout, generator)


class TypedDINSettings(TypedEventsEncoder):
    """Ours: DIN over the same events (`typed_din.py`); what concerns graph attention is not read."""

    encoder: Literal["typed_din"] = "typed_din"  #: names the encoder
    item_side: bool = False  #: not read: DIN's events are the user's
    #: weights that sum to one, as wide as an embedding
    din: DINSettings = DINSettings(softmax=True, projected=True)

    def module(self, layout: Layout, generator: torch.Generator) -> nn.Module:
        """DIN over a user's events."""
        width = len(item_columns(layout)) * WIDTH
        return DINShortTerm(TypedDIN(width, self.age_buckets, self.din, generator, WIDTH))


class ClickMeansSettings(Settings, Encoder):
    """No graph at all: means of the latest clicks inside and outside (Table 4, w/o GAT and L_N)."""

    encoder: Literal["click_means"] = "click_means"  #: names the encoder
    neighbours: int = Field(default=30, ge=1)  #: K of each of the two means

    @property
    def both_sides(self) -> bool:
        """Internal clicks make u^s, external ones u^l."""
        return True

    @property
    def lists(self) -> BehaviourSettings:
        """The clicks that are averaged."""
        return BehaviourSettings(internal=self.neighbours, external=self.neighbours)

    def module(self, layout: Layout, generator: torch.Generator) -> nn.Module:
        """Both representations of the user."""
        return RawBehaviours(layout, WIDTH, generator)

    def index(self, view: RowView, events: EventDays) -> NeighbourIndex:
        """The latest clicks of both kinds."""
        return BehaviourIndex.of(self.lists, view, events, fields=view.items.width > 0)

    def load_index(self, view: RowView, folder: Path) -> NeighbourIndex:
        """The clicks that were saved."""
        return BehaviourIndex.load(self.lists, view, folder, fields=view.items.width > 0)


AnyEncoder = Annotated[
    ClickGraphSettings | TypedAttentionSettings | TypedDINSettings | ClickMeansSettings,
    Field(discriminator="encoder"),
]


class TypedShortTerm(nn.Module):
    """u^s from typed temporal neighbours; with an item side, the item's vector too."""

    def __init__(self, settings: TypedSettings, layout: Layout, generator: torch.Generator) -> None:
        super().__init__()
        users, items = len(layout.columns("user_field")), len(layout.columns("item_field"))
        self.graph = TypedGraph(settings, users, items, generator=generator, dim=WIDTH)

    def forward(self, rows: Tensor, graph: TypedGraphBatch) -> tuple[Tensor, ...]:
        """See the head of this file."""
        user, item, known = self.graph(rows, graph)
        return (user, known[..., 0]) if item is None else (user, known[..., 0], item)


class DINShortTerm(nn.Module):
    """u^s by `TypedDIN`, with the target item as its query."""

    def __init__(self, encoder: TypedDIN) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, rows: Tensor, graph: TypedGraphBatch) -> tuple[Tensor, Tensor]:
        """See the head of this file."""
        items = gather(rows[:, :-1], graph.items).flatten(2)
        return self.encoder(items, graph.instance_item, graph.of_users), graph.of_users.mask.any(-1)
