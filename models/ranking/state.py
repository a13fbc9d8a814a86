"""All that a ranker is made of, and how an hour enters it: what is trained, saved, loaded and served."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from models.ranking.features.codes import Codes
from models.ranking.features.day_events import mentioned, with_new_vectors
from models.ranking.features.event_log import EventLog, Exposures
from models.ranking.features.features import Features
from models.ranking.features.instances import ContentIndex, Instances, LatestVectors
from models.ranking.features.neighbours import NeighbourIndex
from models.ranking.hour_chain import Link
from models.ranking.instances.maker import InstanceMaker
from models.ranking.instances.rows import InstanceRows
from models.ranking.training.learner import Learner
from models.ranking.training.system import SystemSettings


@dataclass(eq=False)
class RankerState:
    """The parts of a trained ranker, and what it has received since its daily training."""

    settings: SystemSettings
    features: Features
    learner: Learner
    graph: NeighbourIndex | None
    user_vectors: np.ndarray | None  #: float32 [U, 16] long-term vectors, for systems with `uses_long_term`
    strategy_state: dict[str, Any]  #: what training learned beyond the weights
    end_ms: int  #: everything received before this instant is in the history
    fingerprint: str  #: of settings, seed and training log
    losses: list[float]  #: mean training loss of each epoch
    chain: list[Link] = field(default_factory=list)  #: saved states with what was received until the last one
    hours: list[EventLog] = field(default_factory=list)  #: received since then
    #: (column, ids) that got rows since the daily training, in order
    grown: list[tuple[int, np.ndarray]] = field(default_factory=list)
    content: ContentIndex | None = None  #: where content vectors come from, for systems that read them
    #: columns that were encoded last since an hour was received, and their codes
    _encoded: tuple[tuple[np.ndarray, ...], Codes] | None = None

    def instances(self, exposures: Exposures, hour: EventLog) -> Instances:
        """The instances of an hour's exposures, as at its start; `hour` brings what is known of newcomers."""
        codes = self._codes(exposures, hour)
        maker = InstanceMaker(
            self.learner.vocabulary,
            self.features.zone_offset_ms,
            self.graph,
            None if self.user_vectors is None else LatestVectors(self.user_vectors),
            self.settings.reads_codes,
            content=None if self.content is None else self.content.serving(hour),
        )
        rows = InstanceRows(codes, exposures.shown_at, exposures.clicked, exposures.dwell_seconds)
        return maker.make([rows], len(rows))

    def _codes(self, exposures: Exposures, hour: EventLog) -> Codes:
        """Codes of an hour's exposures, encoded once: who scores it and then learns from it asks twice."""
        columns = (exposures.user, exposures.item, exposures.shown_at, exposures.context, exposures.request)
        if self._encoded is None or any(a is not b for a, b in zip(columns, self._encoded[0], strict=True)):
            self._encoded = (columns, self.features.codes(exposures, hour.users, hour.items))
        return self._encoded[1]

    def receive(self, hour: EventLog) -> None:
        """Let an hour join the history without learning from it: what a static model does."""
        stored = with_new_vectors(mentioned(hour), self.features.users, self.features.items)
        self._take([hour])
        self.hours.append(stored)

    def resume(self, hours: list[EventLog], chain: list[Link]) -> None:
        """Let the hours of saved states join the history of their daily model, at once."""
        self._take(hours)
        self.chain = chain

    def _take(self, hours: list[EventLog]) -> None:
        self._encoded = None
        self.features.append(*hours)
        for hour in hours:
            if self.graph is not None:
                self.graph.append(hour)
            if self.content is not None:
                self.content.append(hour)
            self.end_ms = hour.end_ms

    def grow(self, column: int, ids: np.ndarray) -> int:
        """Rows for those of `ids` that have none in an ID column; returns how many."""
        new = self.learner.grow(column, ids)
        if len(new):
            self.grown.append((column, new))
        return len(new)
