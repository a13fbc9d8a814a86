"""The lists that exposures were shown in, and where each exposure stands in its list.

All candidates of a list are known when it is served, and so are their codes; what came of them is not, and
is not read here. Nothing depends on the order of a list's rows, and everything is relative to its length: who
ranks hundreds of candidates asks of lists longer than those that were shown. A list that straddles the turn
of an hour counts as two, each with the counts of its own hour.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from models.ranking.features.bins import PLACE_BINS, RATE_BINS, RATE_MIDDLE, difference_bins, place_bins
from models.ranking.features.codes import FieldSpec
from models.ranking.features.ordering import boundaries, stable_order

VALUES = 32  #: codes of a compared column lie below
BLOCK = 1 << 12  #: lists that are compared at once, so that their histograms stay in a processor's cache

#: what candidates are compared by: name → column of the codes
COMPARED = {
    "age": "item_age",
    "shown": "count_item_24h_shown",
    "rate": "count_item_all_click_rate",
    "recent_rate": "count_item_24h_click_rate",
}
RATES = ("rate", "recent_rate")  #: of which the difference from the list's mean is a field too
AFFINITY = "count_user_field{}_all_click_rate"  #: summed over fields: how the user takes to items of the kind


@dataclass(frozen=True)
class Lists:
    """Which of N exposures were shown together: L lists that hold n of them."""

    size: int  #: N
    rows: np.ndarray  #: int32 [n] exposures whose list is known, list by list
    starts: np.ndarray  #: int64 [L + 1] first of each list among `rows`

    @classmethod
    def of(cls, request: np.ndarray, periods: np.ndarray) -> Lists:
        """Group exposures by request and period, int64 [N] each; a request below 0 is unknown."""
        heads = np.flatnonzero(boundaries(request, periods))
        lengths = np.diff(np.append(heads, len(request)))
        known = request[heads] >= 0
        heads, lengths = heads[known], lengths[known]
        by_request = np.lexsort((periods[heads], request[heads]))
        new = boundaries(request[heads[by_request]], periods[heads[by_request]])
        first = by_request[np.flatnonzero(new)]  # lexsort is stable: a list's first run
        number = np.empty(len(first), np.int32)
        number[np.argsort(first)] = np.arange(len(first))  # in order of first appearance
        of_run = np.empty(len(heads), np.int32)
        of_run[by_request] = number[np.cumsum(new) - 1]
        of_row = np.repeat(of_run, lengths)
        within = np.arange(len(of_row)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        rows = (np.repeat(heads, lengths) + within).astype(np.int32)
        if bool((of_run[1:] < of_run[:-1]).any()):
            rows = rows[stable_order(of_row, len(first))]
        starts = np.zeros(len(first) + 1, np.int64)
        np.cumsum(np.bincount(of_row, minlength=len(first)), out=starts[1:])
        return cls(len(request), rows, starts)

    @property
    def lengths(self) -> np.ndarray:
        """How many exposures each list holds, int64 [L]."""
        return np.diff(self.starts)

    def blocks(self) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
        """Some lists after another: their places in `rows`, the list [k] of each from 0 on, the lengths."""
        for first in range(0, len(self.starts) - 1, BLOCK):
            bounds = self.starts[first : first + BLOCK + 1]
            lengths = np.diff(bounds)
            yield slice(bounds[0], bounds[-1]), np.repeat(np.arange(len(lengths)), lengths), lengths

    def spread(self, bins: np.ndarray) -> np.ndarray:
        """Bins uint8 [n] of `rows` for all exposures, uint8 [N]; 0 where no list is known."""
        out = np.zeros(self.size, np.uint8)
        out[self.rows] = bins
        return out


def list_specs(names: Sequence[str], item_fields: int) -> list[FieldSpec]:
    """The fields of `list_columns`, for codes with columns of these names."""
    specs = []
    for name in _compared(names):
        specs.append(FieldSpec(f"list_place_{name}", "bins", PLACE_BINS, "place"))
        if name in RATES:
            specs.append(FieldSpec(f"list_over_{name}", "bins", RATE_BINS, "rate"))
    return specs + [FieldSpec(f"list_same_field{f}", "bins", PLACE_BINS, "place") for f in range(item_fields)]


def list_columns(
    lists: Lists, names: Sequence[str], columns: Sequence[np.ndarray], fields: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """Bins uint8 [N] of each of `list_specs`.

    Args:
        lists: of the N exposures.
        names: of the columns.
        columns: codes [N] of the exposures by what is known before their hour.
        fields: codes [N] of each item field.
    """
    rows = lists.rows
    out, at = [], dict(zip(names, columns, strict=True))
    for name in _compared(names):
        values = _affinity(at, rows) if name == "affinity" else at[COMPARED[name]][rows]
        if name in RATES:  # nothing shown is no news: the overall rate
            values = np.where(values == 0, RATE_MIDDLE, values)
        passed, over = _standing(lists, values)
        out.append(lists.spread(passed))
        if name in RATES:
            out.append(lists.spread(over))
    return out + [lists.spread(_alike(lists, codes[rows])) for codes in fields]


def _compared(names: Sequence[str]) -> list[str]:
    chosen = [name for name, column in COMPARED.items() if column in names]
    return [*chosen, "affinity"] if AFFINITY.format(0) in names else chosen


def _affinity(at: dict[str, np.ndarray], rows: np.ndarray) -> np.ndarray:
    """The user's rates with the item's fields, summed as logarithms, on the bins of one rate."""
    total = np.zeros(len(rows), np.int16)
    f = 0
    while (name := AFFINITY.format(f)) in at:
        bins = at[name][rows]
        total += np.where(bins == 0, 0, bins.astype(np.int16) - RATE_MIDDLE)
        f += 1
    return np.clip(total // 2 + VALUES // 2, 1, VALUES - 1).astype(np.uint8)


def _standing(lists: Lists, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bins uint8 [n] of each value's place in its list and of its difference from the list's mean.

    Args:
        values: uint8 [n] below `VALUES`, in the order of `lists.rows`.
    """
    passed, over = np.empty(len(values), np.uint8), np.empty(len(values), np.uint8)
    steps = np.arange(VALUES)
    for part, number, lengths in lists.blocks():
        here = values[part]
        cell = number * VALUES + here
        counts = np.bincount(cell, minlength=len(lengths) * VALUES)
        below = np.cumsum(counts.reshape(-1, VALUES), axis=1).reshape(-1)
        alike, others = counts[cell], lengths[number] - 1
        # Twice the number of others that are below, a tie counting as half.
        twice = 2 * (below[cell] - alike) + alike - 1
        passed[part] = place_bins(twice, 2 * others)
        mean = counts.reshape(-1, VALUES) @ steps / lengths
        over[part] = difference_bins(here - mean[number])
    return passed, over


def _alike(lists: Lists, codes: np.ndarray) -> np.ndarray:
    """Bins uint8 [n] of the share of others in the list with the same code; 0 where it is unknown."""
    number = np.repeat(np.arange(len(lists.lengths)), lists.lengths)
    order = np.argsort((number << 32) | (codes.astype(np.int64) + 1))
    heads = np.flatnonzero(boundaries(number[order], codes[order]))
    lengths = np.diff(np.append(heads, len(order)))
    others = np.empty(len(order), np.int64)
    others[order] = np.repeat(lengths - 1, lengths)
    return place_bins(others, lists.lengths[number] - 1) * (codes >= 0)
