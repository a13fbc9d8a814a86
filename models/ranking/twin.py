"""The static twin of a ranker: the model as it was trained that morning, beside the one that follows hours.

Both have received the same hours. So the twin has weights of its own and reads the ranker's history, which is
kept once.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from models.ranking import storage
from models.ranking.features.event_log import EventLog
from models.ranking.features.neighbours import RowView
from models.ranking.ranker import Ranker
from models.ranking.training.learner import Learner


@dataclass(frozen=True, eq=False)
class StaticTwin:
    """Weights that never move, on the history of a ranker."""

    ranker: Ranker  #: whose hours it has received
    learner: Learner  #: as trained

    @classmethod
    def of(cls, ranker: Ranker) -> StaticTwin:
        """The twin of a ranker that has not adapted yet."""
        return cls(ranker, copy.deepcopy(ranker.learner))

    @classmethod
    def load(cls, daily_path: Path, ranker: Ranker, device: torch.device | str = "cpu") -> StaticTwin:
        """The twin of a ranker that began from the daily model in `daily_path`."""
        return cls(ranker, storage.load_learner(daily_path, ranker.features.layout, device))

    @property
    def end_ms(self) -> int:
        """Everything received before this instant is in the history."""
        return self.ranker.end_ms

    def score(self, hour: EventLog) -> np.ndarray:
        """Click probabilities float64 [E] of the hour's exposures.

        Raises:
            ValueError: as `Ranker.score`.
        """
        still = copy.copy(self.ranker)  # shares everything
        still.learner = self.learner
        if still.graph is not None:
            features = still.features
            view = RowView(self.learner.vocabulary, features.users, features.items)
            still.graph = still.graph.through(view)
        return still.score(hour)
