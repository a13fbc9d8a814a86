"""AUC by kind of user, age of item and hours since the retrain; gate weights by hour and by activity.

A segment's AUC pools its exposures of a day, and is averaged over days and seeds. A day on which it has one
class only has none, and is counted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from assets.experiments.comparison.averages import mean
from assets.experiments.comparison.day_facts import DayFacts
from assets.experiments.comparison.parts import GateWeight, SegmentFigures

if TYPE_CHECKING:
    from models.metrics import Ordered

NEW_HOURS = 24  #: an item counts as new for so many hours after it was first shown


@dataclass(frozen=True)
class Cut:
    """Ranges `[edge, next edge)` of a quantity, with their names in order."""

    edges: tuple[float, ...]
    names: tuple[str, ...]

    def of(self, values: np.ndarray) -> np.ndarray:
        """Position [E] of each value's name."""
        return np.clip(np.searchsorted(self.edges, values, "right") - 1, 0, None).astype(np.int16)


ACTIVITY = Cut((0, 1, 5, 20), ("0", "1-4", "5-19", "20+"))
AGE = Cut((0, 1, 2, 4, 8, 24, 72, 168), ("0-1", "1-2", "2-4", "4-8", "8-24", "24-72", "72-168", "168+"))
SINCE = Cut((0, 4, 8, 12, 16, 20), ("0-3", "4-7", "8-11", "12-15", "16-19", "20-23"))
NOVELTY = ("first shown that day", "within 24 h", "older")

#: segment → the names of its values, in order
SEGMENTS = {
    "users": ACTIVITY.names,
    "items": NOVELTY,
    "item_age": AGE.names,
    "hours_since_retrain": SINCE.names,
}


def membership(facts: DayFacts) -> dict[str, np.ndarray]:
    """Position int16 [E] in the names of each segmentation."""
    older = (facts.item_shown >= NEW_HOURS).astype(np.int16) + 1
    return {
        "users": ACTIVITY.of(facts.user_seen),
        "items": np.where(facts.item_shown <= facts.day_age, np.int16(0), older),
        "item_age": AGE.of(facts.item_age),
        "hours_since_retrain": SINCE.of(facts.hour),
    }


class Segments:
    """Collects days; one entry a system, segment and value."""

    def __init__(self) -> None:
        self._size: dict[tuple[str, int], dict[str, tuple[int, int]]] = defaultdict(dict)
        self._auc: dict[tuple[str, str, int], list[tuple[float | None, float | None]]] = defaultdict(list)

    def add(
        self,
        system: str,
        day: str,
        clicked: np.ndarray,
        scorings: Sequence[Ordered],
        groups: Mapping[str, np.ndarray],
    ) -> None:
        """Take in a day of a system with one seed.

        Args:
            system: its name.
            day: its key.
            clicked: bool [E].
            scorings: its scores with the hourly step, then without; one only, where it has no such step.
            groups: as `membership` gives them.
        """
        from models.metrics import auc_by_group

        for segment, member in groups.items():
            by_scoring = [auc_by_group(clicked, scoring, member) for scoring in scorings]
            adapted, static = by_scoring[0], by_scoring[-1]
            for g, group in enumerate(adapted.group.tolist()):
                self._size[segment, group][day] = int(adapted.exposures[g]), int(adapted.clicks[g])
                pair = _known(adapted.auc[g]), _known(static.auc[g])
                self._auc[system, segment, group].append(pair)

    def entries(self, systems: Sequence[str]) -> tuple[SegmentFigures, ...]:
        """By system, segment and value, in their order."""
        return tuple(
            self._entry(system, segment, group, name)
            for system in systems
            for segment, names in SEGMENTS.items()
            for group, name in enumerate(names)
            if (segment, group) in self._size
        )

    def _entry(self, system: str, segment: str, group: int, name: str) -> SegmentFigures:
        sizes = self._size[segment, group].values()
        areas = self._auc[system, segment, group]
        return SegmentFigures(
            system=system,
            segment=segment,
            value=name,
            exposures=sum(exposures for exposures, _ in sizes),
            clicks=sum(clicks for _, clicks in sizes),
            auc=mean(adapted for adapted, _ in areas),
            auc_static=mean(static for _, static in areas),
            null_days=sum(adapted is None for adapted, _ in areas),
        )


class Gates:
    """Collects the gate weights of systems that have any: means over exposures of all days and seeds."""

    def __init__(self) -> None:
        self._sums: dict[tuple[str, Literal["hour", "activity"]], np.ndarray] = {}

    def add(self, system: str, facts: DayFacts, gate: np.ndarray | None) -> None:
        """Take in a day of a system with one seed."""
        if gate is None:
            return
        groupings: dict[Literal["hour", "activity"], tuple[np.ndarray, int]] = {
            "hour": (facts.hour, 24),
            "activity": (ACTIVITY.of(facts.user_seen), len(ACTIVITY.names)),
        }
        for by, (member, size) in groupings.items():
            sums = np.stack([np.bincount(member, weights, size) for weights in (gate, None)])
            self._sums[system, by] = self._sums.get((system, by), 0) + sums

    def entries(self) -> tuple[GateWeight, ...]:
        """One entry a system, way of grouping and value; exposures are counted once a seed."""
        return tuple(
            GateWeight(
                system=system,
                by=by,
                value=group if by == "hour" else ACTIVITY.names[group],
                exposures=int(exposures),
                mean=total / exposures,
            )
            for (system, by), sums in self._sums.items()
            for group, (total, exposures) in enumerate(sums.T)
            if exposures
        )


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
