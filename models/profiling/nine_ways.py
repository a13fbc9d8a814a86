"""N ways scored against each other, as printed (3.2): the probability that a user belongs to the first.

Each way has a support of its own, the same system scores all of them, and a softmax over the ways says to
which a user belongs. A score that only tells how active a user is cancels: it is alike for every way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np

from models.profiling.profiler import Scorer


@runtime_checkable
class WayScorer(Protocol):
    """A profiler that can score several ways together, in units in which they may be compared."""

    def ways(self, supports: Sequence[np.ndarray]) -> np.ndarray:
        """Logits of N ways, float64 [N, U], from the users known of each, int64 positions."""


def way_scores(scorer: Scorer, supports: Sequence[np.ndarray]) -> np.ndarray:
    """Scores of N ways, float64 [N, U]: the logits of a `WayScorer`, else one `score` a way."""
    if isinstance(scorer, WayScorer):
        return scorer.ways(supports)
    return np.stack([scorer.score(support) for support in supports])


def first_way(scores: np.ndarray) -> np.ndarray:
    """Log-probability of the first way under a softmax over ways, float64 [U], of scores [N, U].

    NaN where a score is not known.
    """
    largest = scores.max(0)
    return scores[0] - largest - np.log(np.exp(scores - largest).sum(0))


def accuracy(scores: np.ndarray, members: np.ndarray) -> float | None:
    """Of N ways, the mean over ways of the share of their members whose highest score is that way's.

    Chance is 1/N, and so is whatever reads no support: a constant order, one way always, activity. Whoever
    belongs to several ways counts in each of them, so that 1 cannot be reached. Equal scores share the user.

    Args:
        scores: [N, U], of users who are asked about.
        members: bool [N, U], who belongs to which way.

    Returns:
        None where a way has no member among them: chance would not be 1/N.
    """
    if not members.any(1).all():
        return None
    highest = scores == scores.max(0)
    share = highest / highest.sum(0)
    return float(((share * members).sum(1) / members.sum(1)).mean())
