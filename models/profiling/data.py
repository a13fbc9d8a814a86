"""The one form in which a year of behaviour reaches the profiler: numpy arrays, cut at an as-of date.

Days are local days of the shop, counted from 1970-01-01. A user is known by its position in `user_ids`;
everything of one `ProfileData` shares those positions. Nothing in it happened on or after `as_of_day`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

DAYS, HOURS = 365, 24  #: of a heatmap (paper 3.1)
MISSING = -1  #: code of an unknown brand, genre or category


@dataclass(frozen=True)
class PurchaseLog:
    """Purchases, sorted by (`day`, `at_ms`)."""

    user: np.ndarray  #: int64 [n] position of the user
    day: np.ndarray  #: int64 [n] local day since 1970-01-01
    at_ms: np.ndarray  #: int64 [n] UTC instant; one user's purchases at one instant are one basket
    brand: np.ndarray  #: int64 [n] position in `brand_names`, MISSING without one
    genre: np.ndarray  #: int64 [n, L] position in `genre_names[level]`; a path that ends early repeats itself
    price: np.ndarray  #: float32 [n]
    cancelled: np.ndarray  #: bool [n]
    brand_names: tuple[str, ...]
    genre_names: tuple[tuple[str, ...], ...]  #: one tuple a level, full paths (`a`, `a/b`, `a/b/c`)

    def __len__(self) -> int:
        return len(self.user)

    def between(self, start_day: int, end_day: int) -> PurchaseLog:
        """Purchases of the local days `[start_day, end_day)`; names are kept whole."""
        low, high = np.searchsorted(self.day, [start_day, end_day])
        return self._rows(slice(int(low), int(high)))

    def before(self, day: int) -> PurchaseLog:
        """Purchases that happened before local day `day`."""
        return self._rows(slice(0, int(np.searchsorted(self.day, day))))

    def _rows(self, rows: slice) -> PurchaseLog:
        columns = ("user", "day", "at_ms", "brand", "genre", "price", "cancelled")
        return replace(self, **{name: getattr(self, name)[rows] for name in columns})


@dataclass(frozen=True)
class SparseHeatmaps:
    """Heatmaps of one modality, `[U, 365, 24, C]`, by their non-empty cells.

    Cells are sorted by (user, day, hour, channel); those of user u lie at `offsets[u]:offsets[u + 1]`.
    """

    modality: str
    channels: tuple[str, ...]  #: C names
    offsets: np.ndarray  #: int64 [U + 1]
    day: np.ndarray  #: int64 [n], 0..364, 364 is the day before the as-of date
    hour: np.ndarray  #: int64 [n], 0..23, local
    channel: np.ndarray  #: int64 [n], 0..C-1
    value: np.ndarray  #: float32 [n], as encoded: neither log1p nor scale applied

    def take(self, users: np.ndarray) -> SparseHeatmaps:
        """The heatmaps of these users (int64 [B] positions, any order, repeats allowed), in that order."""
        lengths = self.offsets[users + 1] - self.offsets[users]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        cells = np.repeat(self.offsets[users] - offsets[:-1], lengths) + np.arange(offsets[-1])
        return replace(
            self,
            offsets=offsets,
            **{name: getattr(self, name)[cells] for name in ("day", "hour", "channel", "value")},
        )

    @property
    def present(self) -> np.ndarray:
        """Whether a user has any cell, bool [U]."""
        return self.offsets[1:] > self.offsets[:-1]

    @property
    def rows(self) -> np.ndarray:
        """The user position of every cell, int64 [n]."""
        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))


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


@dataclass(frozen=True)
class Labels:
    """What the table `labels` says: the last observation of a user and task before the as-of date."""

    tasks: tuple[str, ...]
    value: np.ndarray  #: float32 [U, T]: 0, 1, or NaN where nothing was observed


@dataclass(frozen=True)
class ProfileData:
    """All that is known of U users before the as-of date."""

    as_of_day: int  #: local day since 1970-01-01, itself not included
    user_ids: np.ndarray  #: str [U], ids as they came in, ascending
    modalities: tuple[SparseHeatmaps, ...]  #: image modalities, e.g. shopping and points; may be empty ones
    purchases: PurchaseLog  #: all before `as_of_day`, not only of the last 365 days
    demographics: Demographics | None = None
    labels: Labels | None = None

    def __len__(self) -> int:
        return len(self.user_ids)

    def __post_init__(self) -> None:
        if len(self.purchases) and int(self.purchases.day[-1]) >= self.as_of_day:
            raise ValueError(
                f"purchases reach local day {int(self.purchases.day[-1])}, but the as-of day is "
                f"{self.as_of_day}: cut them with PurchaseLog.before(as_of_day)"
            )

    def modality(self, name: str) -> SparseHeatmaps | None:
        """The heatmaps of a modality, None where the source has none."""
        return next((heatmaps for heatmaps in self.modalities if heatmaps.modality == name), None)

    def known_before(self, day: int) -> np.ndarray:
        """Who had a purchase, or a cell of a heatmap, before a local day: bool [U].

        Whoever first appears later was not at risk of anything then: there was nobody to address.
        """
        known = np.zeros(len(self), dtype=bool)
        known[self.purchases.before(day).user] = True
        first_day = self.as_of_day - DAYS
        for heat in self.modalities:
            known[heat.rows[heat.day < day - first_day]] = True
        return known

    def positions(self, user_ids: Sequence[str]) -> np.ndarray:
        """Positions of ids, int64 [n]; MISSING for ids that are not known."""
        if len(self.user_ids) == 0 or len(user_ids) == 0:
            return np.full(len(user_ids), MISSING)
        ids = np.asarray([str(user_id) for user_id in user_ids])
        nearest = np.minimum(np.searchsorted(self.user_ids, ids), len(self.user_ids) - 1)
        return np.where(self.user_ids[nearest] == ids, nearest, MISSING)
