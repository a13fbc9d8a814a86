"""From scores to an audience: the best users in order, how they stand among all, and whom they resemble.

Pure functions over arrays, made for millions of users on one core: a partition in place of a full sort, one
matrix product a block for the explanation, and no loop over users. Equal scores are ordered by position,
which is the order of user ids, so that two runs give the same audience.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.profiling.data import MISSING
from models.profiling.profiler import unit_rows

EXPLAINED_BY = 3  #: nearest customers named for each prospect
BLOCK = 1 << 21  #: pairs of a prospect and a customer that are compared at a time, 8 MiB


@dataclass(frozen=True)
class Audience:
    """N prospects, best first, and the customers that each is nearest to."""

    user: np.ndarray  #: int64 [N] positions
    score: np.ndarray  #: float64 [N]
    percentile: np.ndarray  #: float64 [N], 0 to 100: share of the candidates with a lower score
    nearest: np.ndarray  #: int64 [N, E] positions of customers, nearest first; E = 0 without vectors
    similarity: np.ndarray  #: float32 [N, E] cosine
    candidates: int  #: users that were ranked

    def __len__(self) -> int:
        return len(self.user)


def prospect(
    scores: np.ndarray,
    customers: np.ndarray,
    top: int,
    *,
    vectors: np.ndarray | None = None,
    keep_customers: bool = False,
) -> Audience:
    """The `top` best users by score.

    Args:
        scores: float [U].
        customers: int64 [K] positions; they are left out unless `keep_customers`.
        top: size of the audience; fewer where there are fewer candidates.
        vectors: float32 [U, d] in which near users are alike (by cosine); None leaves the explanation empty.
        keep_customers: rank the customers too.

    Raises:
        ValueError: `top` is not positive, or a score is not finite.
    """
    if top < 1:
        raise ValueError(f"an audience of {top} users: the size must be at least 1")
    if not np.isfinite(scores).all():
        position = int(np.flatnonzero(~np.isfinite(scores))[0])
        raise ValueError(
            f"the score of user position {position} is {scores[position]}: train the model again"
        )
    candidates = np.ones(len(scores), dtype=bool)
    if not keep_customers:
        candidates[customers] = False
    user = best(scores, candidates, top)
    nearest, similarity = nearest_customers(vectors, user, customers)
    return Audience(
        user=user,
        score=scores[user].astype(np.float64),
        percentile=percentile(scores, candidates, user),
        nearest=nearest,
        similarity=similarity,
        candidates=int(candidates.sum()),
    )


def best(scores: np.ndarray, candidates: np.ndarray, top: int) -> np.ndarray:
    """Positions of the `top` highest scores among `candidates` (bool [U]), best first, ties by position."""
    users = np.flatnonzero(candidates)
    reach = scores[users]
    if top < len(users):
        bar = np.partition(reach, len(reach) - top)[len(reach) - top]
        above = users[reach > bar]
        users = np.concatenate([above, users[reach == bar][: top - len(above)]])
    return users[np.lexsort((users, -scores[users]))]


def percentile(scores: np.ndarray, candidates: np.ndarray, users: np.ndarray) -> np.ndarray:
    """Share of the candidates with a lower score than each of `users` (sorted, best first), 0 to 100.

    Only candidates that reach the lowest of these scores are sorted.
    """
    if len(users) == 0:
        return np.zeros(0)
    total = int(candidates.sum())
    reach = np.sort(scores[candidates & (scores >= scores[users[-1]])])
    below = total - len(reach) + np.searchsorted(reach, scores[users], side="left")
    return 100.0 * below / total


def unit_length(vectors: np.ndarray) -> np.ndarray:
    """Rows of length 1, float32 [U, d], whatever they are stored as."""
    return unit_rows(vectors).astype(np.float32)


def nearest_customers(
    vectors: np.ndarray | None, users: np.ndarray, customers: np.ndarray, count: int = EXPLAINED_BY
) -> tuple[np.ndarray, np.ndarray]:
    """The customers most similar to each user, nearest first, never the user itself.

    Args:
        vectors: float32 [U, d] of any length, or None; only the rows of `users` and `customers` are read.
        users: int64 [N] positions.
        customers: int64 [K] positions.
        count: customers a user; fewer where there are not as many.

    Returns:
        positions int64 [N, E] and cosines float32 [N, E]; equal cosines by position. A user who is the only
        customer has nobody to be near to: MISSING and NaN.
    """
    customers = np.unique(customers)
    count = 0 if vectors is None else min(count, len(customers))
    nearest = np.empty((len(users), count), dtype=np.int64)
    similarity = np.empty((len(users), count), dtype=np.float32)
    if vectors is None or count == 0:
        return nearest, similarity
    known = np.ascontiguousarray(unit_length(vectors[customers]).T)
    rows = max(1, BLOCK // len(customers))
    for start in range(0, len(users), rows):
        block = users[start : start + rows]
        cosine = unit_length(vectors[block]) @ known
        itself = np.minimum(np.searchsorted(customers, block), len(customers) - 1)
        is_customer = np.flatnonzero(customers[itself] == block)
        cosine[is_customer, itself[is_customer]] = -np.inf
        row = np.arange(len(block))
        for rank in range(count):  # three passes over a row cost less than sorting it
            column = cosine.argmax(axis=1)
            value = cosine[row, column]
            nearest[start + row, rank] = np.where(value > -np.inf, customers[column], MISSING)
            similarity[start + row, rank] = np.where(value > -np.inf, value, np.nan)
            cosine[row, column] = -np.inf
    return nearest, similarity
