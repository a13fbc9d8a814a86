"""Cells of counts: how often a key was seen before a period, of all periods or within the last w of them.

All events of a key in one period are one row of a table sorted by (key, period), with running sums beside
it, so that a count before any period is the difference of two running sums found by binary search: exact for
every period, with no snapshot. Counts add up over parts; a new hour is a new small part, and parts of similar
size are merged (each row is merged O(log of the day) times), so that appending never touches the base.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

PERIOD_BITS = 10  #: 1,024 hours: six weeks of hours behind the last day that was taken in whole
CODE_BITS = 25  #: category codes and item indexes of pairs below 33,554,431
FEW = 1024  #: questions that are searched as they come: a request's
USER_BITS = 28  #: user indexes, and those of keys that are no pairs, below 268,435,455


def pair_key(first: np.ndarray, second: np.ndarray | int = -1) -> np.ndarray:
    """Join two code arrays (each ≥ -1) into one key int64 below 2^53.

    Raises:
        ValueError: a code does not fit its bits.
    """
    first, second = np.asarray(first, np.int64), np.asarray(second, np.int64)
    for name, codes, bits in (("first", first, USER_BITS), ("second", second, CODE_BITS)):
        if codes.size and (int(codes.max()) >= (1 << bits) - 1 or int(codes.min()) < -1):
            raise ValueError(
                f"count key: the {name} code reaches {int(codes.max())}, but counts hold codes from -1 to "
                f"{(1 << bits) - 2}; widen the bit fields in models/ranking/features/cells.py"
            )
    return ((first + 1) << CODE_BITS) | (second + 1)


@dataclass(frozen=True)
class _CellPart:
    keys: np.ndarray  # int64 [N] key << PERIOD_BITS | period, ascending
    sums: np.ndarray  # int32 or int64 [N + 1, M] running sums of the measures

    @classmethod
    def build(cls, keys: np.ndarray, measures: np.ndarray) -> _CellPart:
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        ends = np.flatnonzero(np.append(keys[1:] != keys[:-1], True)) if len(keys) else order
        sums = np.zeros((len(ends) + 1, measures.shape[1]), np.int64)
        sums[1:] = np.cumsum(measures[order], axis=0)[ends]
        return cls(keys[ends], sums)

    def merge(self, other: _CellPart) -> _CellPart:
        measures = np.concatenate([np.diff(self.sums, axis=0), np.diff(other.sums, axis=0)])
        return _CellPart.build(np.concatenate([self.keys, other.keys]), measures)


@dataclass(frozen=True)
class Counted:
    """Answers for Q queries."""

    windows: list[np.ndarray]  #: one int64 [Q, M] for each window
    first: np.ndarray  #: int64 [Q] period of the key's first event, -1 if none is before the query's period
    last: np.ndarray  #: int64 [Q] period of the key's latest event before the query's period, -1 if none


class CountCells:
    """Counts of one kind of key (say user × topic), with M measures an event (shown, clicked, …)."""

    def __init__(self, measures: int) -> None:
        self._measures = measures
        self._parts = [_CellPart.build(np.empty(0, np.int64), np.empty((0, measures), np.int64))]

    def append(self, keys: np.ndarray, periods: np.ndarray, measures: np.ndarray) -> None:
        """Add events: keys int64 [n] of `pair_key`, periods int64 [n] ≥ 0, measures integer [n, M].

        The first call fills the base; later ones cost in proportion to what was appended since.

        Raises:
            ValueError: a period outside the range that keys can hold.
        """
        if len(keys) == 0:
            return
        if int(periods.min()) < 0 or int(periods.max()) >= 1 << PERIOD_BITS:
            raise ValueError(
                f"counts span {1 << PERIOD_BITS} hours from the last encoded day on, got hour "
                f"{int(periods.min())} to {int(periods.max())}; encode the days that are due, or retrain"
            )
        part = _CellPart.build((keys << PERIOD_BITS) | periods, measures)
        if len(self._parts[0].keys) == 0:
            self._parts = [part]
            return
        self._parts.append(part)
        while len(self._parts) > 2 and len(self._parts[-2].keys) <= 2 * len(self._parts[-1].keys):
            last = self._parts.pop()
            self._parts[-1] = self._parts[-1].merge(last)

    def query(self, keys: np.ndarray, periods: np.ndarray, windows: tuple[int | None, ...]) -> Counted:
        """Counts strictly before `periods` int64 [Q], for keys int64 [Q].

        Args:
            windows: lengths in periods counted back from each query's period; None is all time.
        """
        low = keys << PERIOD_BITS
        high, inverse = low | periods, None
        if len(high) > FEW:
            # Distinct sorted queries keep the searches close together in memory, and items repeat a lot.
            high, inverse = np.unique(high, return_inverse=True)
            low = high >> PERIOD_BITS << PERIOD_BITS
        totals = [np.zeros((len(high), self._measures), np.int64) for _ in windows]
        first = np.full(len(high), np.iinfo(np.int64).max)
        last = np.full(len(high), -1, np.int64)
        for part in self._parts:
            if len(part.keys) == 0:
                continue
            # Of a mapped file its plain array: its own class costs more than a search, for few questions.
            known, sums = part.keys.view(np.ndarray), part.sums.view(np.ndarray)
            end = known.searchsorted(high)
            begin = known.searchsorted(low)
            upper = sums[end]
            for total, window in zip(totals, windows, strict=True):
                start = begin
                if window is not None:
                    start = known.searchsorted(np.maximum(high - window, low))
                total += upper - sums[start]
            seen = np.flatnonzero(end > begin)
            if len(seen):
                first[seen] = np.minimum(first[seen], known[begin[seen]] - low[seen])
                last[seen] = np.maximum(last[seen], known[end[seen] - 1] - low[seen])
        first[last < 0] = -1
        if inverse is None:
            return Counted(totals, first, last)
        return Counted([total[inverse] for total in totals], first[inverse], last[inverse])

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything as one part: `keys`, `sums`."""
        whole = self._parts[0]
        for part in self._parts[1:]:
            whole = whole.merge(part)
        return {"keys": whole.keys, "sums": whole.sums}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> CountCells:
        """The counts that `arrays` gave, the arrays used as they are (they may be memory-mapped)."""
        cells = cls(arrays["sums"].shape[1])
        cells._parts = [_CellPart(arrays["keys"], arrays["sums"])]
        return cells

    def events(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Everything: keys int64 [N], periods int64 [N], measures [N, M], sorted by (key, period)."""
        whole = self.arrays()
        keys, periods = whole["keys"] >> PERIOD_BITS, whole["keys"] & ((1 << PERIOD_BITS) - 1)
        return keys, periods, np.diff(whole["sums"], axis=0)

    @classmethod
    def of_sorted(cls, keys: np.ndarray, periods: np.ndarray, sums: np.ndarray) -> CountCells:
        """Counts of cells that are sorted by (key, period) and unique, with their running sums [N + 1, M]."""
        return cls.from_arrays({"keys": (keys << PERIOD_BITS) | periods, "sums": sums})
