"""The fixed bins that make categories of counts, rates and ages: they hold on a log that nobody has seen."""

from __future__ import annotations

import numpy as np

COUNT_BINS = 32
#: 0 where nothing was shown, else 25 steps of 0.2 in log2(rate / overall rate), from -2.4 to 2.4
RATE_BINS = 26
RATE_MIDDLE = 13  #: the bin of the overall rate
PLACE_BINS = 12  #: 0 where nothing is known, else 11 places from last to first
#: minutes: fine below three hours, in which most news are read
AGE_LIMITS = np.array(
    [0, 2, 5, 10, 15, 20, 30, 40, 50, 60, 75, 90, 120, 150, 180, 240, 360, 480, 720]
    + [60 * hours for hours in (18, 24, 36, 48, 72, 120, 168, 336, 720, 2160)]
)
AGE_BINS = len(AGE_LIMITS) + 2

BLOCK = 1 << 16  # rows whose intermediate numbers lie in memory at once

_LAST_BIN_FROM = 46_340  #: the smallest count of the last bin, 2^15.5 - 1 rounded up
_BIN_OF_COUNT = np.floor(2 * np.log2(1.0 + np.arange(_LAST_BIN_FROM + 1))).astype(np.uint8)


def count_bins(count: np.ndarray) -> np.ndarray:
    """Bins uint8 of integer counts ≥ 0: 0, 1, 2, 3, then two bins for each doubling."""
    return _BIN_OF_COUNT[np.minimum(count, _LAST_BIN_FROM)]


def rate_bins(
    hits: np.ndarray, shown: np.ndarray, overall: np.ndarray | float, smoothing: float
) -> np.ndarray:
    """Bins uint8 [N] of smoothed rates relative to the overall rate; 0 where nothing was shown.

    Args:
        hits, shown: integers [N].
        overall: [N], or one for all.
    """
    out = np.empty(len(hits), np.uint8)
    for first in range(0, len(hits), BLOCK):
        at = slice(first, first + BLOCK)
        base = overall[at] if isinstance(overall, np.ndarray) else overall
        steps = np.log2((hits[at] + smoothing) / (shown[at] * base + smoothing)) / 0.2
        out[at] = (np.clip(np.rint(steps), -12, 12) + RATE_MIDDLE) * (shown[at] != 0)
    return out


def group_bins(steps: np.ndarray, of_one: int) -> np.ndarray:
    """Bins uint8 of how far groups are from what is expected, from 1 on; 25 steps of 0.1 in log2.

    Args:
        steps: integers, so many to a binary logarithm as `of_one` says.
    """
    return (np.clip(np.rint(steps * (10 / of_one)), -12, 12) + RATE_MIDDLE).astype(np.uint8)


def difference_bins(steps: np.ndarray) -> np.ndarray:
    """Bins uint8 of differences between rates, in steps of `rate_bins`: from 1 on, the middle for none."""
    return (np.clip(np.rint(steps), -12, 12) + RATE_MIDDLE).astype(np.uint8)


def place_bins(passed: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Bins uint8 of places in a list, from 1 (last) on; the middle where there is nobody else.

    Args:
        passed, others: integers, so many of how many others.
    """
    steps = PLACE_BINS - 2
    share = np.where(others == 0, 0.5, passed / np.maximum(others, 1))
    return (1 + np.rint(steps * share)).astype(np.uint8)


def age_bins(minutes: np.ndarray) -> np.ndarray:
    """Bins uint8 of ages, from 1 on (below zero: not published yet); 0 is for unknown."""
    return (1 + np.searchsorted(AGE_LIMITS, minutes, side="right")).astype(np.uint8)
