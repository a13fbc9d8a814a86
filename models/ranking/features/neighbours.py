"""How a ranker reads a system's graph: everything received so far, sampled as at any period's start."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
from torch import Tensor

from models.ranking.features.entities import EntityTable
from models.ranking.features.event_log import EventLog
from models.ranking.features.vocabulary import Vocabulary


@dataclass(frozen=True)
class GraphSample:
    """Neighbours of a batch: table rows to gather, and how to build `Batch.graph` from their positions."""

    row_ids: list[Tensor]  #: int64 [T, ...] table rows; pad with row 0
    build: Callable[[list[Tensor]], Any]  #: positions, same shapes → `Batch.graph` (it has a `.to(device)`)


class NeighbourIndex(Protocol):
    """What a system's graph must offer."""

    def append(self, hour: EventLog) -> None:
        """Take in the next hour, at a cost in proportion to the hour."""

    def sample(self, users: np.ndarray, items: np.ndarray, cutoff_ms: np.ndarray) -> GraphSample:
        """Neighbours of int64 [T, B] users and items, among what was received before `cutoff_ms` [T, B]."""

    def through(self, view: RowView) -> Self:
        """The same events with rows found by another view; only for sampling while nothing is appended."""

    def save(self, folder: Path) -> None:
        """Write everything into `folder` (it does not exist yet), as arrays that can be memory-mapped."""


@dataclass(frozen=True)
class RowView:
    """How a graph finds table rows of users and items. It grows with the ranker: keep the view, not rows."""

    vocabulary: Vocabulary
    users: EntityTable
    items: EntityTable

    def user_rows(self, users: np.ndarray) -> np.ndarray:
        """ID rows of users [...]; -1 and strangers give the OOV row."""
        return self.vocabulary.user_rows(users)

    def item_rows(self, items: np.ndarray) -> np.ndarray:
        """ID rows of items [...]; -1 and strangers give the OOV row."""
        return self.vocabulary.item_rows(items)

    def user_field_rows(self, users: np.ndarray) -> np.ndarray:
        """Rows [..., F] of users' profile fields."""
        return self.vocabulary.user_field_rows(users, self.users)

    def item_field_rows(self, items: np.ndarray) -> np.ndarray:
        """Rows [..., F] of items' fields."""
        return self.vocabulary.item_field_rows(items, self.items)
