"""How soon a user will become a customer of *any* brand: the prior that all source brands teach together.

A logistic model on how much, how widely, how lately and how long a user has been buying, fitted on first
purchases of source brands. Its columns look back over the same number of days at the start of the teaching
window and at every as-of date: 'ever' would mean three months when it is learned and a year when it is used,
and in a log hardly longer than a window of columns the two would be nearly the same column, whose
coefficients then say anything.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.profiling.activity import COUNTED, counted
from models.profiling.data import DAYS, PurchaseLog
from models.profiling.logistic import Logistic, fit_logistic
from models.profiling.profiler import standardised
from models.profiling.source_brands import SourceBrands

WINDOWS = (30, 90)  #: days, beside the whole look-back; one that is not clearly shorter than that is left out
CLEARLY_SHORTER = 1.5
#: of the logistic model, as a share of the information in the labels: the outcomes of a user with hundreds of
#: brands are anything but independent, so they know less than their number
PENALTY = 1e-2


@dataclass(frozen=True)
class Propensity:
    """The fitted prior."""

    lookback: int  #: days
    model: Logistic  #: on `columns`, standardised over the users among whom it is asked

    @classmethod
    def fit(cls, purchases: PurchaseLog, source: SourceBrands, first_day: int) -> Propensity:
        """From first purchases of all source brands within their window, pooled.

        Args:
            purchases: all before the as-of date.
            source: users at risk, and who bought.
            first_day: of the log.
        """
        lookback = lookback_of(source.start_day, first_day)
        columns = standardised(
            columns_of(purchases, source.start_day, len(source.users), lookback), source.users
        )
        newcomers, trials = source.pooled()
        rate = newcomers.sum() / max(trials.sum(), 1.0)
        penalty = PENALTY * trials.sum() * rate * (1 - rate)
        return cls(lookback, fit_logistic(columns[source.users], newcomers, trials, penalty=penalty))

    def log_odds(self, purchases: PurchaseLog, as_of_day: int, background: np.ndarray) -> np.ndarray:
        """float64 [U] at an as-of date; columns are standardised over `background` (bool [U])."""
        columns = columns_of(purchases, as_of_day, len(background), self.lookback)
        return self.model.log_odds(standardised(columns, background))


def lookback_of(start_day: int, first_day: int) -> int:
    """Days of a log that lie before the window's start, at least one and at most a year of them."""
    return min(max(start_day - first_day, 1), DAYS)


def names_of(lookback: int) -> list[str]:
    """Names of the P columns: `items_30d` of a window, `items` of the whole look-back."""
    windows = [f"_{length}d" for length in WINDOWS if length * CLEARLY_SHORTER <= lookback] + [""]
    counts = [f"{name}{window}" for window in windows for name in COUNTED]
    return [*counts, "days_since_last", "days_since_first", "days_since_last²", "items²"]


def columns_of(purchases: PurchaseLog, as_of_day: int, users: int, lookback: int) -> np.ndarray:
    """float64 [U, P], the columns of `names_of`: logarithms, and the squares of two of them.

    Nothing before the `lookback` days that end at the as-of day is looked at. Cancelled purchases do not
    count.
    """
    windows = [length for length in WINDOWS if length * CLEARLY_SHORTER <= lookback]
    counts = len(COUNTED) * (len(windows) + 1)
    columns = np.empty((users, counts + 4))
    log = purchases.between(as_of_day - lookback, as_of_day)
    for start, stop, block in log.by_users(users):
        bought = block.rows(np.flatnonzero(~block.cancelled))
        columns[start:stop, :counts] = np.stack(
            counted(bought, as_of_day, stop - start, [*windows, None]), axis=1
        )
        last, first = np.full(stop - start, as_of_day - lookback), np.full(stop - start, as_of_day)
        np.maximum.at(last, bought.user, bought.day)
        np.minimum.at(first, bought.user, bought.day)
        columns[start:stop, counts] = as_of_day - last
        columns[start:stop, counts + 1] = as_of_day - first
    np.log1p(columns[:, : counts + 2], out=columns[:, : counts + 2])
    items = counts - len(COUNTED)
    columns[:, counts + 2 :] = columns[:, [counts, items]] ** 2
    return columns
