"""What pooled AUC is made of: pairs of one list (or one user's hour), of one user, of two users."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from assets.experiments.comparison.differences import PairLevel

if TYPE_CHECKING:
    from assets.experiments.comparison.day_facts import DayFacts
    from models.metrics import Ordered

Level = Literal["list", "hour", "user", "others"]


class PairLevels:
    """Collects days of systems: means over days and seeds of each level's share and what it lifts."""

    def __init__(self, with_lists: bool) -> None:
        """`with_lists`: whether requests are known; otherwise a user's hours stand for lists."""
        self._narrowest: Literal["list", "hour"] = "list" if with_lists else "hour"
        self._days: dict[str, list[np.ndarray]] = defaultdict(list)

    def add(self, systems: Sequence[str], facts: DayFacts, scorings: Sequence[Sequence[Ordered]]) -> None:
        """Take in a day, with the sorted scores of each seed's systems; one of one class says nothing."""
        from models.metrics import list_numbers, pairs_by_level, user_hours

        lists = self._narrowest == "list"
        narrow = list_numbers(facts.user, facts.request) if lists else user_hours(facts.user, facts.hour)
        for of_seed in scorings:
            for system, scoring in zip(systems, of_seed, strict=True):
                pairs, won = pairs_by_level(facts.clicked, scoring, [narrow, facts.user]).T
                if pairs.sum():
                    self._days[system].append(np.stack([pairs, won - pairs / 2]) / pairs.sum())

    def entries(self) -> tuple[PairLevel, ...]:
        """Three a system, the narrowest first."""
        names: tuple[Level, ...] = (self._narrowest, "user", "others")
        levels = []
        for system, days in self._days.items():
            for level, share, lift in zip(names, *np.mean(days, axis=0).tolist(), strict=True):
                area = 0.5 + lift / share if share else None
                levels.append(PairLevel(system=system, level=level, share=share, auc=area, lift=lift))
        return tuple(levels)
