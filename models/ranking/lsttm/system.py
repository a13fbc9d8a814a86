"""The systems `lsttm` and `lsttm_no_meta`: what the ranker needs to train, score, adapt and save LSTTM."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from models.ranking.features.event_log import EventLog
from models.ranking.features.features import Layout
from models.ranking.features.neighbours import NeighbourIndex, RowView
from models.ranking.lsttm.model import LSTTM, dense_group
from models.ranking.lsttm.short_term_graph import ShortTermGraph, ShortTermIndex, ShortTermSettings
from models.ranking.training.adaptation import AdaptationSettings, Adapter
from models.ranking.training.loop import Strategy, TrainingSettings
from models.ranking.training.online import LearnedStep
from models.ranking.training.rates import InnerRates, MetaSettings
from models.ranking.training.search_space import SGD, TRAINING, Range, Space
from models.ranking.training.system import WIDTH, SystemEntry, SystemSettings
from models.ranking.training.temporal_maml import TemporalMAML
from models.ranking.training.temporal_tasks import TaskSettings


class LSTTMSettings(SystemSettings):
    """LSTTM. What is ours has its printed form as another value, named beside it."""

    kind: Literal["lsttm", "lsttm_typed", "lsttm_spectral", "lsttm_no_gat"] = "lsttm"  #: names the class
    short_term: ShortTermSettings = ShortTermSettings()
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
    hidden: tuple[int, ...] = (128, 64)  #: of DeepFM's network
    meta: MetaSettings | None = MetaSettings()  #: None trains plainly (`lsttm_no_meta`)
    tasks: TaskSettings = TaskSettings()

    @property
    def uses_long_term(self) -> bool:
        """LSTTM ranks with the long-term vectors of its day, unless it has the short term only."""
        return self.fusion != "short_only"

    def module(self, layout: Layout, generator: torch.Generator) -> LSTTM:
        """See `SystemSettings.module`."""
        return self.network()(
            layout,
            self.short_term_module(layout, generator),
            self.hidden,
            width=WIDTH,
            item_fields_in_target=self.target_item == "id_and_fields",
            context_only=self.context == "context_only",
            see_missing=self.see_missing,
            fusion=self.fusion,
            generator=generator,
        )

    def network(self) -> type[LSTTM]:
        """The class of the module."""
        return LSTTM

    def short_term_module(self, layout: Layout, generator: torch.Generator) -> nn.Module:
        """What makes u^s of a batch: here the two-layer GAT over temporal neighbours."""
        users, items = (len(layout.columns(name)) * WIDTH for name in ("user_field", "item_field"))
        return ShortTermGraph(self.short_term, users, items, generator=generator)

    def graph(self, log: EventLog, view: RowView) -> NeighbourIndex:
        """The temporal neighbours of the internal clicks in a daily log."""
        return ShortTermIndex.of(self.short_term, view, log)

    def load_graph(self, folder: Path, view: RowView) -> NeighbourIndex:
        """The neighbours that `ShortTermIndex.save` wrote, memory-mapped."""
        return ShortTermIndex.load(self.short_term, view, folder)

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


#: The paper's optimiser and hourly rule (3.5, 5.3), of every system that it calls LSTTM.
#: An item's row is trained from its second hour on, as it is online: the inner step is to move young rows.
PRINTED_TRAINING = TrainingSettings(optimizer="adagrad", learning_rate=0.01, average=None, newcomers="hour")
PRINTED_ADAPTATION = AdaptationSettings(online="sgd")
REAL = LSTTMSettings(training=PRINTED_TRAINING, adaptation=PRINTED_ADAPTATION)
TINY = LSTTMSettings(
    short_term=ShortTermSettings(neighbours=5),
    hidden=(16,),
    tasks=TaskSettings(tasks=4, instances=32),
    training=PRINTED_TRAINING,
    adaptation=PRINTED_ADAPTATION,
)
PLAIN_SPACE: Space = {**TRAINING, **SGD}
META_SPACE: Space = {  # a meta-trained system's mini-batch is its batch of tasks
    "training.learning_rate": TRAINING["training.learning_rate"],
    "training.average": TRAINING["training.average"],
    "meta.inner_rate": Range(1e-3, 0.1),
    **SGD,
}

LSTTM_NO_META = SystemEntry(
    real=REAL.model_copy(update={"meta": None}),
    tiny=TINY.model_copy(update={"meta": None}),
    summary="LSTTM trained plainly: short-term graph, long-term vectors, gate and DeepFM",
    source="LSTTM, WSDM 2022, Tables 2 and 4: w/o meta",
    space=PLAIN_SPACE,
)
LSTTM_PAPER = SystemEntry(
    real=REAL,
    tiny=TINY,
    summary="The paper's LSTTM: trained by temporal MAML, second order, adapted by its inner step",
    source="LSTTM, WSDM 2022",
    space=META_SPACE,
)
