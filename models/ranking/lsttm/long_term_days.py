"""Long-term vectors as of the morning of every service day, for training instances and for the day to rank.

An instance of day d reads the vectors of the graph of d − 1, in training as in ranking. With the last
morning's for all, a training instance would read vectors that have already seen its click.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from models.ranking.features.event_log import DAY_MS
from models.ranking.lsttm.click_factors import NodeVectors
from models.ranking.lsttm.long_term_state import open_user_vectors
from models.ranking.training.system import LongTermVectors

BEFORE_ALL_DAYS = -(2**40)


class VectorReach(NamedTuple):
    """How many instances have which kind of long-term vector."""

    instances: int
    without_graph: int  #: no graph of their day's morning: they read the zero vector
    unknown: int  #: their user had no click in the graph of that morning: zero as well


@dataclass(frozen=True)
class LongTermDays:
    """User vectors of consecutive mornings, oldest first, or None where there is none.

    They are float32 [U, width] of everyone, or of those alone who have a click, as they lie on disk. A
    morning's users are those of its graph; later users have the zero vector that day. Days after the last
    morning read the last one's, days before the first have none.
    """

    mornings: tuple[np.ndarray | NodeVectors | None, ...]  #: the last one is never None
    first_day: int  #: the service day, counted since the epoch, of the first morning
    zone_offset_ms: int = 0
    #: days without a graph that were asked for (ISO dates of the missing partitions), and why
    missing: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def single(cls, state: LongTermVectors) -> LongTermDays:
        """The vectors of one state for every instance, whatever its day.

        For callers that have no more than one. In training they have seen the instances' own clicks.
        """
        return cls((np.asarray(state.user_vectors, np.float32),), BEFORE_ALL_DAYS)

    @classmethod
    def open(cls, days: Sequence[tuple[str, Path]], zone_offset_ms: int) -> LongTermDays:
        """Map the states of days into memory; those of one day are the vectors of the next day's morning.

        Args:
            days: ISO date and path of each day's state, ascending; the last one must be there. One that is
                not, was written by an earlier version, or has other axes than the last is noted in `missing`.
            zone_offset_ms: service time minus UTC.

        Raises:
            FileNotFoundError, ValueError: the last state cannot be read, as `LongTermState.load`.
        """
        last_day, last_path = days[-1]
        last, axes = open_user_vectors(last_path)
        first = _morning_after(days[0][0])
        mornings: list[np.ndarray | NodeVectors | None] = [None] * (_morning_after(last_day) - first + 1)
        mornings[-1] = last
        missing = {}
        for day, path in days[:-1]:
            try:
                vectors, own_axes = open_user_vectors(path)
            except (FileNotFoundError, ValueError) as error:
                missing[day] = str(error)
                continue
            if own_axes != axes:
                missing[day] = f"{path} was not trained from the same beginnings as that of {last_day}"
                continue
            mornings[_morning_after(day) - first] = vectors
        return cls(tuple(mornings), first, zone_offset_ms, missing)

    @cached_property
    def last(self) -> np.ndarray:
        """User vectors of the newest morning, float32 [U, width]: what the day to rank reads.

        U is no less than the highest user with a click needs; later users have the zero vector.
        """
        return _of_everyone(self._newest)

    def of_everyone(self) -> tuple[np.ndarray | None, ...]:
        """The mornings as arrays float32 [U, width], in memory."""
        return tuple(None if vectors is None else _of_everyone(vectors) for vectors in self.mornings)

    @property
    def user_vectors(self) -> np.ndarray:
        """The same as `last`."""
        return self.last

    def vectors(self, users: np.ndarray, cutoff_ms: np.ndarray) -> np.ndarray:
        """Vectors as of the mornings of the instances' service days, float32 [..., width].

        Args:
            users: int64 [...] user index.
            cutoff_ms: int64 [...], starts of the instances' hours.
        """
        out = np.zeros((*users.shape, self._width), np.float32)
        at = self._morning(cutoff_ms)
        for number in np.unique(at):
            vectors = self.mornings[number] if number >= 0 else None
            if isinstance(vectors, NodeVectors):
                here = at == number
                out[here] = vectors.of(users[here])
            elif vectors is not None:
                here = (at == number) & (users < len(vectors))
                out[here] = vectors[users[here]]
        return out

    def reach(self, users: np.ndarray, cutoff_ms: np.ndarray) -> VectorReach:
        """Count instances [N] without a graph, and those whose user it does not know."""
        has_graph = np.array([vectors is not None for vectors in self.mornings])
        at = self._morning(cutoff_ms)
        graphed = (at >= 0) & has_graph[at]
        unknown = sum(
            int((~self.vectors(users[part], cutoff_ms[part]).any(-1)).sum())
            for part in np.array_split(np.flatnonzero(graphed), len(users) // 2**20 + 1)
        )
        return VectorReach(len(users), int((~graphed).sum()), unknown)

    @property
    def _newest(self) -> np.ndarray | NodeVectors:
        newest = self.mornings[-1]
        assert newest is not None
        return newest

    @property
    def _width(self) -> int:
        newest = self._newest
        return int((newest.values if isinstance(newest, NodeVectors) else newest).shape[1])

    def _morning(self, cutoff_ms: np.ndarray) -> np.ndarray:
        """Positions among the mornings, int64 of the same shape; -1 before the first."""
        day = (cutoff_ms + self.zone_offset_ms) // DAY_MS - self.first_day
        return np.clip(day, -1, len(self.mornings) - 1)


def _morning_after(day: str) -> int:
    """The service day after an ISO date, counted since the epoch."""
    return date.fromisoformat(day).toordinal() - date(1970, 1, 1).toordinal() + 1


def _of_everyone(vectors: np.ndarray | NodeVectors) -> np.ndarray:
    if not isinstance(vectors, NodeVectors):
        return vectors
    everyone = np.zeros((int(vectors.index.max(initial=-1)) + 1, vectors.values.shape[1]), np.float32)
    everyone[vectors.index] = vectors.values
    return everyone
