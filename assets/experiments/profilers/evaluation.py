"""One side of an evaluation: the data before D, the truth after it, and who tests in which fold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from assets.experiments.profilers.protocol import Dates
from models.profiling.activity import activity_columns, activity_quintile
from models.profiling.data import Labels, ProfileData, PurchaseLog


@dataclass(frozen=True)
class PurchaseSource:
    """A source as it is read: all purchases, and the data of any as-of date."""

    source: str
    simulated: bool
    data_hash: str
    user_ids: np.ndarray  #: str [U], ascending; of `purchases`
    purchases: PurchaseLog  #: of all days
    before: Callable[[int], ProfileData]  #: everything before a local day, heatmaps included


@dataclass(frozen=True)
class Evaluation:
    """One side (report or development), ready to be evaluated."""

    data: ProfileData  #: before D; all that any system is given
    dates: Dates
    targets: np.ndarray  #: int64 [T] positions in `data.purchases.brand_names`
    excluded: np.ndarray  #: int64, targets of both sides: no source brands
    members: np.ndarray  #: bool [T, U] customers before D
    newcomers: np.ndarray  #: bool [T, U] first purchase in [D, D + horizon)
    folds: tuple[np.ndarray, ...]  #: bool [U] test users of each fold
    known: np.ndarray  #: bool [U] with a purchase before D
    remarks: tuple[str, ...]  #: where the protocol had to give way
    chosen: str = ""  #: which brands are targets, and how large they are, as a sentence
    #: labels of `data`'s users when the horizon before D began; read for the study of modalities alone
    earlier: Labels | None = None

    def train_users(self, fold: int) -> np.ndarray:
        """Who may be learned from, bool [U]."""
        return self.known & ~self.folds[fold]

    def name(self, target: int) -> str:
        """The brand's name."""
        return self.data.purchases.brand_names[self.targets[target]]

    def test(self, target: int, fold: int) -> np.ndarray:
        """Test users who never bought the target before D, bool [U]."""
        return self.folds[fold] & ~self.members[target]

    @cached_property
    def quintiles(self) -> np.ndarray:
        """Activity quintile of every user among the test users of each fold, int64 [F, U]."""
        columns = activity_columns(self.data.purchases, self.data.as_of_day, len(self.data))
        return np.stack([activity_quintile(columns, fold) for fold in self.folds])
