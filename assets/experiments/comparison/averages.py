"""Means of figures that may be missing, and their errors over days and seeds."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import fmean

import numpy as np


def mean(values: Iterable[float | None]) -> float | None:
    """Mean of the values that are known; None of nothing."""
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def mean_and_error(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard error of [seeds, days, K] at each K, NaN where there is no value.

    Seeds of one day share its exposures, so that they are averaged first and the error is over days; with
    one day it is over seeds, with one of both there is none.
    """
    days = table.shape[1]
    each = known_mean(table, 0) if days > 1 else table[:, 0]
    count = (~np.isnan(each)).sum(axis=0)
    means = known_mean(each, 0)
    squares = np.nansum((each - means) ** 2, axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        error = np.sqrt(squares / (count - 1) / count)
    error[count < 2] = np.nan
    return means, error


def known_mean(table: np.ndarray, axis: int) -> np.ndarray:
    """Mean of what is not NaN; NaN of nothing, without a warning."""
    count = (~np.isnan(table)).sum(axis=axis)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(count > 0, np.nansum(table, axis=axis) / count, np.nan)
