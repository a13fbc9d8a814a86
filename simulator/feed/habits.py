"""Hours of the day: when people read, when newsrooms publish."""

from __future__ import annotations

import numpy as np

#: share of a day's clicks by local hour, measured on real news logs
READING = np.array(
    [
        *(0.020, 0.011, 0.006, 0.005, 0.006, 0.011, 0.024, 0.043, 0.062, 0.054, 0.057, 0.061),
        *(0.063, 0.068, 0.064, 0.064, 0.064, 0.060, 0.051, 0.047, 0.045, 0.042, 0.041, 0.032),
    ]
)
READING = READING / READING.sum()

#: newsrooms publish by day, a little ahead of their readers, and never stop wholly at night
PUBLISHING = 0.8 * np.roll(READING, -1) + 0.2 / 24

CHRONOTYPES = 3  #: morning, afternoon and night readers


def chronotype_weights(hour_of_day: int, strength: float) -> np.ndarray:
    """How much more than the average each chronotype reads at an hour, [CHRONOTYPES]; the mean is 1."""
    peaks = np.arange(CHRONOTYPES) * 24 / CHRONOTYPES + 7
    return 1 + strength * np.cos(2 * np.pi * (hour_of_day - peaks) / 24)
