"""All-time counts of pairs (user × item, user × field value), of which there are too many to rewrite nightly.

What is held through the end of the last day taken in is three runs of totals, each sorted by pair: `old`,
rewritten every eighth day; `new`, rewritten nightly, with the pairs that were met since; `day`, those of the
last day. The row of the newest run holds the pair's whole total, so a look-up ends at the first run that
knows the pair. A pair that was not met for `pair_days` days begins anew; the day on which it was last met is
held and asked, so that counts do not depend on when runs are merged, and merging leaves such pairs out: that
bounds what is held by the pairs of `pair_days` days, each 8 bytes for its key, 2 for its day, 2–10 for its
counts.

What the hours of the day after append lies apart, a table of cells a day.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from models.ranking.features import pair_runs
from models.ranking.features.cells import FEW, CountCells
from models.ranking.features.named_arrays import named, part_of
from models.ranking.features.pair_runs import PairRun, merged

BLOCK = 8  #: days after which `new` becomes part of `old`
DAY = 24  # hours


class PairCounts:
    """Counts of one kind of pair, with M measures an event of which the first counts every event."""

    def __init__(self, measures: int, pair_days: int | None) -> None:
        self.measures = measures
        #: days that a pair lives on without being met; None: it lives for ever
        self.pair_days = 1 << 15 if pair_days is None else pair_days
        self.old = self.new = self.day = PairRun.empty(measures)
        self.block = 0  #: the eight days that `new` belongs to
        self.last_day = 0  #: the day that `day` holds, counted from the history's first
        self.settled = True  #: whether the last day is part of the runs before it
        self.pending: dict[int, CountCells] = {}  #: of the hours appended since, by day

    def append(self, keys: np.ndarray, hours: np.ndarray, measures: np.ndarray) -> None:
        """Add events of hours since the last day taken in.

        Args:
            keys: int64 [n] of `pair_key`.
            hours: int64 [n], counted from hour 0 of the history's first day.
            measures: integer [n, M].
        """
        days = hours // DAY
        for day in np.unique(days).tolist():
            at = days == day
            cells = self.pending.setdefault(day, CountCells(self.measures))
            cells.append(keys[at], hours[at] % DAY, measures[at])

    def query(self, keys: np.ndarray, hours: np.ndarray) -> np.ndarray:
        """Counts int64 [Q, M] strictly before `hours` int64 [Q], none from before the last one taken in.

        Args:
            keys: int64 [Q] of `pair_key`.
        """
        if len(keys) <= min(FEW, pair_runs.FEW):  # a run takes as many in any order
            totals, last = self.look_up(keys)
            sums = totals.T.astype(np.int64)
        else:
            distinct, inverse = np.unique(keys, return_inverse=True)
            totals, last = self.look_up(distinct)
            sums, last = totals.T.astype(np.int64)[inverse], last[inverse]
        for day, cells in sorted(self.pending.items()):
            before = np.clip(hours - day * DAY, 0, DAY)
            today = cells.query(keys, before, (None,)).windows[0]
            met = today[:, 0] > 0
            sums[met & (day - last > self.pair_days)] = 0
            sums += today
            last[met] = day
        sums[hours // DAY - last > self.pair_days] = 0
        return sums

    def look_up(self, keys: np.ndarray, day: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Totals int32 [M, Q] through the last day taken in, and the day last met int32 [Q].

        Args:
            keys: int64 [Q], ascending if they are more than `pair_runs.FEW`.
            day: as at this day: pairs that begin anew by then count nothing; None: nothing is left out.
        """
        sums, last = np.zeros((self.measures, len(keys)), np.int32), np.zeros(len(keys), np.int32)
        unknown = np.arange(len(keys))
        for run in (self.day, self.new, self.old):
            unknown = run.find(keys, sums, last, unknown)
        if day is not None:
            sums[:, day - last > self.pair_days] = 0
        return sums, last

    def settle(self) -> None:
        """Merge the last day into the runs before it, in memory, if that is not done yet."""
        if not self.settled:
            old, new = self._runs()
            self.old = self.old if old is None else pair_runs.joined(old)
            self.new, self.day = pair_runs.joined(new), PairRun.empty(self.measures)
            self.block, self.settled = self.last_day // BLOCK, True

    def take_day(self, day: int, run: PairRun) -> None:
        """Make `run` the last day: the whole totals of every pair that was met on it. Settle first."""
        self.day, self.last_day, self.settled = run, day, False

    def save(self, folder: Path, prefix: str) -> dict[str, np.ndarray]:
        """Settle by writing the merged runs, without holding them in memory: the files are mapped after that.

        Returns:
            What is left to write as it is, by name: what does not change.
        """
        left = {f"pending{day}": cells.arrays() for day, cells in self.pending.items()}
        old, new = (None, None) if self.settled else self._runs()
        if old is None:
            left["old"] = self.old.columns
        else:
            self.old = pair_runs.write(old, folder, f"{prefix}.old")
        if new is None:
            left["new"] = self.new.columns
        else:
            self.new, self.day = pair_runs.write(new, folder, f"{prefix}.new"), PairRun.empty(self.measures)
        self.block, self.settled = self.last_day // BLOCK, True
        return named(left)

    @classmethod
    def from_arrays(
        cls, measures: int, pair_days: int | None, last_day: int, arrays: Mapping[str, np.ndarray]
    ) -> PairCounts:
        """The counts that were saved through `last_day`; the arrays may be memory-mapped."""
        counts = cls(measures, pair_days)
        counts.last_day, counts.block = last_day, last_day // BLOCK
        counts.old, counts.new = (PairRun.from_arrays(part_of(arrays, run)) for run in ("old", "new"))
        days = sorted({name.split(".")[0] for name in arrays} - {"old", "new"})
        counts.pending = {
            int(day.removeprefix("pending")): CountCells.from_arrays(part_of(arrays, day)) for day in days
        }
        return counts

    def _runs(self) -> tuple[Iterator[PairRun] | None, Iterator[PairRun]]:
        """What becomes of `old` (None: it stays) and of `new` as the last day is merged into them."""
        oldest = self.last_day - self.pair_days
        if self.last_day // BLOCK == self.block:
            return None, merged(self.new, self.day, oldest)
        empty = PairRun.empty(self.measures)
        return merged(self.old, self.new, oldest), merged(empty, self.day, oldest)
