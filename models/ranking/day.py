"""A day as it is served: train on what came before, then score each hour and only then learn from it.

    day = ServedDay.train(system, history, seed=0)
    for scored in day.live(hours):
        scored.probability          # as at the hour's start: its labels are used after this pass of the loop

The deployment takes the same two steps, `score` and `adapt`, in runs of their own.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from models.progress import Progress
from models.ranking.features.event_log import EventLog
from models.ranking.instances.window import TrainingWindow
from models.ranking.ranker import Ranker
from models.ranking.training.adaptation import AdaptReport
from models.ranking.training.system import LongTermVectors, SystemSettings
from models.ranking.twin import StaticTwin


@dataclass(frozen=True)
class ScoredHour:
    """An hour's scores, float64 [E] each, in the order of its exposures."""

    details: dict[str, np.ndarray]  #: what `Ranker.score_details` gives, `probability` among it
    static: np.ndarray | None  #: the probabilities of the day's static twin, if it has one

    @property
    def probability(self) -> np.ndarray:
        """Click probabilities."""
        return self.details["probability"]


class ServedDay:
    """A ranker on its way through a day; it may have a static twin, which never adapts."""

    def __init__(self, ranker: Ranker, *, twin: StaticTwin | None = None, train_seconds: float = 0.0) -> None:
        self.ranker, self.twin = ranker, twin
        self.train_seconds = train_seconds
        self.hours_seconds = 0.0  #: that the ranker, not its twin, has spent on hours so far

    @classmethod
    def train(
        cls,
        system: SystemSettings,
        history: EventLog | TrainingWindow,
        *,
        seed: int = 0,
        device: torch.device | str = "cpu",
        long_term: LongTermVectors | None = None,
        progress: Progress | None = None,
        with_twin: bool = False,
    ) -> ServedDay:
        """Train on the history, as `Ranker.train`; a system that never adapts needs no twin and gets none.

        Raises:
            ValueError: as `Ranker.train`.
        """
        started = time.perf_counter()
        ranker = Ranker.train(
            system, history, seed=seed, device=device, long_term=long_term, progress=progress
        )
        seconds = time.perf_counter() - started
        twin = StaticTwin.of(ranker) if with_twin and ranker.adapts else None
        return cls(ranker, twin=twin, train_seconds=seconds)

    def live(self, hours: Sequence[EventLog], progress: Progress | None = None) -> Iterator[ScoredHour]:
        """Score each hour, hand out the scores, then adapt on it.

        `progress` is called after each hour, with the stage `hours`.
        """
        for done, hour in enumerate(hours, start=1):
            yield self.score(hour)
            self.adapt(hour)
            if progress is not None:
                progress("hours", done, len(hours))

    def score(self, hour: EventLog) -> ScoredHour:
        """The hour's scores from what was received before it.

        Raises:
            ValueError: as `Ranker.score`.
        """
        started = time.perf_counter()
        details = self.ranker.score_details(hour)
        self.hours_seconds += time.perf_counter() - started
        return ScoredHour(details, None if self.twin is None else self.twin.score(hour))

    def adapt(self, hour: EventLog) -> AdaptReport:
        """One pass over the hour's instances, then it joins the history, which the twin reads too."""
        started = time.perf_counter()
        report = self.ranker.adapt(hour)
        self.hours_seconds += time.perf_counter() - started
        return report
