"""Honest opponents: what a naive audience knows, in closed form, with the same customers and as-of date.

Each is a `Scorer` at one as-of date. Those that learn (`user_prior`; `JointLogistic` in its own module) do so
from source brands: features end `horizon` days before the as-of date, labels are first purchases within them,
of train users only. Every one knows nothing of the target but the customers handed to `score`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from models.profiling.activity import ACTIVITY_NAMES, CATEGORY_LEVEL, activity_columns, spend_by_genre
from models.profiling.data import ProfileData
from models.profiling.profiler import standardised, unit_rows
from models.profiling.source_brands import SourceBrands, fit_activity_prior

RIDGE = 3.0  #: λ of the ridge on standardised category spend


@dataclass(frozen=True)
class Constant:
    """The same order for every brand: whatever is known of users without their taste."""

    values: np.ndarray  #: float64 [U]

    def score(self, customers: np.ndarray, others: np.ndarray | None = None) -> np.ndarray:  # noqa: ARG002
        """The order, whoever the customers are."""
        return self.values


def activity_alone(data: ProfileData) -> Constant:
    """Users by the number of items they ever bought."""
    columns = activity_columns(data.purchases, data.as_of_day, len(data))
    return Constant(columns[:, ACTIVITY_NAMES.index("items_ever")])


def user_prior(data: ProfileData, train_users: np.ndarray, source: SourceBrands) -> Constant:
    """What `fit_activity_prior` learned, at the as-of date."""
    now = activity_columns(data.purchases, data.as_of_day, len(data))
    model = fit_activity_prior(data, source)
    return Constant(model.log_odds(standardised(now, train_users)))


@dataclass(frozen=True)
class CosineProfiler:
    """Cosine of a user's spend by category to the mean of the customers'."""

    spend: np.ndarray  #: float64 [U, G] log1p

    def score(self, customers: np.ndarray, others: np.ndarray | None = None) -> np.ndarray:  # noqa: ARG002
        """float64 [U]; others say nothing."""
        return unit_rows(self.spend) @ unit_rows(self.spend[customers].mean(0, keepdims=True))[0]


def cosine_to_customers(data: ProfileData) -> CosineProfiler:
    """Cosine on spend by category (genre level 1)."""
    return CosineProfiler(spend_by_genre(data.purchases, CATEGORY_LEVEL, len(data)))


@dataclass(frozen=True)
class Ridge:
    """Least squares of 'is a customer': β = (XᵀX/n + λI)⁻¹ Xᵀy/n, X and y centred on the labelled rows."""

    columns: np.ndarray  #: float64 [U, G], standardised over train users
    background: np.ndarray  #: bool [U] who stands for the others where none are given
    strength: float = RIDGE

    def score(self, customers: np.ndarray, others: np.ndarray | None = None) -> np.ndarray:
        """float64 [U], with the given others, else all other train users, as 0."""
        known = np.zeros(len(self.background), dtype=bool)
        known[customers] = True
        rest = np.flatnonzero(self.background & ~known) if others is None else others
        rows = np.concatenate([customers, rest])
        labels = np.append(np.ones(len(customers)), np.zeros(len(rest)))
        if np.array_equal(np.sort(rows), self._everybody):
            system, labels = self._of_everybody, known[self._everybody].astype(np.float64)
        else:
            system = RidgeSystem(self.columns[rows], self.strength)
        return self.columns @ system.weights(labels[:, None])[:, 0]

    @cached_property
    def _everybody(self) -> np.ndarray:
        """Positions of the background, int64, ascending."""
        return np.flatnonzero(self.background)

    @cached_property
    def _of_everybody(self) -> RidgeSystem:
        """The system of all lists that label the whole background: inverted once."""
        return RidgeSystem(self.columns[self._everybody], self.strength)


class RidgeSystem:
    """Targets [n, T] → weights [G, T] on columns [n, G], both centred on their rows: one inverse for all."""

    def __init__(self, columns: np.ndarray, strength: float) -> None:
        self.columns = columns - columns.mean(0)
        n, width = columns.shape
        self.wide = n < width
        if self.wide:
            self.inverse = np.linalg.inv(self.columns @ self.columns.T + n * strength * np.eye(n))
        else:
            self.inverse = np.linalg.inv(self.columns.T @ self.columns + n * strength * np.eye(width))

    def weights(self, targets: np.ndarray) -> np.ndarray:
        """float64 [G, T]."""
        centred = targets - targets.mean(0)
        if self.wide:
            return self.columns.T @ (self.inverse @ centred)
        return self.inverse @ (self.columns.T @ centred)

    def without(self, weights: np.ndarray, column: np.ndarray) -> np.ndarray:
        """`weights` [G, T] moved to where the weight of each target's `column` (int [T]) is 0."""
        if self.wide:
            unit = np.zeros_like(weights)
            unit[column, np.arange(len(column))] = 1.0
            moved = unit - self.columns.T @ (self.inverse @ self.columns[:, column])
        else:
            moved = self.inverse[:, column]
        at = column, np.arange(len(column))
        return weights - moved * (weights[at] / moved[at])


def ridge_on_spend(data: ProfileData, train_users: np.ndarray) -> Ridge:
    """Ridge on standardised log1p spend by category."""
    spend = spend_by_genre(data.purchases, CATEGORY_LEVEL, len(data))
    return Ridge(standardised(spend, train_users), train_users)
