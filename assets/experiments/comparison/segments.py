"""AUC by kind of user, age of item and hours since the retrain; gate weights by hour and by activity.

A segment's AUC pools its exposures of a day, and is averaged over days and seeds. A day on which it has one
class only has none, and is counted. The error of its gain is over users, all their days and seeds together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
AGE = Cut((0, 1, 3, 6, 24), ("0-1", "1-3", "3-6", "6-24", "24+"))
SINCE = Cut((0, 4, 8, 12, 16, 20), ("0-3", "4-7", "8-11", "12-15", "16-19", "20-23"))
NOVELTY = ("first shown that day", "within 24 h", "older")
BORN = ("born today", "born earlier")
WHOLE = "all"  #: the segmentation into one, of which the summary tells

#: segment → the names of its values, in order
SEGMENTS = {
    "users": ACTIVITY.names,
    "items": NOVELTY,
    "item_age": AGE.names,
    "item_born": BORN,
    "hours_since_retrain": SINCE.names,
}


def membership(facts: DayFacts) -> dict[str, np.ndarray]:
    """Position int16 [E] in the names of each segmentation."""
    older = (facts.item_shown >= NEW_HOURS).astype(np.int16) + 1
    return {
        "users": ACTIVITY.of(facts.user_seen),
        "items": np.where(facts.item_shown <= facts.day_age, np.int16(0), older),
        "item_age": AGE.of(facts.item_age),
        "item_born": (facts.item_age > facts.day_age).astype(np.int16),
        "hours_since_retrain": SINCE.of(facts.hour),
    }


@dataclass
class _Cell:
    """What is collected of one system in one value of a segment."""

    size: dict[str, tuple[int, int]] = field(default_factory=dict)  #: day → exposures, clicks
    areas: list[tuple[float, float]] = field(default_factory=list)  #: of days that have both classes
    null_days: int = 0
    moved: np.ndarray | float = 0.0  #: [U], by how much each user lifts the sum of gains of those days


class Segments:
    """Collects the days of one system; one entry a segment and value."""

    def __init__(self, system: str, users: int) -> None:
        """`users`: how many there are on all days together."""
        self._system, self._users = system, users
        self._cells: dict[tuple[str, int], _Cell] = defaultdict(_Cell)

    def add(
        self,
        day: str,
        clicked: np.ndarray,
        scorings: Sequence[Ordered],
        groups: Mapping[str, np.ndarray],
        member: np.ndarray,
    ) -> None:
        """Take in a day with one seed.

        Args:
            day: its key.
            clicked: bool [E].
            scorings: its scores with the hourly step, then without; one only, where it has no such step.
            groups: as `membership` gives them.
            member: int64 [E], which of the users each exposure is of, below `users`.
        """
        from models.metrics import shares_by_group

        for segment, positions in [*groups.items(), (WHOLE, np.zeros(len(clicked), np.int16))]:
            by_scoring = [shares_by_group(clicked, scoring, positions) for scoring in scorings]
            (adapted, of_adapted), (static, of_static) = by_scoring[0], by_scoring[-1]
            places = int(adapted.group.max(initial=-1)) + 1
            cell_of_row = positions.astype(np.int64) * self._users + member
            moved = np.bincount(cell_of_row, of_adapted - of_static, places * self._users)
            for g, group in enumerate(adapted.group.tolist()):
                cell = self._cells[segment, group]
                cell.size[day] = int(adapted.exposures[g]), int(adapted.clicks[g])
                if np.isnan(adapted.auc[g]):
                    cell.null_days += 1
                    continue
                cell.areas.append((float(adapted.auc[g]), float(static.auc[g])))
                cell.moved = cell.moved + moved[group * self._users : (group + 1) * self._users]

    def entries(self) -> tuple[SegmentFigures, ...]:
        """By segment and value, in their order."""
        return tuple(
            self._entry(segment, name, self._cells[segment, group])
            for segment, names in SEGMENTS.items()
            for group, name in enumerate(names)
            if (segment, group) in self._cells
        )

    def gain_error(self) -> float | None:
        """Of all exposures together."""
        return self._entry(WHOLE, "", self._cells[WHOLE, 0]).gain_error

    def _entry(self, segment: str, name: str, cell: _Cell) -> SegmentFigures:
        return SegmentFigures(
            system=self._system,
            segment=segment,
            value=name,
            exposures=sum(exposures for exposures, _ in cell.size.values()),
            clicks=sum(clicks for _, clicks in cell.size.values()),
            auc=mean(adapted for adapted, _ in cell.areas),
            auc_static=mean(static for _, static in cell.areas),
            null_days=cell.null_days,
            gain_error=_error(cell),
        )


def _error(cell: _Cell) -> float | None:
    """Standard error over users of the mean gain: 0 where no score moved, None where one user alone did."""
    from models.metrics import clustered_error

    if not cell.areas:
        return None
    moved = np.atleast_1d(cell.moved) / len(cell.areas)
    moved = moved[moved != 0]
    return clustered_error(moved) if len(moved) else 0.0


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
