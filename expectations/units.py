"""Units of epoch times: what a number can only be, told by its size."""

from __future__ import annotations

import numpy as np

#: code of `unit_of` → name, and milliseconds of one
UNITS = ((0, "milliseconds", 1.0), (1, "seconds", 1e3), (2, "microseconds", 1e-3), (3, "nanoseconds", 1e-6))
_SECONDS, _MICROSECONDS, _NANOSECONDS = 10**10, 10**14, 10**17


def unit_of(values: np.ndarray) -> np.ndarray:
    """The unit (code of `UNITS`) that epoch times have by their size, int8 [N].

    Under 10¹⁰ it is seconds: as milliseconds that were 1970 until April, as seconds it lasts to 2286. From
    10¹⁴ it is microseconds (as milliseconds the year 5138, as microseconds 1973), from 10¹⁷ nanoseconds. 0
    counts as seconds: it is how 'unknown' is written.
    """
    size = np.abs(values.astype(np.float64))
    return np.select([size < _SECONDS, size >= _NANOSECONDS, size >= _MICROSECONDS], [1, 3, 2], 0).astype(
        np.int8
    )
