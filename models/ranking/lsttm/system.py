"""LSTTM as a composition of parts: what the ranker needs to train, score, adapt and save any of the family.

The members of the family, each with its parts, are in `models.ranking.lsttm.variants`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import torch

from models.layers.gate import FusionGate
from models.layers.mlp import Dense
from models.ranking.features.codes import Layout
from models.ranking.features.event_log import EventDays
from models.ranking.features.neighbours import NeighbourIndex, RowView
from models.ranking.lsttm.encoders import AnyEncoder, ClickGraphSettings
from models.ranking.lsttm.factored_days import FactoredDays
from models.ranking.lsttm.graph_parts import CLICKS, ENCODER, FACTORS, PartsIndex
from models.ranking.lsttm.model import LSTTM, RankerColumns, dense_group
from models.ranking.lsttm.numbers import (
    Numbers,
    NumbersDeepFM,
    NumberSettings,
    NumbersReader,
    skip_draws,
)
from models.ranking.systems.behaviours import BehaviourIndex, BehaviourSettings
from models.ranking.systems.content import ContentReader
from models.ranking.systems.deepfm import DeepFM
from models.ranking.training.adaptation import Adapter
from models.ranking.training.loop import Strategy
from models.ranking.training.online import LearnedStep
from models.ranking.training.rates import InnerRates, MetaSettings
from models.ranking.training.system import WIDTH
from models.ranking.training.temporal_maml import TemporalMAML
from models.ranking.training.temporal_tasks import TaskSettings


class LSTTMSettings(NumbersReader, ContentReader):
    """The parts of an LSTTM. What is ours has its printed form as another value, named beside it."""

    kind: Literal["lsttm"] = "lsttm"  #: names the class
    short_term: AnyEncoder = ClickGraphSettings()  #: what makes u^s; the graph of clicks is printed
    #: d. `id` is printed; `id_and_fields` (ours) adds a projection of the item's field embeddings, because
    #: the ID of an item first shown this hour says nothing.
    target_item: Literal["id", "id_and_fields"] = "id_and_fields"
    #: c. `context_only` is printed; `all` (ours) also hands the ranker every field that the baselines see.
    context: Literal["context_only", "all"] = "all"
    #: Whether the gate is told of users without neighbours or long-term vector (ours; printed: False).
    see_missing: bool = True
    #: How u^s and u^l become u: by the gate (printed); side by side, as two inputs of the ranker; or u^s
    #: alone, without a global graph. The latter two are ablations of the paper's Table 4.
    fusion: Literal["gate", "concat", "short_only"] = "gate"
    #: False: the gate meets no u^l, as for a user whom the global graph does not know; an ablation
    long_term: bool = True
    hidden: tuple[int, ...] = (128, 64)  #: widths of the hidden layers of the ranker's network
    #: ours: lists of clicks whose means stand beside the fields; None: no such lists
    behaviours: BehaviourSettings | None = None
    #: ours: counts and factors of the click graph that the ranker reads as numbers; None: embeddings alone
    numbers: NumberSettings | None = None
    meta: MetaSettings | None = MetaSettings()  #: of temporal MAML; None trains plainly (`lsttm_no_meta`)
    tasks: TaskSettings = TaskSettings()  #: of temporal MAML

    @property
    def uses_long_term(self) -> bool:
        """Whether u^l comes from the long-term graph of the day."""
        return self.long_term and self.fusion != "short_only" and not self.short_term.both_sides

    def module(self, layout: Layout, generator: torch.Generator) -> LSTTM:
        """The parts in the order in which their weights are drawn."""
        content = self.content_fields(layout, generator)
        columns = RankerColumns(layout, context_only=self.context == "context_only")
        short_term = self.short_term.module(layout, generator)
        fields = len(columns.item_fields) * WIDTH
        target = Dense(fields, WIDTH, generator) if self.target_item == "id_and_fields" and fields else None
        gate = None
        if self.fusion == "gate":
            gate = FusionGate(WIDTH, generator=generator, see_missing=self.see_missing)
        numbers = None if self.numbers is None else Numbers(self.numbers, layout)
        return LSTTM(
            columns,
            short_term=short_term,
            target=target,
            gate=gate,
            ranker=self._ranker(columns, numbers, 0 if content is None else content.width, generator),
            concat=self.fusion == "concat",
            numbers=numbers,
            content=content,
        )

    def _ranker(
        self, columns: RankerColumns, numbers: Numbers | None, content: int, generator: torch.Generator
    ) -> DeepFM | NumbersDeepFM:
        first = 3 if self.fusion == "concat" else 2  # u, or its two parts, and d
        beside = self.short_term.item_vectors + content
        beside += 0 if self.behaviours is None else len(self.behaviours.lists)
        context = len(columns.context)
        if numbers is None:
            return DeepFM(context, self.hidden, generator, extra=first + beside, width=WIDTH)
        # A DeepFM without numbers was once drawn first.
        skip_draws([(context + first) * WIDTH, *self.hidden, 1], generator)
        paired = [c not in numbers.columns for c in columns.context]
        vectors = first + context + beside
        return NumbersDeepFM(vectors, paired, len(numbers.weight), self.hidden, generator)

    def graph(self, events: EventDays, view: RowView) -> NeighbourIndex:
        """What the parts read of recent days; the factors, of those that `FactorSettings` counts."""
        recent = self.neighbour_events(events)
        encoder = self.short_term.index(view, recent)
        if self.behaviours is None and self.numbers is None:
            return encoder
        clicks = None if self.behaviours is None else BehaviourIndex.of(self.behaviours, view, recent)
        factors = None
        if self.graph_factors is not None:
            factors = FactoredDays.of(self.graph_factors, events, self.training.window_days)
        return PartsIndex(encoder, clicks, factors)

    def load_graph(self, folder: Path, view: RowView) -> NeighbourIndex:
        """What `NeighbourIndex.save` wrote, memory-mapped."""
        if self.behaviours is None and self.numbers is None:
            return self.short_term.load_index(view, folder)
        clicks = (
            None if self.behaviours is None else BehaviourIndex.load(self.behaviours, view, folder / CLICKS)
        )
        factors = None
        if self.graph_factors is not None:
            factors = FactoredDays.load(folder / FACTORS)
        return PartsIndex(self.short_term.load_index(view, folder / ENCODER), clicks, factors)

    def strategy(self) -> Strategy:
        """Temporal MAML, or plain mini-batches where `meta` is None."""
        if self.meta is None:
            return super().strategy()
        return TemporalMAML(self.tasks, self.meta, dense_group)

    def adapter(self, strategy_state: dict[str, Any]) -> Adapter | None:
        """The hourly step; `online: learned` takes the rates that meta-training left."""
        if self.adaptation.online != "learned":
            return super().adapter(strategy_state)
        if self.meta is None or self.meta.inner_rates != "learned":
            return super().adapter(strategy_state)  # which says what is missing
        rates = InnerRates(self.meta)
        rates.load_state_dict(strategy_state["rates"])
        return LearnedStep(rates().detach(), self.meta, self.adaptation.continued, dense_group)
