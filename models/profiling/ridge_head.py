"""A closed-form head on the embeddings of a profile network: ridge in place of the relation head f.

The printed f does not read its support (decision 0034). Ridge of 'is a customer' on the same embeddings, all
other users as background, reads what g holds, without a gradient step.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.profiling.match import MatchSpace

SHRINKAGE = 0.01  #: λ as a share of the embeddings' variance; the better of .01 and .1 on development


@dataclass(frozen=True)
class RidgeHead:
    """Users embedded at an as-of date, ranked by ridge on the customers' membership."""

    space: MatchSpace

    def score(self, customers: np.ndarray, others: np.ndarray | None = None) -> np.ndarray:  # noqa: ARG002
        """float64 [U]; the background stands for `others`.

        Raises:
            ValueError: no customers.
        """
        if len(customers) == 0:
            raise ValueError("a brand needs at least one known customer: the support is empty")
        return self.space.match(np.unique(customers), SHRINKAGE)
