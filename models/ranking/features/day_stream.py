"""A service day's events by hour, and the rates of everything as at each hour's start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.ranking.features.count_columns import SHOWN
from models.ranking.features.dense_counts import DenseCounts, running

HOURS = 24
#: of each measure, bool [n] which events count; None: all
Masks = Sequence[np.ndarray | None]


@dataclass(frozen=True)
class DayStream:
    """The hours of a day's events, which are sorted by time, and what is counted of them."""

    start: int  #: period of the day's hour 0
    hours: np.ndarray  #: uint8 [n] of the day
    bounds: list[int]  #: [25] first event of each hour
    masks: Masks

    @classmethod
    def of(cls, start: int, periods: np.ndarray, masks: Masks) -> DayStream:
        """Args: start, periods int64 [n] ascending: of the day's hour 0, and of its events."""
        bounds = np.searchsorted(periods, start + np.arange(HOURS + 1))
        hours = np.repeat(np.arange(HOURS, dtype=np.uint8), np.diff(bounds))
        return cls(start, hours, bounds.tolist(), masks)


@dataclass(frozen=True)
class Overall:
    """The rates of everything, as at the start of each hour: what rates are relative to."""

    rates: np.ndarray  #: float64 [24, M], column 0 unused
    smoothing: float

    @classmethod
    def none(cls) -> Overall:
        """Where no column asks."""
        return cls(np.empty((HOURS, 0)), 1.0)

    @classmethod
    def of(cls, counts: DenseCounts, stream: DayStream, smoothing: float) -> Overall:
        """The day's, from the counts of everything before it."""
        hourly = np.zeros((HOURS + 1, len(stream.masks)), np.int64)
        for m, mask in enumerate(stream.masks):
            hourly[1:, m] = np.diff(stream.bounds if mask is None else running(mask)[stream.bounds])
        before = counts.rows(np.zeros(1, np.int64)) + np.cumsum(hourly, axis=0)[:HOURS]
        return cls(overall_rates(before), smoothing)


def overall_rates(everything: np.ndarray) -> np.ndarray:
    """Rates float64 [Q, M] of counts [Q, M] of everything; one imagined click among two exposures keeps the
    first hour's off zero."""
    return (everything + 1.0) / (everything[:, [SHOWN]] + 2.0)
