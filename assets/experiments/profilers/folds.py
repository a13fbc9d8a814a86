"""What a system of a profile evaluation is given when it is trained: one fold, one seed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from assets.experiments.profilers import protocol
from assets.experiments.profilers.evaluation import Evaluation
from models.profiling.source_brands import SourceBrands, source_brands
from models.progress import Progress


@dataclass(frozen=True)
class Fold:
    """What a system may know when it is trained: the data before D and who may be learned from."""

    evaluation: Evaluation
    fold: int
    seed: int
    size: str
    device: str
    scratch: Path  #: where trained networks of this run lie
    progress: Progress | None = None
    target: str = ""  #: the brand, for a system that trains on each

    @property
    def own_seed(self) -> int:
        """For a system that trains on each brand: a start of its own, so that none is common to all."""
        return protocol.digest(f"{self.seed}/{self.fold}/{self.target}") % 2**31

    @cached_property
    def train_users(self) -> np.ndarray:
        """bool [U]."""
        return self.evaluation.train_users(self.fold)

    @cached_property
    def source(self) -> SourceBrands:
        """Source brands with their first purchases in the horizon before D, train users only."""
        evaluation = self.evaluation
        return source_brands(
            evaluation.data,
            self.train_users,
            excluded=evaluation.excluded,
            horizon=evaluation.dates.horizon,
        )
