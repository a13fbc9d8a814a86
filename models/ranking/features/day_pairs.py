"""Columns of a day over pairs, which are sorted by (pair, time), one kind at a time.

What came before an instance's hour is its pair's total before the day plus its place in the sorted day.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.ranking.features.bins import count_bins, rate_bins
from models.ranking.features.cells import pair_key
from models.ranking.features.count_columns import SHOWN, CountColumn
from models.ranking.features.day_stream import Overall
from models.ranking.features.dense_counts import running
from models.ranking.features.ordering import Ranks, boundaries, stable_order
from models.ranking.features.pair_counts import PairCounts
from models.ranking.features.pair_runs import PairRun


@dataclass(frozen=True)
class PairOrder:
    """The day's instances sorted by (pair, time): N rows in R runs (pair and hour) of G groups (pairs)."""

    order: np.ndarray  #: int32 [N] instance of each row
    keys: np.ndarray  #: int64 [G] pair keys, ascending
    groups: np.ndarray  #: int32 [G + 1] first row of each group
    runs: np.ndarray  #: int32 [R + 1] first row of each run
    group: np.ndarray  #: int32 [R] group of each run
    hours: np.ndarray  #: uint8 [R] hour of each run

    @classmethod
    def of(cls, first: Ranks, second: Ranks, hours: np.ndarray) -> PairOrder:
        """Pairs of two keys of each instance; hours uint8 [N]."""
        order = stable_order(second.local, len(second))
        order = order[stable_order(first.local[order], len(first))]
        a, b, hours = first.local[order], second.local[order], hours[order]
        new_group = boundaries(a, b)
        groups = np.flatnonzero(new_group)
        runs = np.flatnonzero(new_group | boundaries(hours))
        keys = pair_key(first.distinct[a[groups]], second.distinct[b[groups]])
        group = np.cumsum(new_group[runs], dtype=np.int32) - 1
        bounds = [np.append(starts, len(order)).astype(np.int32) for starts in (groups, runs)]
        return cls(order, keys, bounds[0], bounds[1], group, hours[runs])

    def spread(self, bins: np.ndarray) -> np.ndarray:
        """Bins uint8 [R] of the runs for each instance, uint8 [N]."""
        out = np.empty(len(self.order), np.uint8)
        out[self.order] = np.repeat(bins, np.diff(self.runs))
        return out


def encode(
    counts: PairCounts,
    pairs: PairOrder,
    day: int,
    clicked: np.ndarray,
    columns: list[CountColumn],
    overall: Overall,
) -> tuple[dict[str, np.ndarray], PairRun]:
    """Columns uint8 [N] of a kind of pair over exposures, by name, and the day's run to take in.

    Args:
        counts: of the kind, before the day's events.
        pairs: of the N instances.
        day: the day, counted from the history's first.
        clicked: bool [N].
        columns: of the kind, counts and rates.
    """
    totals, _ = counts.look_up(pairs.keys, day)
    out: dict[str, np.ndarray] = {}
    measured: list[np.ndarray] = []
    for m, running_sum in enumerate((None, running(clicked[pairs.order]))):
        at_groups = pairs.groups if running_sum is None else running_sum[pairs.groups]
        if columns:
            at_runs = pairs.runs[:-1] if running_sum is None else running_sum[pairs.runs[:-1]]
            measured.append(at_runs + (totals[m] - at_groups[:-1])[pairs.group])
        totals[m] += np.diff(at_groups)
    for column in columns:
        if column.value == "rate":
            rates = overall.rates[:, column.measure][pairs.hours]
            bins = rate_bins(measured[column.measure], measured[SHOWN], rates, overall.smoothing)
        else:
            bins = count_bins(measured[column.measure])
        out[column.name] = pairs.spread(bins)
    return out, PairRun.of_day(pairs.keys, [*totals], day)


def encode_external(
    counts: PairCounts,
    pairs: PairOrder,
    day: int,
    keys: np.ndarray,
    hours: np.ndarray,
    columns: list[CountColumn],
) -> tuple[dict[str, np.ndarray], PairRun]:
    """Columns uint8 [N] of a kind of pair over external clicks, by name, and the day's run to take in.

    Args:
        counts: of the kind, before the day's events.
        pairs: of the N instances.
        day: the day, counted from the history's first.
        keys: int64 [n] of `pair_key` of the day's external clicks.
        hours: uint8 [n] of the day, when they were received.
        columns: of the kind, counts.
    """
    cells, clicks = np.unique((keys << 5) | hours, return_counts=True)
    sums = np.concatenate([[0], np.cumsum(clicks)])
    begin = np.flatnonzero(boundaries(cells >> 5))
    met = cells[begin] >> 5
    totals, _ = counts.look_up(met, day)
    totals[0] += np.diff(np.append(sums[begin], sums[-1]))
    out: dict[str, np.ndarray] = {}
    for column in columns:
        before = counts.look_up(pairs.keys, day)[0][0][pairs.group]
        at = np.minimum(np.searchsorted(pairs.keys, met), max(len(pairs.keys) - 1, 0))
        has = np.zeros(len(pairs.keys), bool)
        has[at[pairs.keys[at] == met]] = True
        some = np.flatnonzero(has[pairs.group])
        low = pairs.keys[pairs.group[some]] << 5
        before[some] += (
            sums[np.searchsorted(cells, low | pairs.hours[some])] - sums[np.searchsorted(cells, low)]
        ).astype(np.int32)
        out[column.name] = pairs.spread(count_bins(before))
    return out, PairRun.of_day(met, [*totals], day)
