"""How far scores can be taken as probabilities: log-loss, calibration bins, expected calibration error."""

from __future__ import annotations

import math

import numpy as np

from models.metrics.areas import Ordered, finite

BINS = 10


def log_loss(labels: np.ndarray, scores: np.ndarray) -> float:
    """Mean cross-entropy in nats of probabilities [E], kept 1e-7 away from 0 and 1; NaN without exposures.

    Raises:
        NotFinite: some scores are NaN or infinite.
    """
    if len(labels) == 0:
        return math.nan
    p = np.clip(finite(scores).astype(np.float64), 1e-7, 1 - 1e-7)
    return float(-np.mean(np.where(np.asarray(labels, bool), np.log(p), np.log1p(-p))))


def calibration_sums(labels: np.ndarray, scores: np.ndarray, ordered: Ordered) -> np.ndarray:
    """Sums of predictions, clicks and exposures in ten bins of equally many exposures: float64 [10, 3].

    Bins are tenths of the exposures by score, lowest first; equal scores share a bin, so that a bin may be
    larger or empty. `ordered` are the scores, sorted.
    """
    starts = np.flatnonzero(ordered.new)
    sizes = np.diff(np.append(starts, len(scores)))
    bins = np.repeat((starts + sizes / 2) * BINS // max(len(scores), 1), sizes).astype(np.int64)
    columns = (scores[ordered.order], np.asarray(labels, float)[ordered.order], None)
    return np.stack([np.bincount(bins, weights, BINS) for weights in columns], axis=1)


def expected_calibration_error(sums: np.ndarray) -> float | None:
    """ECE: |mean prediction − click rate| of bins [10, 3] of `calibration_sums`, weighted by exposures."""
    exposures = sums[:, 2].sum()
    return float(np.abs(sums[:, 0] - sums[:, 1]).sum() / exposures) if exposures else None
