"""Vectors of the factorised click graph as every service day began, for training and for the day to rank.

An instance of day d reads the vectors of all that was received before d: the same rule in training as in
ranking. Vectors of users and items that a training day does not show are left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.ranking.features.event_log import DAY_MS, EventDays, EventLog
from models.ranking.lsttm.click_factors import Factors, FactorSettings, factorise

ID_BITS = 40  #: of a user or an item in the key of its day's vector


@dataclass(frozen=True)
class DayVectors:
    """Vectors float32 [N, width] by (day, index), keys int64 [N] ascending."""

    keys: np.ndarray
    values: np.ndarray

    @classmethod
    def of(cls, parts: list[tuple[int, np.ndarray, np.ndarray]], width: int) -> DayVectors:
        """Args: (day counted from the first, distinct ascending indexes [n], vectors [n, width])."""
        keys = [(day << ID_BITS) | index for day, index, _ in parts]
        values = [part for _, _, part in parts]
        if not parts:
            return cls(np.empty(0, np.int64), np.empty((0, width), np.float32))
        return cls(np.concatenate(keys), np.concatenate(values))

    def look_up(self, days: np.ndarray, index: np.ndarray) -> np.ndarray:
        """Vectors [..., width] of (day, index) [...]; zero where there is none."""
        keys = (days << ID_BITS) | index
        if not len(self.keys):
            return np.zeros((*keys.shape, self.values.shape[1]), np.float32)
        at = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return self.values[at] * (self.keys[at] == keys)[..., None]


class FactoredDays:
    """Look-ups of both sides' vectors, as of the start of an instance's service day."""

    def __init__(self, users: DayVectors, items: DayVectors, first_day: int, days: int, zone: int) -> None:
        """Args: day numbers run from `first_day`, service days since the epoch, for `days` days."""
        self.users, self.items = users, items
        self.first_day, self.days, self.zone_offset_ms = first_day, days, zone

    @classmethod
    def of(cls, settings: FactorSettings, events: EventDays) -> FactoredDays:
        """Factorise the graph of each training day's morning, and that of the day to rank."""
        log = _whole(events)
        zone = log.zone_offset_ms
        last = (log.end_ms + zone) // DAY_MS  # the day to rank
        e = log.exposures
        # Days before the first exposure have no instance; what was clicked elsewhere counts all the same.
        begin = int(e.shown_at[0]) if len(e) else log.start_ms
        first = max((begin + zone) // DAY_MS, last - settings.days)
        shown = (e.shown_at + zone) // DAY_MS
        sides: tuple[list[tuple[int, np.ndarray, np.ndarray]], ...] = ([], [])
        for day, factors in mornings(settings, log, range(first, last + 1)):
            lo, hi = np.searchsorted(shown, [day, day + 1])
            for side, column, vectors in zip(
                sides, (e.user, e.item), (factors.users, factors.items), strict=True
            ):
                known = vectors.numpy()
                index = np.unique(column[lo:hi]) if day < last else np.arange(len(known))
                index = index[known[index].any(axis=1)]
                side.append((day - first, index, known[index]))
        users, items = (_of_equal_weight(DayVectors.of(side, settings.width)) for side in sides)
        return cls(users, items, first, last + 1 - first, zone)

    def vectors(self, users: np.ndarray, items: np.ndarray, cutoff_ms: np.ndarray) -> Tensor:
        """User's and item's vector, float32 [T, B, 2, width], of int64 [T, B] instances.

        A dimension has mean square 1 over the vectors held. Days before the first have none; later days than
        the last read the last.
        """
        day = (cutoff_ms + self.zone_offset_ms) // DAY_MS - self.first_day
        day = np.minimum(day, self.days - 1)
        vectors = np.stack([self.users.look_up(day, users), self.items.look_up(day, items)], axis=-2)
        return torch.from_numpy(vectors * (day >= 0)[..., None, None])

    def save(self, folder: Path) -> None:
        """Write everything into `folder`, made here."""
        folder.mkdir()
        for name, side in (("users", self.users), ("items", self.items)):
            np.save(folder / f"{name}.keys.npy", side.keys)
            np.save(folder / f"{name}.values.npy", side.values)
        np.save(folder / "days.npy", np.array([self.first_day, self.days, self.zone_offset_ms]))

    @classmethod
    def load(cls, folder: Path) -> FactoredDays:
        """What `save` wrote, memory-mapped."""
        users, items = (_loaded(folder, name) for name in ("users", "items"))
        return cls(users, items, *np.load(folder / "days.npy").tolist())


def _loaded(folder: Path, name: str) -> DayVectors:
    parts = (np.load(folder / f"{name}.{part}.npy", mmap_mode="r") for part in ("keys", "values"))
    return DayVectors(*parts)


def mornings(settings: FactorSettings, log: EventLog, days: range) -> Iterator[tuple[int, Factors]]:
    """Each day with the factors of all clicks that were received before its start."""
    e, x = log.exposures, log.external
    clicked = np.asarray(e.clicked, bool)
    users = np.concatenate([e.user[clicked], x.user])
    items = np.concatenate([e.item[clicked], x.item])
    received = np.concatenate([e.shown_at[clicked], x.received_at])
    # Whoever was shown something counts, clicks or not: instances ask for them.
    sizes = (_size(e.user, x.user), _size(e.item, x.item))
    before: Factors | None = None
    for day in days:
        known = received < day * DAY_MS - log.zone_offset_ms
        user, item = torch.from_numpy(users[known]), torch.from_numpy(items[known])
        before = factorise(user, item, sizes, settings, before)
        yield day, before


def _whole(events: EventDays) -> EventLog:
    days = list(events)

    def joined(part: str) -> Any:
        parts = [getattr(day, part) for day in days]
        names = [f.name for f in fields(parts[0])]
        return type(parts[0])(**{n: np.concatenate([getattr(p, n) for p in parts]) for n in names})

    return replace(
        days[0],
        exposures=joined("exposures"),
        external=joined("external"),
        start_ms=events.start_ms,
        end_ms=events.end_ms,
    )


def _size(*index: np.ndarray) -> int:
    """One more than the greatest index; 1 where there is none."""
    return max(int(part.max(initial=0)) for part in index) + 1


def _of_equal_weight(side: DayVectors) -> DayVectors:
    """The same vectors with a mean square of 1 in every dimension that is in use."""
    square = np.square(side.values, dtype=np.float64).mean(axis=0) if len(side.values) else np.ones(1)
    scale = np.where(square > 0, 1 / np.sqrt(np.where(square > 0, square, 1.0)), 0.0)
    return DayVectors(side.keys, (side.values * scale).astype(np.float32))
