"""Counts of keys that are few, one row of totals a key: everything, users, items, item fields.

Totals run from the history's first hour through the end of the last day that was taken in; of its last hours
there are hourly cells, for windows. What the hours of the day after append lies apart, so that the arrays
beneath may be memory-mapped: a question costs a row and two binary searches. Their size follows the index
space of users, items and categories, which the warehouse numbers without gaps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from models.ranking.features.cells import CODE_BITS, CountCells, pair_key
from models.ranking.features.named_arrays import named, part_of
from models.ranking.features.ordering import boundaries, stable_order


@dataclass(frozen=True)
class DenseKind:
    """What is held of a kind of key."""

    measures: int  #: M
    wide: bool = False  #: int64 totals, for keys that a good part of all events has; int32 else
    window: int = 0  #: hours of which cells are held, the longest window asked for
    met: bool = False  #: whether each key's first and latest period are held


@dataclass(frozen=True)
class DayCells:
    """A day's events of one kind, summed by key and hour; C cells sorted by (key, hour)."""

    keys: np.ndarray  #: int64 [C]
    hours: np.ndarray  #: int64 [C] of the day
    sums: np.ndarray  #: int32 [C + 1, M] running sums of the measures

    @classmethod
    def of(
        cls, distinct: np.ndarray, local: np.ndarray, hours: np.ndarray, masks: Sequence[np.ndarray | None]
    ) -> DayCells:
        """Sum events in time order.

        Args:
            distinct: int64 [D] keys, ascending.
            local: int32 [n] position of each event's key among them.
            hours: uint8 [n], ascending.
            masks: of each measure, bool [n] which events count; None: all.
        """
        order = stable_order(local, len(distinct))
        local, hours = local[order], hours[order]
        starts = np.flatnonzero(boundaries(local, hours))
        ends = np.append(starts, len(order))
        sums = np.zeros((len(ends), len(masks)), np.int32)
        for m, mask in enumerate(masks):
            sums[:, m] = ends if mask is None else running(mask[order])[ends]
        return cls(distinct[local[starts]], hours[starts].astype(np.int64), sums)


def running(mask: np.ndarray) -> np.ndarray:
    """int32 [n + 1]: how many of the rows before each are set in `mask` bool [n]."""
    out = np.zeros(len(mask) + 1, np.int32)
    np.cumsum(mask, out=out[1:])
    return out


