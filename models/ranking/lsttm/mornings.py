"""Factors of the click graph as every morning began, each computed once from the morning before and stored.

A morning of day d reads the clicks received in the `click_days` before d, and starts from the morning of d−1.
It is stored beside the events of day d−1, with digests of the clicks it was made of: a stored morning whose
clicks have changed since, or whose morning before has, is computed again. What a digest cannot tell: days
that are no longer at hand are taken to be as they were.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from models.files import replace_folder
from models.mapped import read_array
from models.ranking.features.day_clicks import clicks_of
from models.ranking.features.event_log import DAY_MS, EventDays
from models.ranking.lsttm.click_factors import Factors, FactorSettings, NodeVectors, factorise

FORMAT = 1  #: of a stored morning; another number makes stored ones worthless
ABOUT = "morning.json"


@dataclass(frozen=True)
class Morning:
    """The factors of one morning, and what they were made of."""

    factors: Factors
    clicks: dict[str, str]  #: digest of the clicks of each day at hand, by service day
    before: str | None  #: fingerprint of the morning that it started from; None: it started anew
    mapped: bool = False  #: whether the factors lie in a file rather than in memory

    @cached_property
    def fingerprint(self) -> str:
        """Two mornings with the same one, of the same settings, are the same."""
        return _hash(json.dumps([self.clicks, self.before]).encode())

    def store(self, folder: Path) -> None:
        """Write everything to `folder`, whole or not at all."""
        about = {"clicks": self.clicks, "before": self.before}
        try:
            with replace_folder(folder) as fresh:
                for name, part in vars(self.factors).items():
                    np.save(fresh / f"{name}.index.npy", part.index)
                    np.save(fresh / f"{name}.values.npy", part.values)
                (fresh / ABOUT).write_text(json.dumps(about))
        except OSError:
            # Systems are trained side by side: another may have written the same a moment ago.
            other = self.load(folder)
            if other is None or other.fingerprint != self.fingerprint:
                raise

    @classmethod
    def load(cls, folder: Path) -> Morning | None:
        """What `store` wrote, memory-mapped; None where nothing was."""
        try:
            about = json.loads((folder / ABOUT).read_text())
            users, items = (
                NodeVectors(*(read_array(folder / f"{name}.{part}.npy") for part in ("index", "values")))
                for name in ("users", "items")
            )
        except FileNotFoundError:
            return None
        return cls(Factors(users, items), about["clicks"], about["before"], mapped=True)


@dataclass
class Mornings:
    """The mornings of a log's days. A day's clicks are read once, and dropped when no morning needs them."""

    settings: FactorSettings
    events: EventDays
    _clicks: dict[int, np.ndarray] = field(default_factory=dict)
    _digests: dict[int, str] = field(default_factory=dict)

    @cached_property
    def first_day(self) -> int:
        """The service day of the first day at hand."""
        return (self.events.start_ms + self.events.zone_offset_ms) // DAY_MS

    def of(self, days: range) -> Iterator[tuple[int, Morning]]:
        """The mornings of days that follow each other, each from the one before it.

        The first starts from the stored morning before it; where there is none, anew. So a morning's bits
        depend on where its chain began: the same days in the same order give the same bits (on a CPU), while
        another beginning gives vectors of other axes, whose products are the same as far as the iteration has
        converged. A first fill of history that goes through all days in order thus gives what nights gave.
        """
        before: Morning | None = None
        for day in days:
            morning = self._stored(day, before)
            if morning is None:
                before = before or self._stored(day - 1, None)
                morning = self._computed(day, before)
            yield day, morning
            before = morning
            for old in [d for d in self._clicks if d not in self._click_days(day + 1)]:
                del self._clicks[old]

    def _computed(self, day: int, before: Morning | None) -> Morning:
        parts = [self._clicks_of(d) for d in self._click_days(day)]
        users, items = np.concatenate([np.empty((2, 0), np.int32), *parts], axis=1)
        factors = factorise(users, items, self.settings, None if before is None else before.factors)
        morning = Morning(factors, self._digests_of(day), None if before is None else before.fingerprint)
        folder = self._folder(day)
        if folder is None:
            return morning
        morning.store(folder)
        return Morning.load(folder) or morning

    def _stored(self, day: int, before: Morning | None) -> Morning | None:
        """The stored morning of a day, if it is still true and follows from `before` (None: whatever)."""
        folder = self._folder(day)
        morning = None if folder is None else Morning.load(folder)
        if morning is None or (before is not None and morning.before != before.fingerprint):
            return None
        clicks = self._digests_of(day)
        return morning if clicks.items() <= morning.clicks.items() else None

    def _folder(self, day: int) -> Path | None:
        at = day - 1 - self.first_day
        beside = self.events.beside[at] if 0 <= at < len(self.events) else None
        if beside is None:
            return None
        return (
            beside / f"click_factors-{_hash(self.settings.model_dump_json().encode() + b'%d' % FORMAT)[:12]}"
        )

    def _click_days(self, day: int) -> range:
        """The days at hand whose clicks the morning of `day` reads."""
        days = self.settings.click_days
        first = self.first_day if days is None else max(self.first_day, day - days)
        return range(first, min(day, self.first_day + len(self.events)))

    def _digests_of(self, day: int) -> dict[str, str]:
        for d in self._click_days(day):
            if d not in self._digests:
                self._clicks_of(d)
        return {str(d): self._digests[d] for d in self._click_days(day)}

    def _clicks_of(self, day: int) -> np.ndarray:
        """Users and items int32 [2, C] of the clicks that a day received, in any application."""
        if day not in self._clicks:
            log = clicks_of(self.events, day - self.first_day)
            parts = log.exposures, log.external
            users, items = (np.concatenate([getattr(p, name) for p in parts]) for name in ("user", "item"))
            clicks = np.stack([users, items]).astype(np.int32)
            self._clicks[day], self._digests[day] = clicks, _hash(clicks.tobytes())
        return self._clicks[day]


def _hash(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()
