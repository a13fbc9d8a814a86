"""Purchases as an analyst lays them out: items by product type, and how recently, often and much was bought.

Columns are the deepest genres of the path. Every column, weight and scale is that of the train users, from
purchases before the as-of date; a test user's row is built with them and moves nobody else's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import TfidfTransformer

from models.profiling.activity import ACTIVITY_NAMES, activity_columns
from models.profiling.data import ProfileData
from models.profiling.profiler import standardised

LEAST_BUYERS = 5  #: train users that must buy a product type for it to be a column
RECENCY_FREQUENCY_SPEND = ("days_since_last", "baskets_ever", "spend_ever")


@dataclass(frozen=True)
class BasketTable:
    """What every user bought before the as-of date, and who may be learned from."""

    counts: sparse.csr_matrix  #: float64 [U, G] items bought by product type
    activity: np.ndarray  #: float64 [U, 19] `activity_columns`, standardised over train users
    train: np.ndarray  #: bool [U]

    @classmethod
    def of(cls, data: ProfileData, train_users: np.ndarray) -> BasketTable:
        """Count the purchases of `data` by the product types that enough of `train_users` (bool [U]) buy."""
        log, users = data.purchases, len(data)
        level, valid = len(log.genre_names) - 1, ~log.cancelled
        cells = log.user[valid], log.genre[valid, level]
        shape = users, len(log.genre_names[level])
        counts = sparse.csr_matrix((np.ones(len(cells[0])), cells), shape=shape)
        buyers = counts[np.flatnonzero(train_users)].getnnz(axis=0)
        activity = standardised(activity_columns(log, data.as_of_day, users), train_users)
        return cls(counts[:, np.flatnonzero(buyers >= LEAST_BUYERS)], activity, train_users)

    @property
    def tf_idf(self) -> sparse.csr_matrix:
        """1 + log of the items, times the rarity among train users: float64 [U, G], rows of length 1."""
        if not self.counts.shape[1]:  # a log without genres, or of a handful of users
            return self.counts
        weights = TfidfTransformer(sublinear_tf=True).fit(self.counts[np.flatnonzero(self.train)])
        return weights.transform(self.counts)

    @property
    def recency_frequency_spend(self) -> np.ndarray:
        """Days since the last purchase, baskets, amount: float64 [U, 3], logarithms, standardised."""
        return self.activity[:, [ACTIVITY_NAMES.index(name) for name in RECENCY_FREQUENCY_SPEND]]


def labelled_rows(
    train: np.ndarray, customers: np.ndarray, others: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Whom a classifier learns from, int64 [N], and whether each is a customer, bool [N].

    Args:
        train: bool [U]; where `others` is None, those of them who are no customers stand for it.
        customers: int64 positions; a user named twice counts once.
        others: int64 positions.

    Raises:
        ValueError: one of both classes is empty.
    """
    known = np.unique(customers)
    rest = np.setdiff1d(np.flatnonzero(train), known) if others is None else others
    if not len(known) or not len(rest):
        raise ValueError(f"a classifier needs both classes: {len(known)} customers and {len(rest)} others")
    return np.concatenate([known, rest]), np.arange(len(known) + len(rest)) < len(known)
