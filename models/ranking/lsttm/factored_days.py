"""Vectors of the factorised click graph as every service day began, for training and for the day to rank.

An instance of day d reads the vectors of all that was received before d: the same rule in training as in
ranking. Vectors of users and items that a training day does not show are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from models.layers.merged_days import empty_column
from models.mapped import give_back
from models.ranking.features.day_graphs import scratch_of
from models.ranking.features.event_log import DAY_MS, EventDays
from models.ranking.lsttm.click_factors import ROWS_AT_ONCE, FactorSettings, NodeVectors, marked
from models.ranking.lsttm.mornings import Mornings

ID_BITS = 40  #: of a user or an item in the key of its day's vector


@dataclass(frozen=True)
class VectorsRead:
    """Those of a morning's vectors that are read: of the nodes that its day shows, or all."""

    vectors: NodeVectors
    slots: np.ndarray  #: int64 [n], ascending

    @classmethod
    def of(cls, vectors: NodeVectors, shown: np.ndarray | None, mapped: bool) -> VectorsRead:
        """Args: nodes [E] that are shown (None: all count); whether the vectors lie in a file."""
        slots = np.arange(len(vectors.index))
        if shown is not None and len(slots):
            slots, known = vectors.slots(np.flatnonzero(marked(shown)))
            slots = slots[known]
        if mapped:
            return cls(vectors, slots)
        return cls(NodeVectors(vectors.index[slots], vectors.values[slots]), np.arange(len(slots)))


@dataclass(frozen=True)
class DayVectors:
    """Vectors float32 [N, width] by (day, index), keys int64 [N] ascending."""

    keys: np.ndarray
    values: np.ndarray

    @classmethod
    def of(cls, days: Sequence[VectorsRead], width: int, scratch: Path | None) -> DayVectors:
        """Args: days counted from the first; where a large result lies."""
        ends = np.cumsum([0, *(len(day.slots) for day in days)])
        keys = np.empty(ends[-1], np.int64)
        values = empty_column((int(ends[-1]), width), torch.float32, scratch).numpy()
        for number, (day, first) in enumerate(zip(days, ends.tolist(), strict=False)):
            for slots in np.split(day.slots, range(ROWS_AT_ONCE, len(day.slots), ROWS_AT_ONCE)):
                span = slice(first, first := first + len(slots))
                keys[span] = (number << ID_BITS) | day.vectors.index[slots]
                values[span] = day.vectors.values[slots]
                give_back()
        return cls(keys, values)

    def scale(self) -> np.ndarray:
        """What makes the mean square 1 in every dimension in use, float64 [width]."""
        square = np.zeros(self.values.shape[1])
        for first in range(0, len(self.keys), ROWS_AT_ONCE):
            part = self.values[first : first + ROWS_AT_ONCE]
            square += np.einsum("nk,nk->k", part, part, dtype=np.float64)
            give_back()
        square /= max(len(self.keys), 1)
        return np.where(square > 0, 1 / np.sqrt(np.where(square > 0, square, 1.0)), 0.0)

    def of_day(self, number: int) -> DayVectors:
        """The vectors of one day, as those of the first."""
        lo, hi = np.searchsorted(self.keys, [number << ID_BITS, (number + 1) << ID_BITS])
        keys = self.keys[lo:hi]
        return DayVectors(keys - (number << ID_BITS) if number else keys, self.values[lo:hi])

    def look_up(self, days: np.ndarray, index: np.ndarray) -> np.ndarray:
        """Vectors [..., width] of (day, index) [...]; zero where there is none."""
        keys = (days << ID_BITS) | index
        if not len(self.keys):
            return np.zeros((*keys.shape, self.values.shape[1]), np.float32)
        at = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return self.values[at] * (self.keys[at] == keys)[..., None]


