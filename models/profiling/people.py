"""What is said of users beside what they did: columns of demographics, and observed labels."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from models.profiling.purchases import MISSING


@dataclass(frozen=True)
class Demographics:
    """Columns of users; a user without any value has no demographics at all."""

    numeric: np.ndarray  #: float32 [U, n], NaN where unknown
    numeric_names: tuple[str, ...]
    categorical: np.ndarray  #: int64 [U, m] position in `categories[column]`, MISSING where unknown
    categorical_names: tuple[str, ...]
    categories: tuple[tuple[str, ...], ...]  #: the values of each categorical column

    @property
    def present(self) -> np.ndarray:
        """Whether anything is known of a user, bool [U]."""
        return (~np.isnan(self.numeric)).any(1) | (self.categorical != MISSING).any(1)

    def take(self, users: np.ndarray) -> Demographics:
        """Those of these users (int64 [B] positions), in that order."""
        return replace(self, numeric=self.numeric[users], categorical=self.categorical[users])


@dataclass(frozen=True)
class Labels:
    """What the table `labels` says: the last observation of a user and task before the as-of date."""

    tasks: tuple[str, ...]
    value: np.ndarray  #: float32 [U, T]: 0, 1, or NaN where nothing was observed

    def take(self, users: np.ndarray) -> Labels:
        """Those of these users (int64 [B] positions), in that order; of MISSING nothing is known."""
        empty = np.full((1, len(self.tasks)), np.nan, dtype=self.value.dtype)
        return Labels(self.tasks, np.concatenate([self.value, empty])[users])
