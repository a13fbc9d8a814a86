"""What every profiler offers, whatever it learned: customers in, a score for everybody out.

Training happens once, before any brand is known (`train`); `ready` embeds the users of an as-of date; `score`
answers for a brand without any gradient step (paper 3.2, 4.5).
"""

from __future__ import annotations

from typing import Protocol

import numpy as np


class Scorer(Protocol):
    """A profiler that stands ready at one as-of date."""

    def score(self, customers: np.ndarray, others: np.ndarray | None = None) -> np.ndarray:
        """How soon each user will become a customer of the brand, as an order: higher is sooner.

        Args:
            customers: int64 [K] positions of the brand's known customers (the support), K >= 1.
            others: int64 [M] positions of users known *not* to be customers; None where nothing is known of
                them, and everybody else serves as background.

        Returns:
            float64 [U]. Scores of `customers` themselves mean nothing.
        """


class OutdatedModel(ValueError):
    """Files of a model that an earlier version of the system wrote, and this one cannot use."""


def unit_rows(rows: np.ndarray) -> np.ndarray:
    """Rows scaled to length 1, float [N, d]; a row of zeros stays one, and is near to nobody."""
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(length > 0, length, 1.0)


def standardised(values: np.ndarray, users: np.ndarray) -> np.ndarray:
    """Columns shifted and scaled by the mean and deviation of `users` (bool [U]); constant ones become 0.

    `values` is float [U, G] or [U].
    """
    centre, spread = values[users].mean(0), values[users].std(0)
    return np.where(spread > 1e-9, (values - centre) / np.where(spread > 1e-9, spread, 1.0), 0.0)