class FactoredDays:
    """Look-ups of both sides' vectors, as of the start of an instance's service day."""

    def __init__(
        self,
        users: DayVectors,
        items: DayVectors,
        first_day: int,
        days: int,
        zone: int,
        scales: tuple[np.ndarray, np.ndarray],
    ) -> None:
        """Args: day numbers run from `first_day`, service days since the epoch, for `days` days; what users'
        and items' dimensions are multiplied by, float64 [width] each.
        """
        self.users, self.items, self.scales = users, items, scales
        self.first_day, self.days, self.zone_offset_ms = first_day, days, zone

    @classmethod
    def of(cls, settings: FactorSettings, events: EventDays, window_days: int | None = None) -> FactoredDays:
        """The vectors of each training day's morning, and those of the day to rank.

        Mornings are made for `settings.days` days, so that systems of any window share stored ones; held are
        those of the last `window_days` (None: all).
        """
        zone, mornings = events.zone_offset_ms, Mornings(settings, events)
        last = (events.end_ms + zone) // DAY_MS  # the day to rank
        first = _first_exposed(events, mornings.first_day, max(mornings.first_day, last - settings.days))
        begin = first if window_days is None else max(first, last - window_days)
        users: list[VectorsRead] = []
        items: list[VectorsRead] = []
        for day, morning in mornings.of(range(first, last + 1)):
            if day < begin:
                continue
            shown: tuple[np.ndarray | None, np.ndarray | None] = (None, None)
            if day < last:
                e = events.readers[day - mornings.first_day]().exposures
                shown = e.user, e.item
            users.append(VectorsRead.of(morning.factors.users, shown[0], morning.mapped))
            items.append(VectorsRead.of(morning.factors.items, shown[1], morning.mapped))
        scratch = scratch_of(events)
        of_users, of_items = (DayVectors.of(side, settings.width, scratch) for side in (users, items))
        scales = of_users.scale(), of_items.scale()
        return cls(of_users, of_items, begin, last + 1 - begin, zone, scales)

    def vectors(self, users: np.ndarray, items: np.ndarray, cutoff_ms: np.ndarray) -> Tensor:
        """User's and item's vector, float32 [T, B, 2, width], of int64 [T, B] instances.

        A dimension has mean square 1 over the vectors held. Days before the first have none; later days than
        the last read the last.
        """
        day = (cutoff_ms + self.zone_offset_ms) // DAY_MS - self.first_day
        day = np.minimum(day, self.days - 1)
        vectors = np.empty((*day.shape, 2, len(self.scales[0])), np.float32)
        for at, (side, nodes) in enumerate(((self.users, users), (self.items, items))):
            vectors[..., at, :] = side.look_up(day, nodes) * self.scales[at]
        return torch.from_numpy(vectors * (day >= 0)[..., None, None])

    def save(self, folder: Path) -> None:
        """Write what the day to rank reads into `folder`, made here: training days end with the training."""
        folder.mkdir()
        sides = (("users", self.users), ("items", self.items))
        for (name, side), scale in zip(sides, self.scales, strict=True):
            newest = side.of_day(self.days - 1)
            np.save(folder / f"{name}.keys.npy", newest.keys)
            np.save(folder / f"{name}.values.npy", (newest.values * scale).astype(np.float32))
        np.save(folder / "days.npy", np.array([self.first_day + self.days - 1, 1, self.zone_offset_ms]))

    @classmethod
    def load(cls, folder: Path) -> FactoredDays:
        """What `save` wrote, memory-mapped. Folders of former versions hold the training days too."""
        users, items = (_loaded(folder, name) for name in ("users", "items"))
        scales = np.ones(users.values.shape[1]), np.ones(items.values.shape[1])
        first_day, days, zone = np.load(folder / "days.npy").tolist()
        return cls(users, items, first_day, days, zone, scales)


def _loaded(folder: Path, name: str) -> DayVectors:
    parts = (np.load(folder / f"{name}.{part}.npy", mmap_mode="r") for part in ("keys", "values"))
    return DayVectors(*parts)


def _first_exposed(events: EventDays, first_day: int, begin: int) -> int:
    """The first day from `begin` on with an exposure; `begin` if there is none.

    Days before it have no instance; what was clicked elsewhere counts all the same.
    """
    days = range(begin, first_day + len(events))
    return next((day for day in days if len(events.readers[day - first_day]().exposures)), begin)
