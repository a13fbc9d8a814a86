"""Rows by group, for what is said partition by partition."""

from __future__ import annotations

import numpy as np


class RowGroups:
    """Rows by group, sorted once: a year of hours has thousands of partitions."""

    def __init__(self, groups: np.ndarray) -> None:
        """Args: groups, int [N] ≥ 0."""
        self._order = np.argsort(groups, kind="stable")
        self._sorted = groups[self._order]

    def rows(self, group: int) -> np.ndarray:
        """Ascending positions of a group's rows."""
        begin, end = np.searchsorted(self._sorted, [group, group + 1])
        return self._order[begin:end]
