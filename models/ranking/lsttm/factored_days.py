"""Vectors of the factorised click graph as every service day began, for training and for the day to rank.

An instance of day d reads the vectors of all that was received before d: the same rule in training as in
ranking. Of a training day, only those whom it shows are read; a morning in memory holds no others.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from models.ranking.features.event_log import DAY_MS, EventDays
from models.ranking.lsttm.click_factors import Factors, FactorSettings, NodeVectors
from models.ranking.lsttm.mornings import Mornings

ID_BITS = 40  #: of a user or an item in a saved key; above them stands the number of its day
SIDES = ("users", "items")


class FactoredDays:
    """Look-ups of both sides' vectors, as of the start of an instance's service day."""

    def __init__(
        self, days: Sequence[Factors], first_day: int, zone: int, scales: Sequence[np.ndarray]
    ) -> None:
        """Args: vectors of each day from `first_day` on, service days since the epoch; zone as a log's; what
        the dimensions of users' and of items' vectors are multiplied by, float64 [width] each.
        """
        self.days, self.first_day, self.zone_offset_ms, self.scales = days, first_day, zone, scales

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
        held: list[Factors] = []
        squares = {side: np.zeros(settings.width) for side in SIDES}
        counts = dict.fromkeys(SIDES, 0)
        for day, morning in mornings.of(range(first, last + 1)):
            if day < begin:
                continue
            whole = read = morning.factors
            if day < last:
                shown = events.readers[day - mornings.first_day]().exposures
                read = Factors(
                    whole.users.only(_distinct(shown.user)), whole.items.only(_distinct(shown.item))
                )
            held.append(whole if morning.mapped else read)
            for side in SIDES:
                values = getattr(read, side).values
                squares[side] += np.einsum("nk,nk->k", values, values, dtype=np.float64)
                counts[side] += len(values)
        scales = [_scale(squares[side] / max(counts[side], 1)) for side in SIDES]
        return cls(held, begin, zone, scales)

    def vectors(self, users: np.ndarray, items: np.ndarray, cutoff_ms: np.ndarray) -> Tensor:
        """User's and item's vector, float32 [T, B, 2, width], of int64 [T, B] instances.

        A dimension has mean square 1 over all that the training days and the day to rank may read. Days
        before the first have no vectors; later days than the last read the last.
        """
        day = (cutoff_ms + self.zone_offset_ms) // DAY_MS - self.first_day
        day = np.minimum(day, len(self.days) - 1)
        vectors = np.zeros((*day.shape, len(SIDES), len(self.scales[0])), np.float32)
        for number in np.unique(day[day >= 0]):
            of_day = day == number
            for at, (side, nodes) in enumerate(zip(SIDES, (users, items), strict=True)):
                part: NodeVectors = getattr(self.days[number], side)
                vectors[of_day, at] = part.of(nodes[of_day]) * self.scales[at]
        return torch.from_numpy(vectors)

    def save(self, folder: Path) -> None:
        """Write what the day to rank reads into `folder`, made here; training days end with the training."""
        folder.mkdir()
        for at, side in enumerate(SIDES):
            part: NodeVectors = getattr(self.days[-1], side)
            np.save(folder / f"{side}.keys.npy", part.index)
            np.save(folder / f"{side}.values.npy", (part.values * self.scales[at]).astype(np.float32))
        last = self.first_day + len(self.days) - 1
        np.save(folder / "days.npy", np.array([last, 1, self.zone_offset_ms]))

    @classmethod
    def load(cls, folder: Path) -> FactoredDays:
        """What `save` wrote, memory-mapped."""
        first, days, zone = np.load(folder / "days.npy").tolist()
        parts = [_loaded(folder, side, days - 1) for side in SIDES]
        return cls([Factors(*parts)], first + days - 1, zone, [np.ones(p.values.shape[1]) for p in parts])


def _loaded(folder: Path, side: str, day: int) -> NodeVectors:
    """The vectors of one day by its number; folders of former versions hold others before it."""
    keys, values = (np.load(folder / f"{side}.{part}.npy", mmap_mode="r") for part in ("keys", "values"))
    begin = int(np.searchsorted(keys, day << ID_BITS))
    return NodeVectors(keys[begin:] - (day << ID_BITS) if day else keys, values[begin:])


def _first_exposed(events: EventDays, first_day: int, begin: int) -> int:
    """The first day from `begin` on with an exposure; `begin` if there is none.

    Days before it have no instance; what was clicked elsewhere counts all the same.
    """
    days = range(begin, first_day + len(events))
    return next((day for day in days if len(events.readers[day - first_day]().exposures)), begin)


def _distinct(nodes: np.ndarray) -> np.ndarray:
    """Distinct nodes in ascending order, in linear time."""
    if not len(nodes):
        return np.empty(0, np.int64)
    seen = np.zeros(int(nodes.max()) + 1, bool)
    seen[nodes] = True
    return np.flatnonzero(seen)


def _scale(square: np.ndarray) -> np.ndarray:
    """What brings dimensions of these mean squares to 1; those not in use to 0."""
    return np.where(square > 0, 1 / np.sqrt(np.where(square > 0, square, 1.0)), 0.0)
