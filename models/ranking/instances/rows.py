"""Exposures of a service day with their codes: what training instances are made of, and how a day is cut."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.ranking.features.codes import Codes
from models.ranking.features.event_log import HOUR_MS, Exposures

#: Rows of a chunk at most. Blocks of a training are dealt from chunks: with small ones a block holds parts of
#: every hour, and reading one costs what a few hundred rows cost.
CHUNK_ROWS = 2048


@dataclass(frozen=True)
class InstanceRows:
    """Some exposures of a day, in time order, each with its codes as at the start of its hour."""

    codes: Codes
    shown_at: np.ndarray  #: int64 [N], ms
    clicked: np.ndarray  #: bool [N]
    dwell_seconds: np.ndarray  #: float32 [N], NaN where unknown

    def __len__(self) -> int:
        return len(self.shown_at)

    def field(self, name: str) -> np.ndarray:
        """The codes [N] of a field."""
        specs = self.codes.layout.specs
        return self.codes.columns[[spec.name for spec in specs].index(name)]

    def part(self, index: slice) -> InstanceRows:
        """Consecutive rows; nothing is copied."""
        return InstanceRows(
            self.codes.part(index), self.shown_at[index], self.clicked[index], self.dwell_seconds[index]
        )

    def exposures(self) -> Exposures:
        """The events as a log has them, users and items int32; without context, which graphs do not read."""
        return Exposures(
            self.field("user_id"),
            self.field("item_id"),
            self.shown_at,
            self.clicked,
            self.dwell_seconds,
            np.empty((len(self), 0), np.int32),
        )


def hours_of(shown_at: np.ndarray, zone_offset_ms: int) -> np.ndarray:
    """The hours that hold rows, int64 [H, 3]: service hour since the epoch, first row, last row + 1.

    Args:
        shown_at: int64 [N] ascending, ms.
    """
    hour = (shown_at + zone_offset_ms) // HOUR_MS
    first = np.flatnonzero(np.diff(hour, prepend=hour[:1] - 1))
    return np.stack([hour[first], first, np.append(first[1:], len(hour))[: len(first)]], axis=1)


def chunks_of(hours: np.ndarray, size: int = CHUNK_ROWS) -> np.ndarray:
    """Chunks of at most `size` rows that never straddle an hour, int64 [C, 3] in the form of `hours_of`."""
    counts = -(-(hours[:, 2] - hours[:, 1]) // size)
    at = np.repeat(np.arange(len(hours)), counts)
    first = hours[at, 1] + (np.arange(len(at)) - np.repeat(np.cumsum(counts) - counts, counts)) * size
    return np.stack([hours[at, 0], first, np.minimum(first + size, hours[at, 2])], axis=1)
