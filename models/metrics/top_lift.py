"""How many times as many as by chance stand among the first of a ranking."""

from __future__ import annotations

import numpy as np

from models.metrics.areas import finite


def lift_of_first(labels: np.ndarray, scores: np.ndarray, first: int) -> float | None:
    """Share of positives among the first of a ranking, over their share among all.

    Equal scores count as in random order: of a group of equals that the cut goes through, the positives are
    taken in proportion.

    Args:
        labels: bool [N].
        scores: float [N], the highest first.
        first: how many are the first; where N is smaller, all are, and the lift is 1.

    Returns:
        None without a positive, or where nobody is ranked.

    Raises:
        NotFinite: some scores are NaN or infinite.
        ValueError: `first` is below 1.
    """
    positive, values = np.asarray(labels, bool), finite(scores)
    if first < 1:
        raise ValueError(f"the first {first} of a ranking are nobody: ask for at least 1")
    if not positive.any():
        return None
    group, size = np.unique(-values, return_inverse=True, return_counts=True)[1:]
    hits = np.bincount(group, weights=positive, minlength=len(size))
    cut = min(first, len(values))
    among_first = np.interp(cut, np.r_[0, np.cumsum(size)], np.r_[0.0, np.cumsum(hits)])
    return float(among_first / cut / positive.mean())
