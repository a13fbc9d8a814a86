"""How groups of users take to the values of item fields: counts of user-field value × item-field value.

A group is everybody with one value of one user field (a region, a band of age). What is read of the counts is
how much more or less often a group clicks a value than the click rates of both let expect, added up over the
groups of an account: where little is known of an account, it clicks much as its groups do (docs/decisions,
0046). An instance reads the counts as they stand at the start of its service day; they are of so many
accounts that hours move them little, and deviations are made once a day.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.ranking.features.bins import BLOCK, group_bins

STEPS = 100  #: of one binary logarithm, in which deviations are held: their sums are exact


@dataclass(frozen=True)
class FieldValues:
    """Fields of the users or the items of n exposures, written once for each of D."""

    codes: np.ndarray  #: int64 [D, F]
    rows: np.ndarray  #: integer [n], whose fields each exposure has

    @classmethod
    def of(cls, codes: np.ndarray) -> FieldValues:
        """Of exposures that have a row of fields each."""
        return cls(codes, np.arange(len(codes)))


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

    def append(self, users: FieldValues, items: FieldValues, days: np.ndarray, clicked: np.ndarray) -> None:
        """Add exposures.

        Args:
            users, items: fields of the exposures' users and items.
            days: int64 [n] service days, none before the last one that was folded.
            clicked: bool [n].
        """
        sides = self._numbered(0, users, widen=True), self._numbered(1, items, widen=True)
        for day, at in _by_day(days):
            table = self.days.get(day)
            table = np.zeros_like(self.totals) if table is None else np.array(table)
            for first in range(0, len(at), BLOCK):
                some = at[first : first + BLOCK]
                users_at, items_at = ((numbers, rows[some]) for numbers, rows in sides)
                self._count(table, users_at, items_at, clicked[some])
            self.days[day] = table
            self._made = {made: its for made, its in self._made.items() if made <= day}

    def fold(self, day: int) -> None:
        """Make the days before `day` one, after which none of them is asked for."""
        for earlier in [number for number in self.days if number < day]:
            self.totals = self.totals + self.days.pop(earlier)
        self._made.clear()

    def bins(
        self, users: FieldValues, items: FieldValues, days: np.ndarray, smoothing: float
    ) -> list[np.ndarray]:
        """Bins uint8 [n] of each item field, as at the start of `days` int64 [n]; 0 where nothing is known.

        Args:
            users, items: fields of the exposures' users and items.
            smoothing: expected clicks that a deviation starts from, at none.
        """
        (groups, user_rows), (values, item_rows) = self._numbered(0, users), self._numbered(1, items)
        out = [np.zeros(len(days), np.uint8) for _ in values]
        first_rows, first_columns = (_offsets(widths)[:-1] for widths in self.widths)
        for day, chosen in _by_day(days):
            deviations, known = self._deviations(day, smoothing)
            steps = deviations.ravel()
            starts = [(g + o) * deviations.shape[1] for g, o in zip(groups, first_rows, strict=True)]
            for first in range(0, len(chosen), BLOCK):
                at = chosen[first : first + BLOCK]
                rows, of_items = [start[user_rows[at]] for start in starts], item_rows[at]
                for column, value, o in zip(out, values, first_columns, strict=True):
                    where = (value + o)[of_items]
                    total = sum(steps[row + where].astype(np.int32) for row in rows)
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

    def _numbered(
        self, side: int, fields: FieldValues, *, widen: bool = False
    ) -> tuple[list[np.ndarray], np.ndarray]:
        """Of each field, int64 [D] 1 + code, or 0 where it is missing, not counted or was not met yet; and
        which of them each exposure has."""
        out = []
        for f, column in enumerate(fields.codes.T):
            number = column.astype(np.int64) + 1
            number[number > self.values] = 0
            width = int(self.widths[side][f])
            if len(number) and (largest := int(number.max())) >= width:
                if widen:
                    self._widen(side, f, largest + 1)
                else:
                    number[number >= width] = 0
            out.append(number)
        return out, fields.rows

    def _widen(self, side: int, f: int, width: int) -> None:
        at, more = _offsets(self.widths[side])[f + 1], width - self.widths[side][f]
        self.widths[side][f] = width

        def wider(table: np.ndarray) -> np.ndarray:
            return np.insert(table, np.full(more, at), 0, axis=1 + side)

        self.totals, self.days = wider(self.totals), {day: wider(t) for day, t in self.days.items()}
        self._made.clear()

    def _count(
        self,
        table: np.ndarray,
        users: tuple[list[np.ndarray], np.ndarray],
        items: tuple[list[np.ndarray], np.ndarray],
        clicked: np.ndarray,
    ) -> None:
        """Add exposures to a table [2, rows, columns], in place."""
        values = [(2 * number)[items[1]] + clicked for number in items[0]]
        shown_and_clicked = zip(self._blocks(table[0]), self._blocks(table[1]), strict=True)
        for (j, f, shown), (_, _, clicks) in shown_and_clicked:
            if f == 0:
                group = users[0][j][users[1]]
            cells = np.bincount(group * (2 * shown.shape[1]) + values[f], minlength=2 * shown.size)
            cells = cells.reshape(*shown.shape, 2)
            shown += cells.sum(axis=-1)
            clicks += cells[..., 1]

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


def _by_day(days: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Each of `days` int64 [n] and its positions."""
    if len(days) and days.min() == days.max():  # the usual case
        yield int(days[0]), np.arange(len(days))
        return
    for day in np.unique(days).tolist():
        yield day, np.flatnonzero(days == day)


def _offsets(widths: np.ndarray) -> np.ndarray:
    """Where each field begins, and the end of the last, int64 [F + 1]."""
    return np.append(0, np.cumsum(widths))
