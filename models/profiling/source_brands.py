"""Source brands: what a profiler may learn from before the as-of date, and the prior that all of them teach.

Features end a horizon before the as-of date, labels are first purchases within it, of train users only.
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
CUSTOMERS, NEWCOMERS = 0.016, 0.006  #: a source brand's least share of the train users before, and within


@dataclass(frozen=True)
class SourceBrands:
    """First purchases of source brands in the horizon before the as-of date, and what was known before it."""

    start_day: int  #: features end, labels begin
    brands: np.ndarray  #: int64 [B] positions in `brand_names`
    customers: np.ndarray  #: bool [B, U] at `start_day`; train users only
    newcomers: np.ndarray  #: bool [B, U] within the horizon; train users only
    at_risk: np.ndarray  #: bool [B, U] train users who were no customers at `start_day`


def source_brands(
    data: ProfileData, train_users: np.ndarray, *, excluded: np.ndarray, horizon: int
) -> SourceBrands:
    """The brands to learn from: not excluded, and with customers and newcomers enough to say something.

    Args:
        data: all before the as-of date.
        train_users: bool [U].
        excluded: int64 positions of brands that are somebody's target.
        horizon: days before the as-of date in which newcomers are counted.
    """
    users, start = int(train_users.sum()), data.as_of_day - horizon
    least = max(2, CUSTOMERS * users)
    known = customers_by_brand(data.purchases.before(start)) >= least
    known[excluded] = False
    some = np.flatnonzero(known)
    first = FirstPurchases.of(only_brands(data.purchases, some), len(data))
    customers = first.customers(start) & train_users
    newcomers = first.newcomers(start, data.as_of_day) & train_users
    enough = (customers.sum(1) >= least) & (newcomers.sum(1) >= max(1, NEWCOMERS * users))
    customers, newcomers = customers[enough], newcomers[enough]
    return SourceBrands(start, some[enough], customers, newcomers, train_users & ~customers)


def fit_activity_prior(
    data: ProfileData, train_users: np.ndarray, source: SourceBrands, *, penalty: float = PENALTY
) -> tuple[Logistic, np.ndarray]:
    """Logistic on the activity columns: how soon a user becomes a customer of *any* brand.

    All source brands are pooled; as they share the users' columns, one row a user with as many trials as
    brands says the same as one row a pair.

    Returns:
        the model, and the standardised columns at the start of the label window, float64 [U, 19].
    """
    columns = standardised(activity_columns(data.purchases, source.start_day, len(data)), train_users)
    model = fit_logistic(
        columns[train_users],
        (source.newcomers & source.at_risk).sum(0)[train_users].astype(np.float64),
        source.at_risk.sum(0)[train_users],
        penalty=penalty,
    )
    return model, columns
