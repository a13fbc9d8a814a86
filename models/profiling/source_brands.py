"""Source brands: what a profiler may learn from before the as-of date, and the prior that all of them teach.

Features end a horizon before the as-of date, labels are first purchases within it, of those train users who
were known when it began. Nothing that happened within the horizon chooses a user or a brand: whoever first
appears in it has no features and has bought by construction, and a brand is not better to learn from because
it will be discovered.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.profiling.activity import activity_columns
from models.profiling.brand_counts import customers_by_brand, only_brands
from models.profiling.brands import FirstPurchases
from models.profiling.data import ProfileData
from models.profiling.logistic import Logistic, fit_logistic
from models.profiling.profiler import standardised

PENALTY = 1.0  #: of logistic models on activity columns
CUSTOMERS = 0.016  #: a source brand's least share of the users who are its customers at the start
FEWEST, FEWEST_CUSTOMERS = 64, 8  #: where fewer brands have it, so many of the largest with so many customers


@dataclass(frozen=True)
class SourceBrands:
    """First purchases of source brands in the horizon before the as-of date, and what was known before it."""

    start_day: int  #: features end, labels begin
    brands: np.ndarray  #: int64 [B] positions in `brand_names`
    users: np.ndarray  #: bool [U] train users who were known at `start_day`
    customers: np.ndarray  #: bool [B, U] at `start_day`; of `users` only
    newcomers: np.ndarray  #: bool [B, U] within the horizon; of `users` only
    at_risk: np.ndarray  #: bool [B, U] those of `users` who were no customers at `start_day`

    def pooled(self) -> tuple[np.ndarray, np.ndarray]:
        """All brands as one task: newcomers and trials of each of `users`, float64 [n] each.

        Brands share a user's columns, so that one row a user with as many trials as brands says the same as
        one row a pair.
        """
        newcomers, trials = self.newcomers[:, self.users].sum(0), self.at_risk[:, self.users].sum(0)
        return newcomers.astype(np.float64), trials.astype(np.float64)


def source_brands(
    data: ProfileData, train_users: np.ndarray, *, excluded: np.ndarray, horizon: int
) -> SourceBrands:
    """The brands to learn from: not excluded, and with customers enough at the start of the window.

    Args:
        data: all before the as-of date.
        train_users: bool [U].
        excluded: int64 positions of brands that are somebody's target.
        horizon: days before the as-of date in which newcomers are counted.
    """
    start = data.as_of_day - horizon
    users = train_users & data.known_before(start)
    past = data.purchases.before(start)
    count = customers_by_brand(past.rows(np.flatnonzero(users[past.user])))
    count[excluded] = 0
    largest = np.sort(count)[-FEWEST:][0] if len(count) else 0
    least = max(2, min(CUSTOMERS * int(users.sum()), max(largest, FEWEST_CUSTOMERS)))
    brands = np.flatnonzero(count >= least)
    first = FirstPurchases.of(only_brands(data.purchases, brands), len(data))
    customers = first.customers(start) & users
    newcomers = first.newcomers(start, data.as_of_day) & users
    return SourceBrands(start, brands, users, customers, newcomers, users & ~customers)


def fit_activity_prior(data: ProfileData, source: SourceBrands, *, penalty: float = PENALTY) -> Logistic:
    """Logistic on the activity columns: how soon a user becomes a customer of *any* brand.

    All source brands are pooled. Its columns are standardised over the users at risk.
    """
    columns = standardised(activity_columns(data.purchases, source.start_day, len(data)), source.users)
    newcomers, trials = source.pooled()
    return fit_logistic(columns[source.users], newcomers, trials, penalty=penalty)
