"""How groups of users take to the values of item fields: counts of user-field value × item-field value.

A group is everybody with one value of one user field (a region, a band of age). What is read of the counts is
how much more or less often a group clicks a value than the click rates of both let expect, added up over the
groups of an account: where little is known of an account, it clicks much as its groups do (docs/decisions,
0046). An instance reads the counts as they stand at the start of its service day; they are of so many
accounts that hours move them little, and deviations are made once a day.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from models.ranking.features.bins import BLOCK, group_bins

STEPS = 100  #: of one binary logarithm, in which deviations are held: their sums are exact


class GroupCounts:
    """Exposures and clicks of every user-field value with every item-field value, by service day.

    The values of all user fields are the rows of a table, those of all item fields its columns. Each field
    begins with one for what is missing or not counted, of which nothing is read.
    """

    def __init__(self, user_fields: int, item_fields: int, values: int) -> None:
        """Start empty; of each field, the first `values` codes are counted."""
        self.values = values
        self.widths = [np.ones(user_fields, np.int64), np.ones(item_fields, np.int64)]
        #: int64 [2 (shown, clicked), rows, columns], of the days that were folded into one
        self.totals = np.zeros((2, user_fields, item_fields), np.int64)
        self.days: dict[int, np.ndarray] = {}  #: of the days since, each as the totals
        self._made: dict[int, tuple[np.ndarray, np.ndarray]] = {}  # what `_deviations` gave of a day

    def append(
        self, user_fields: np.ndarray, item_fields: np.ndarray, days: np.ndarray, clicked: np.ndarray
    ) -> None:
        """Add exposures.

        Args:
            user_fields, item_fields: int64 [n, Fu] and [n, Fi] codes.
            days: int64 [n] service days, none before the last one that was folded.
            clicked: bool [n].
        """
        users, items = self._local(0, user_fields, widen=True), self._local(1, item_fields, widen=True)
        for day in np.unique(days).tolist():
            at = np.flatnonzero(days == day) if days[0] != days[-1] else slice(None)
            self._count(day, [u[at] for u in users], [i[at] for i in items], clicked[at])

    def fold(self, day: int) -> None:
        """Make the days before `day` one, after which none of them is asked for."""
        for earlier in [number for number in self.days if number < day]:
            self.totals = self.totals + self.days.pop(earlier)
        self._made.clear()

    def bins(
        self, user_fields: np.ndarray, item_fields: np.ndarray, days: np.ndarray, smoothing: float
    ) -> list[np.ndarray]:
        """Bins uint8 [n] of each item field, as at the start of `days` int64 [n]; 0 where nothing is known.

        Args:
            user_fields, item_fields: int64 [n, Fu] and [n, Fi] codes.
            smoothing: expected clicks that a deviation starts from, at none.
        """
        users, items = self._local(0, user_fields), self._local(1, item_fields)
        out = [np.zeros(len(days), np.uint8) for _ in items]
        offsets = [_offsets(widths)[:-1] for widths in self.widths]
        for day in np.unique(days).tolist():
            deviations, known = self._deviations(day, smoothing)
            chosen = np.flatnonzero(days == day)
            for first in range(0, len(chosen), BLOCK):
                at = chosen[first : first + BLOCK]
                rows = [(u[at] + o) * deviations.shape[1] for u, o in zip(users, offsets[0], strict=True)]
                for column, local, o in zip(out, items, offsets[1], strict=True):
                    where = local[at] + o
                    total = sum(deviations.ravel()[row + where].astype(np.int32) for row in rows)
                    column[at] = group_bins(total, STEPS) * known[where]
        return out

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything, by name."""
        held = {f"day{day}": table for day, table in self.days.items()}
        return held | {"totals": self.totals, "rows": self.widths[0], "columns": self.widths[1]}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take what `arrays` gave, maybe memory-mapped."""
        self.totals, self.widths = arrays["totals"], [np.array(arrays[n]) for n in ("rows", "columns")]
        self.days = {int(n.removeprefix("day")): arrays[n] for n in arrays if n.startswith("day")}
        self._made.clear()

    def _local(self, side: int, codes: np.ndarray, *, widen: bool = False) -> list[np.ndarray]:
        """Of each field, int64 [n] 1 + code, or 0 where it is missing, not counted or was not met yet."""
        out = []
        for f, column in enumerate(codes.T):
            local = column.astype(np.int64) + 1
            local[local > self.values] = 0
            width = int(self.widths[side][f])
            if len(local) and (largest := int(local.max())) >= width:
                if widen:
                    self._widen(side, f, largest + 1)
                else:
                    local[local >= width] = 0
            out.append(local)
        return out

    def _widen(self, side: int, f: int, width: int) -> None:
        at, more = _offsets(self.widths[side])[f + 1], width - self.widths[side][f]
        self.widths[side][f] = width

        def wider(table: np.ndarray) -> np.ndarray:
            return np.insert(table, np.full(more, at), 0, axis=1 + side)

        self.totals, self.days = wider(self.totals), {day: wider(t) for day, t in self.days.items()}
        self._made.clear()

    def _count(self, day: int, users: list[np.ndarray], items: list[np.ndarray], clicked: np.ndarray) -> None:
        table = self.days.get(day)
        table = np.zeros_like(self.totals) if table is None else np.array(table)
        liked = np.flatnonzero(clicked)
        of_clicks = [[local[liked] for local in side] for side in (users, items)]
        for measure, (u, i) in enumerate(((users, items), of_clicks)):
            for j, f, block in self._blocks(table[measure]):
                cells = np.bincount(u[j] * block.shape[1] + i[f], minlength=block.size)
                block += cells.reshape(block.shape)
        self.days[day] = table
        self._made = {made: its for made, its in self._made.items() if made <= day}

    def _blocks(self, table: np.ndarray) -> list[tuple[int, int, Any]]:
        """Of each pair of fields: user field, item field and its part of a table [rows, columns]."""
        rows, columns = (_offsets(widths) for widths in self.widths)
        return [
            (j, f, table[rows[j] : rows[j + 1], columns[f] : columns[f + 1]])
            for j in range(len(rows) - 1)
            for f in range(len(columns) - 1)
        ]

    def _deviations(self, day: int, smoothing: float) -> tuple[np.ndarray, np.ndarray]:
        """As at the start of a day, int16 [rows, columns] of a logarithm's steps and bool [columns]: whether
        a value was shown before."""
        if day not in self._made:
            counts = self.totals + sum(table for number, table in self.days.items() if number < day)
            out = np.zeros(counts.shape[1:], np.int16)
            shown = self._blocks(counts[0])
            for (_, _, n), (_, _, clicks), (_, _, to) in zip(
                shown, self._blocks(counts[1]), self._blocks(out), strict=True
            ):
                to[1:, 1:] = _deviation(n[1:, 1:], clicks[1:, 1:], smoothing)
            known = counts[0].any(axis=0)
            known[_offsets(self.widths[1])[:-1]] = False
            self._made[day] = out, known
        return self._made[day]


def _deviation(shown: np.ndarray, clicks: np.ndarray, smoothing: float) -> np.ndarray:
    """Steps [a, b] of log2(clicks / those that the rates of rows and columns let expect), smoothed."""
    overall = (clicks.sum() + 1.0) / (shown.sum() + 2.0)
    start = smoothing / overall  # exposures that bring as many clicks
    rows, columns = (
        (clicks.sum(axis, keepdims=True) + smoothing) / (shown.sum(axis, keepdims=True) + start)
        for axis in (1, 0)
    )
    expected = shown * np.minimum(rows * columns / overall, 1.0)
    return np.rint(np.log2((clicks + smoothing) / (expected + smoothing)) * STEPS)


def _offsets(widths: np.ndarray) -> np.ndarray:
    """Where each field begins, and the end of the last, int64 [F + 1]."""
    return np.append(0, np.cumsum(widths))
