"""The system `din_typed` **(ours)**: DeepFM and one DIN encoder over `lsttm_typed`'s own event list.

What must be in the table before the graph gets the credit: the same skips, clicks, strong engagement and
external clicks of the user, the same type and age of each, read by DIN in the place of graph attention and
gate. Long-term vectors are a setting, so that their share can be told from the graph's.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from models.layers.din import DINSettings
from models.layers.embedding import gather
from models.ranking.features.batch import Batch
from models.ranking.features.codes import Layout
from models.ranking.features.event_log import EventDays
from models.ranking.features.neighbours import NeighbourIndex, RowView
from models.ranking.lsttm.click_factors import FactorSettings
from models.ranking.lsttm.factored_days import FactoredDays
from models.ranking.lsttm.graph_parts import ENCODER, FACTORS, GraphParts, PartsIndex
from models.ranking.lsttm.numbers import Numbers, NumberSettings, NumbersReader
from models.ranking.lsttm.typed_din import TypedDIN
from models.ranking.lsttm.typed_events import TypedIndex, TypedSettings
from models.ranking.systems.content import ContentFields, ContentReader
from models.ranking.systems.deepfm import DeepFM
from models.ranking.systems.din import item_columns
from models.ranking.training.search_space import TRAINING, TWO_SPEED, Choice
from models.ranking.training.system import TINY_TRAINING, WIDTH, SystemEntry


class DINTyped(DeepFM):
    """DeepFM whose behaviours are one typed list; a key is an item plus what happened and how long ago."""

    def __init__(
        self,
        layout: Layout,
        age_buckets: int,
        din: DINSettings,
        hidden: Sequence[int],
        generator: torch.Generator,
        width: int = WIDTH,
        *,
        long_term: bool = False,
        numbers: Numbers | None = None,
        content: ContentFields | None = None,
    ) -> None:
        """Args: age_buckets of the list's codes; shape of the encoder; widths of the MLP's hidden layers;
        whether the user's long-term vector stands among the fields; what is read as numbers; what reads
        content vectors.
        """
        columns = item_columns(layout)
        encoder = TypedDIN(len(columns) * width, age_buckets, din, generator, width)
        extra = encoder.width // width + long_term + (0 if content is None else content.width)
        super().__init__(len(layout), hidden, generator, extra=extra, width=width, numbers=numbers)
        self.item_columns, self.encoder, self.long_term = columns, encoder, long_term
        self.content = content

    def pooled(self, rows_RW: Tensor, batch: Batch) -> Tensor:
        """The encoder's vector, cut into field vectors: [T, B, P, D]."""
        events = batch.graph.encoder if isinstance(batch.graph, GraphParts) else batch.graph
        targets = gather(rows_RW, batch.fields[..., self.item_columns])[..., :-1].flatten(-2)
        keys = gather(rows_RW, events.items)[..., :-1].flatten(-2)
        vectors = self.encoder(keys, targets, events.of_users)
        if self.long_term and batch.long_term is not None:
            vectors = torch.cat([vectors, batch.long_term], dim=-1)
        return vectors.unflatten(-1, (-1, rows_RW.shape[-1] - 1))


class DINTypedSettings(NumbersReader, ContentReader):
    """DeepFM with all features and a DIN encoder over typed events."""

    kind: Literal["din_typed"] = "din_typed"  #: names the class
    typed: TypedSettings = TypedSettings(item_side=False)  #: the list; what concerns its graph is not read
    #: as the graph's own messages: as wide as an embedding, weights that sum to one
    din: DINSettings = DINSettings(softmax=True, projected=True)
    hidden: tuple[int, ...] = (128, 64)  #: widths of DeepFM's hidden layers
    long_term: bool = False  #: also the user's long-term vector, as one more field
    #: counts and factors of the click graph that are read as numbers; None: embeddings alone
    numbers: NumberSettings | None = None

    @property
    def uses_long_term(self) -> bool:
        """Only where `long_term` asks for it."""
        return self.long_term

    def module(self, layout: Layout, generator: torch.Generator) -> DINTyped:
        """See `SystemSettings.module`."""
        return DINTyped(
            layout,
            self.typed.age_buckets,
            self.din,
            self.hidden,
            generator,
            long_term=self.long_term,
            numbers=None if self.numbers is None else Numbers(self.numbers, layout),
            content=self.content_fields(layout, generator),
        )

    def graph(self, events: EventDays, view: RowView) -> NeighbourIndex:
        """The typed events of recent days, and factors of the click graph."""
        typed = TypedIndex.of(self.typed, view, self.neighbour_events(events))
        if self.graph_factors is None:
            return typed
        factors = FactoredDays.of(self.graph_factors, events, self.training.window_days)
        return PartsIndex(typed, None, factors)

    def load_graph(self, folder: Path, view: RowView) -> NeighbourIndex:
        """What `save` wrote, memory-mapped."""
        if self.graph_factors is None:
            return TypedIndex.load(self.typed, view, folder)
        typed = TypedIndex.load(self.typed, view, folder / ENCODER)
        return PartsIndex(typed, None, FactoredDays.load(folder / FACTORS))


TINY = DINTypedSettings(
    typed=TypedSettings(neighbours=5, item_side=False),
    din=DINSettings(hidden=(8,), softmax=True, projected=True),
    hidden=(16,),
    training=TINY_TRAINING,
)
DIN_TYPED = SystemEntry(
    real=DINTypedSettings(),
    tiny=TINY,
    summary="DeepFM and DIN over the typed events that lsttm_typed sees",
    source="ours; DIN: Zhou et al., Deep Interest Network, KDD 2018",
    space={**TRAINING, **TWO_SPEED, "din.softmax": Choice((False, True))},
)
#: An opponent with the numbers that ours reads; without its gate and long-term vectors.
DIN_TYPED_FACTORS = SystemEntry(
    real=DINTypedSettings(numbers=NumberSettings()),
    tiny=TINY.model_copy(update={"numbers": NumberSettings(factors=FactorSettings(width=4, days=3))}),
    summary="din_typed with the factorised click graph and ordered counts that lsttm_spectral reads",
    source="ours; DIN: Zhou et al., Deep Interest Network, KDD 2018",
    space={**DIN_TYPED.space, "numbers.factor_scale": Choice((0.03, 0.1, 0.3))},
)
