"""The fixed bins that make categories of counts, rates and ages: they hold on a log that nobody has seen."""

from __future__ import annotations

import numpy as np

COUNT_BINS = 32
#: 0 where nothing was shown, else 25 steps of 0.2 in log2(rate / overall rate), from -2.4 to 2.4
RATE_BINS = 26
AGE_LIMITS = np.array([0, 1, 2, 3, 4, 6, 8, 12, 18, 24, 36, 48, 72, 120, 168, 336, 720, 2160])  # hours

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
        out[at] = (np.clip(np.rint(steps), -12, 12) + 13) * (shown[at] != 0)
    return out


def age_bins(hours: np.ndarray) -> np.ndarray:
    """Bins uint8 of ages in hours, from 1 on (below zero: younger than the hour itself); 0 is for unknown."""
    return (1 + np.searchsorted(AGE_LIMITS, hours, side="right")).astype(np.uint8)
