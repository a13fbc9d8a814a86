"""The ablations of the paper's Table 4: LSTTM, meta-trained as ever, with one of its parts taken away.

`lsttm_no_meta`, the first of them, is in `models.ranking.lsttm.system`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from models.ranking.features.batch import Batch
from models.ranking.features.event_log import EventLog
from models.ranking.features.features import FeatureSettings, Layout
from models.ranking.features.neighbours import RowView
from models.ranking.lsttm.model import LSTTM
from models.ranking.lsttm.raw_behaviours import RawBehaviours
from models.ranking.lsttm.system import META_SPACE, REAL, TINY, LSTTMSettings
from models.ranking.systems.behaviours import BehaviourIndex, BehaviourSettings
from models.ranking.training.system import WIDTH, SystemEntry


class RawLSTTM(LSTTM):
    """LSTTM whose u^s and u^l are means of what the user clicked, inside and outside."""

    def sides(self, rows: Tensor, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """See `LSTTM.sides`."""
        vectors, known = self.short_term(rows, batch.graph)
        return vectors[..., 0, :], vectors[..., 1, :], known


class LSTTMRawSettings(LSTTMSettings):
    """LSTTM without GAT and L_N; of `short_term` only `neighbours` is read."""

    kind: Literal["lsttm_no_gat"] = "lsttm_no_gat"  #: names the class

    @property
    def uses_long_term(self) -> bool:
        """Without L_N there are no long-term vectors."""
        return False

    def network(self) -> type[LSTTM]:
        """See `LSTTMSettings.network`."""
        return RawLSTTM

    def short_term_module(self, layout: Layout, generator: torch.Generator) -> nn.Module:
        """Both representations of the user."""
        return RawBehaviours(layout, WIDTH, generator)

    def graph(self, log: EventLog, view: RowView) -> BehaviourIndex:
        """The latest internal and external clicks in a daily log."""
        return BehaviourIndex.of(self._lists, view, log, fields=view.items.width > 0)

    def load_graph(self, folder: Path, view: RowView) -> BehaviourIndex:
        """The clicks that `BehaviourIndex.save` wrote, memory-mapped."""
        return BehaviourIndex.load(self._lists, view, folder, fields=view.items.width > 0)

    @property
    def _lists(self) -> BehaviourSettings:
        k = self.short_term.neighbours
        return BehaviourSettings(internal=k, external=k)


def _raw(settings: LSTTMSettings) -> LSTTMRawSettings:
    return LSTTMRawSettings(**{name: value for name, value in settings if name != "kind"})


def _internal_only(settings: LSTTMSettings) -> LSTTMSettings:
    # "Only considers internal behaviors": the counts of external clicks go with the global graph.
    return settings.model_copy(
        update={"fusion": "short_only", "features": FeatureSettings(external=False)},
    )


LSTTM_NO_EXTERNAL = SystemEntry(
    real=_internal_only(REAL),
    tiny=_internal_only(TINY),
    summary="LSTTM without the global graph and the counts of external clicks: u = u^s",
    source="LSTTM, WSDM 2022, Table 4: w/o user external behaviors",
    space=META_SPACE,
)
LSTTM_CONCAT = SystemEntry(
    real=REAL.model_copy(update={"fusion": "concat"}),
    tiny=TINY.model_copy(update={"fusion": "concat"}),
    summary="LSTTM with u^s and u^l side by side instead of the gate",
    source="LSTTM, WSDM 2022, Table 4: w/o gating-based fusion",
    space=META_SPACE,
)
LSTTM_NO_GAT = SystemEntry(
    real=_raw(REAL),
    tiny=_raw(TINY),
    summary="LSTTM with means of internal and external clicks in place of both graphs",
    source="LSTTM, WSDM 2022, Table 4: w/o GAT aggregation and L_N",
    space=META_SPACE,
)