class DenseCounts:
    """Counts of one kind of key; a key is an index ≥ -1."""

    def __init__(self, kind: DenseKind, end: int) -> None:
        """Start empty, before period `end` (hours since the history's first)."""
        self.kind, self.end = kind, end
        self.totals = np.zeros((0, kind.measures), np.int64 if kind.wide else np.int32)  #: row: index + 1
        self.first = self.last = np.empty(0, np.int32)  #: period of each row's first and latest event, or -1
        self.recent = CountCells(kind.measures)  #: of the last `window` hours, from hour `zero` on
        self.pending = CountCells(kind.measures)  #: of the hours appended since, from the same hour on

    @property
    def zero(self) -> int:
        """The period from which those of cells are counted."""
        return self.end - self.kind.window

    def append(self, index: np.ndarray, periods: np.ndarray, measures: np.ndarray) -> None:
        """Add events of hours from `end` on; see `CountCells.append`."""
        self.pending.append(pair_key(index), periods - self.zero, measures)

    def query(
        self, index: np.ndarray, periods: np.ndarray, windows: tuple[int | None, ...]
    ) -> list[np.ndarray]:
        """Counts int64 [Q, M] of each window, strictly before `periods` int64 [Q] (each from `end` on).

        Args:
            index: int64 [Q] keys.
            windows: lengths in hours counted back from each query's period; None is all time.
        """
        keys, relative = pair_key(index), periods - self.zero
        newer = self.pending.query(keys, relative, windows).windows
        older = self.recent.query(keys, relative, windows).windows
        base = None if not {None} & set(windows) else self.rows(index)
        return [
            (recent if window is not None or base is None else base) + pending
            for window, recent, pending in zip(windows, older, newer, strict=True)
        ]

    def met(self, index: np.ndarray, periods: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """First and latest period int64 [Q] before `periods` in which keys were met, -1 if never."""
        pending = self.pending.query(pair_key(index), periods - self.zero, ())
        unmet = pending.first < 0
        first, last = self.met_rows(index)
        first = np.where(first >= 0, first, np.where(unmet, -1, pending.first + self.zero))
        return first, np.where(unmet, last, pending.last + self.zero)

    def recent_events(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The cells of the last `window` hours: index int64 [C], periods int64 [C], measures [C, M]."""
        keys, periods, measures = self.recent.events()
        return (keys >> CODE_BITS) - 1, periods + self.zero, measures

    def rows(self, index: np.ndarray) -> np.ndarray:
        """Totals int64 [Q, M] through the end of the last day taken in."""
        return _rows(self.totals, index, 0)

    def met_rows(self, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """First and latest period int64 [Q] through the end of the last day taken in, -1 if none."""
        return _rows(self.first, index, -1), _rows(self.last, index, -1)

    def take_day(self, cells: DayCells, start: int, end: int) -> None:
        """Add a day's events to the base: a new base, in time and memory of the number of keys.

        Args:
            cells: the day's.
            start: period of the day's hour 0.
            end: period that follows the last one taken in.
        """
        size = max(len(self.totals), int(cells.keys[-1]) + 2 if len(cells.keys) else 0)
        begin = np.flatnonzero(boundaries(cells.keys))
        after = np.append(begin[1:], len(cells.keys))[: len(begin)]
        rows = cells.keys[begin] + 1
        totals = _grown(self.totals, size, 0)
        totals[rows] += cells.sums[after] - cells.sums[begin]
        if self.kind.met:
            first, last = _grown(self.first, size, -1), _grown(self.last, size, -1)
            first[rows] = np.where(first[rows] < 0, start + cells.hours[begin], first[rows])
            last[rows] = start + cells.hours[after - 1]
            self.first, self.last = first, last
        if self.kind.window:
            self.recent = self._recent(cells, start, end - self.kind.window)
        self.totals, self.end = totals, end

    def _recent(self, cells: DayCells, start: int, zero: int) -> CountCells:
        keys, periods, measures = self.recent.events()
        periods = periods + self.zero
        still = periods >= zero
        new_keys, new_periods = pair_key(cells.keys), cells.hours + start
        if not still.any() and zero <= start:  # the usual day: its cells are sorted as they are
            return CountCells.of_sorted(new_keys, new_periods - zero, cells.sums)
        late = new_periods >= zero
        recent = CountCells(self.kind.measures)
        recent.append(
            np.concatenate([keys[still], new_keys[late]]),
            np.concatenate([periods[still], new_periods[late]]) - zero,
            np.concatenate([measures[still], np.diff(cells.sums, axis=0)[late]]),
        )
        return recent

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything, by name."""
        held: dict[str, np.ndarray] = {"totals": self.totals}
        if self.kind.met:
            held |= {"first": self.first, "last": self.last}
        parts = {"pending": self.pending.arrays()}
        if self.kind.window:
            parts["recent"] = self.recent.arrays()
        return held | named(parts)

    @classmethod
    def from_arrays(cls, kind: DenseKind, end: int, arrays: Mapping[str, np.ndarray]) -> DenseCounts:
        """The counts that `arrays` gave, through period `end`; the arrays may be memory-mapped."""
        counts = cls(kind, end)
        counts.totals, counts.pending = arrays["totals"], CountCells.from_arrays(part_of(arrays, "pending"))
        if kind.met:
            counts.first, counts.last = arrays["first"], arrays["last"]
        if kind.window:
            counts.recent = CountCells.from_arrays(part_of(arrays, "recent"))
        return counts


def _rows(table: np.ndarray, index: np.ndarray, missing: int) -> np.ndarray:
    out = np.full((len(index), *table.shape[1:]), missing, np.int64)
    known = np.asarray(index) + 1 < len(table)
    out[known] = table[index[known] + 1]
    return out


def _grown(table: np.ndarray, size: int, missing: int) -> np.ndarray:
    out = np.full((size, *table.shape[1:]), missing, table.dtype)
    out[: len(table)] = table
    return out
