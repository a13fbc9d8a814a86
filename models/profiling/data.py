"""The one form in which a year of behaviour reaches the profiler: numpy arrays, cut at an as-of date.

Days are local days of the shop, counted from 1970-01-01. A user is known by its position in `user_ids`;
everything of one `ProfileData` shares those positions. Nothing in it happened on or after `as_of_day`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from models.profiling.clicks import ClickLog
from models.profiling.people import Demographics, Labels
from models.profiling.purchases import MISSING, GenrePaths, PurchaseLog

__all__ = [
    "DAYS",
    "HOURS",
    "MISSING",
    "Demographics",
    "GenrePaths",
    "Labels",
    "ProfileData",
    "PurchaseLog",
    "SparseHeatmaps",
    "StoredModalities",
]

DAYS, HOURS = 365, 24  #: of a heatmap (paper 3.1)


@dataclass(frozen=True)
class SparseHeatmaps:
    """Heatmaps of one modality, `[U, 365, 24, C]`, by their non-empty cells.

    Cells are sorted by (user, day, hour, channel); those of user u lie at `offsets[u]:offsets[u + 1]`.
    """

    modality: str
    channels: tuple[str, ...]  #: C names
    offsets: np.ndarray  #: int64 [U + 1]
    day: np.ndarray  #: int16 [n], 0..364, 364 is the day before the as-of date
    hour: np.ndarray  #: uint8 [n], 0..23, local
    channel: np.ndarray  #: uint16 [n], 0..C-1
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

    def held_back(self, days: int) -> SparseHeatmaps:
        """The images of an as-of date so many days earlier, as far as these cells reach back."""
        before = np.flatnonzero(self.day < DAYS - days)
        lengths = np.bincount(self.rows[before], minlength=len(self.offsets) - 1)
        cells = {name: getattr(self, name)[before] for name in ("hour", "channel", "value")}
        day = (self.day[before] + days).astype(self.day.dtype)
        return replace(self, offsets=np.concatenate([[0], np.cumsum(lengths)]), day=day, **cells)

    @property
    def present(self) -> np.ndarray:
        """Whether a user has any cell, bool [U]."""
        return self.offsets[1:] > self.offsets[:-1]

    @property
    def rows(self) -> np.ndarray:
        """The user position of every cell, int64 [n]."""
        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))


class StoredModalities(Sequence[SparseHeatmaps]):
    """Image modalities that are read when one is first asked for: models of purchases alone need none."""

    def __init__(
        self,
        names: Sequence[str],
        read: Callable[[str], SparseHeatmaps],
        known_before: Callable[[int], np.ndarray],
        digest: str,
    ) -> None:
        """From how to read them.

        Args:
            names: of the modalities.
            read: gives the heatmaps of one.
            known_before: gives who had a cell before a local day, int64 positions.
            digest: names the content of all cells.
        """
        self.names, self.known_before, self.digest = tuple(names), known_before, digest
        self._read, self._held = read, dict[str, SparseHeatmaps]()

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> SparseHeatmaps:  # type: ignore[override]
        return self.named(self.names[index])

    def __iter__(self) -> Iterator[SparseHeatmaps]:
        return (self.named(name) for name in self.names)

    def named(self, name: str) -> SparseHeatmaps:
        """The heatmaps of a modality, read once."""
        if name not in self._held:
            self._held[name] = self._read(name)
        return self._held[name]


@dataclass(frozen=True)
class ProfileData:
    """All that is known of U users before the as-of date."""

    as_of_day: int  #: local day since 1970-01-01, itself not included
    user_ids: np.ndarray  #: str [U], ids as they came in, ascending
    modalities: Sequence[SparseHeatmaps]  #: image modalities, e.g. shopping and points; may be empty ones
    purchases: PurchaseLog  #: all before `as_of_day`, not only of the last 365 days
    demographics: Demographics | None = None
    labels: Labels | None = None
    clicks: ClickLog | None = None  #: where feed and shop have the same accounts, and are said to

    def __len__(self) -> int:
        return len(self.user_ids)

    def __post_init__(self) -> None:
        for name, log in (("purchases", self.purchases), ("clicks", self.clicks)):
            if log is not None and len(log) and int(log.day[-1]) >= self.as_of_day:
                raise ValueError(
                    f"{name} reach local day {int(log.day[-1])}, but the as-of day is {self.as_of_day}: cut "
                    f"them with {type(log).__name__}.before(as_of_day)"
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
        if isinstance(self.modalities, StoredModalities):
            known[self.modalities.known_before(day)] = True
            return known
        first_day = self.as_of_day - DAYS
        for heat in self.modalities:
            known[heat.rows[heat.day < day - first_day]] = True
        return known

    def take(self, users: np.ndarray) -> ProfileData:
        """What is known of some users (int64 [N] positions, ascending), numbered 0 … N−1."""
        people, labels, clicks = self.demographics, self.labels, self.clicks
        return replace(
            self,
            user_ids=self.user_ids[users],
            modalities=_taken(self.modalities, users),
            purchases=self.purchases.of_users(users, len(self)),
            demographics=None if people is None else people.take(users),
            labels=None if labels is None else labels.take(users),
            clicks=None if clicks is None else clicks.of_users(users, len(self)),
        )

    def held_back(self, day: int) -> ProfileData:
        """What was known before an earlier local day.

        Heatmaps keep their channels, and reach back as far as they did: their first days are empty.
        Demographics have no dates and stay; labels have none either, and are left out.

        Raises:
            ValueError: the day lies after the as-of day.
        """
        if day > self.as_of_day:
            raise ValueError(f"data as of local day {self.as_of_day} do not know what was known at day {day}")
        return replace(
            self,
            as_of_day=day,
            modalities=_held_back(self.modalities, self.as_of_day - day),
            purchases=self.purchases.before(day),
            labels=None,
            clicks=None if self.clicks is None else self.clicks.before(day),
        )

    def positions(self, user_ids: Sequence[str] | np.ndarray) -> np.ndarray:
        """Positions of ids, int64 [n]; MISSING for ids that are not known."""
        if len(self.user_ids) == 0 or len(user_ids) == 0:
            return np.full(len(user_ids), MISSING)
        is_text = isinstance(user_ids, np.ndarray) and user_ids.dtype.kind == "U"
        ids = np.asarray(user_ids if is_text else [str(user_id) for user_id in user_ids])
        nearest = np.minimum(np.searchsorted(self.user_ids, ids), len(self.user_ids) - 1)
        return np.where(self.user_ids[nearest] == ids, nearest, MISSING)


def _taken(modalities: Sequence[SparseHeatmaps], users: np.ndarray) -> Sequence[SparseHeatmaps]:
    """The heatmaps of some users; stored ones stay unread until they are asked for."""
    if not isinstance(modalities, StoredModalities):
        return tuple(heat.take(users) for heat in modalities)
    known = modalities.known_before

    def known_of_users(day: int) -> np.ndarray:
        return np.flatnonzero(np.isin(users, known(day)))

    return StoredModalities(
        modalities.names, lambda name: modalities.named(name).take(users), known_of_users, modalities.digest
    )


def _held_back(modalities: Sequence[SparseHeatmaps], days: int) -> Sequence[SparseHeatmaps]:
    if isinstance(modalities, StoredModalities):
        return StoredModalities(
            modalities.names,
            lambda name: modalities.named(name).held_back(days),
            modalities.known_before,
            modalities.digest,
        )
    return tuple(heat.held_back(days) for heat in modalities)
