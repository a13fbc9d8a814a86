"""Columns of a day over kinds with few keys: running tables, which the 24 hours of the day move on.

The instances of an hour read the tables as they stand at its start; then they take the hour in.
"""

from __future__ import annotations

import numpy as np

from models.ranking.features.bins import count_bins, rate_bins
from models.ranking.features.count_columns import SHOWN, CountColumn
from models.ranking.features.day_stream import HOURS, DayStream, Overall
from models.ranking.features.dense_counts import DenseCounts
from models.ranking.features.ordering import Ranks, stable_order


class _Tables:
    """Counts [M, D] of one kind before the hour that the tables stand at, by local key, for each window."""

    def __init__(
        self,
        counts: DenseCounts,
        keys: Ranks,
        local: np.ndarray,
        events: DayStream,
        columns: list[CountColumn],
    ) -> None:
        """Stand at hour 0 of a day; `local` int32 [n] are the events' keys among `keys`, -1: none of them."""
        self._events, self._local, self._size = events, local, len(keys)
        self._some_unasked = len(local) > 0 and int(local.min()) < 0
        index, self._hours, self._measures = counts.recent_events()
        self._hours -= events.start
        self._cells = keys.find(index)
        order = stable_order(self._hours.astype(np.int32) + HOURS, 2 * HOURS)
        order = order[self._cells[order] >= 0]
        self._cells, self._hours, self._measures = (
            part[order] for part in (self._cells, self._hours, self._measures)
        )
        self.windows: dict[int | None, np.ndarray] = {None: counts.rows(keys.distinct).T.copy()}
        for window in sorted({c.window for c in columns if c.window is not None}):
            before = [self._recent(hour) for hour in range(-window, 0)]
            self.windows[window] = np.zeros_like(self.windows[None]) + sum(before)

    def advance(self, hour: int) -> None:
        """Take hour `hour` in, and let go of those that a window leaves behind."""
        day = self._day(hour)
        self.windows[None] += day
        recent = self._recent(hour)
        for window, table in self.windows.items():
            if window is not None:
                table += day + recent
                table -= self._day(hour - window) + self._recent(hour - window)

    def _recent(self, hour: int) -> np.ndarray:
        """What cells from before the day's events hold of an hour, counted from the day's start."""
        first, last = np.searchsorted(self._hours, [hour, hour + 1])
        if first == last:
            return np.zeros((1, 1), np.int64)
        out = np.zeros((self._measures.shape[1], self._size), np.int64)
        out[:, self._cells[first:last]] = self._measures[first:last].T
        return out

    def _day(self, hour: int) -> np.ndarray:
        """What the day's events are in an hour of it."""
        bounds = self._events.bounds
        if hour < 0 or bounds[hour] == bounds[hour + 1]:
            return np.zeros((1, 1), np.int64)
        rows = slice(bounds[hour], bounds[hour + 1])
        local = self._local[rows]
        sums = []
        for mask in self._events.masks:
            chosen = np.ones(len(local), bool) if mask is None else mask[rows]
            if self._some_unasked:
                chosen = chosen & (local >= 0)
            picked = local if mask is None and not self._some_unasked else local[chosen]
            sums.append(np.bincount(picked, minlength=self._size))
        return np.stack(sums)


def encode(
    counts: DenseCounts,
    keys: Ranks,
    asked: DayStream,
    local: np.ndarray,
    events: DayStream,
    columns: list[CountColumn],
    overall: Overall,
) -> dict[str, np.ndarray]:
    """Columns uint8 [N] of a kind with few keys, by name.

    Args:
        counts: of the kind, before the day's events.
        keys: of the N instances.
        asked: the instances.
        local: int32 [n] position of each event's key among `keys`, -1 where no instance has it.
        events: the events.
        columns: of the kind, counts and rates.
    """
    out = {column.name: np.empty(len(keys.local), np.uint8) for column in columns}
    tables = _Tables(counts, keys, local, events, columns)
    for hour in range(HOURS):
        rows = slice(asked.bounds[hour], asked.bounds[hour + 1])
        at = keys.local[rows]
        for column in columns if len(at) else ():
            table = tables.windows[column.window]
            whole = len(keys) <= len(at)  # then the bins of all keys are fewer than those of all rows
            count = table[column.measure] if whole else table[column.measure][at]
            if column.value == "rate":
                shown = table[SHOWN] if whole else table[SHOWN][at]
                bins = rate_bins(count, shown, overall.rates[hour, column.measure], overall.smoothing)
            else:
                bins = count_bins(count)
            out[column.name][rows] = bins[at] if whole else bins
        tables.advance(hour)
    return out


def idle(counts: DenseCounts, keys: Ranks, asked: DayStream) -> np.ndarray:
    """Bins uint8 [N] of the hours since each instance's key was last met; 0 where it never was."""
    out = np.empty(len(keys.local), np.uint8)
    _, last = counts.met_rows(keys.distinct)
    for hour in range(HOURS):
        rows = slice(asked.bounds[hour], asked.bounds[hour + 1])
        at, now = keys.local[rows], asked.start + hour
        before = last[at]
        out[rows] = count_bins(np.where(before < 0, 0, now - before))
        last[at] = now
    return out


def first_met(counts: DenseCounts, keys: Ranks, asked: DayStream) -> np.ndarray:
    """Hours int64 [N] since each instance's key was first met, -1 where it was not before its hour."""
    first, _ = counts.met_rows(keys.distinct)
    today = np.zeros(len(keys), np.int64)
    today[keys.local[::-1]] = asked.hours[::-1]  # the last assignment stays: the first hour
    first = np.where(first < 0, asked.start + today, first)
    since = asked.hours + (asked.start - first)[keys.local]
    return np.where(since > 0, since, -1)
