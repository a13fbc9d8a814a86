"""What the suites say of lists shown together (`request_id`), partition by partition."""

from __future__ import annotations

import numpy as np
import pandas as pd

from expectations.facts import FactSource

MINUTE_MS = 60_000


def of_one_user(facts: FactSource, name: str, rows: np.ndarray, user: str) -> pd.Series:
    """Whether all rows of the row's request name one account; true without a request."""
    grouped = groups(facts, name, rows)
    codes = pd.factorize(pd.Series(facts.parsed[user].values[rows]))[0]
    return pd.Series(_spread(grouped, codes) == 0)


def within_minutes(facts: FactSource, name: str, rows: np.ndarray, time: str) -> pd.Series:
    """Whether the row's request was shown within `max_request_minutes`; true without a request."""
    limit = facts.context.settings.max_request_minutes * MINUTE_MS
    return pd.Series(_spread(groups(facts, name, rows), facts.parsed[time].values[rows]) <= limit)


def groups(facts: FactSource, name: str, rows: np.ndarray) -> np.ndarray:
    """Number of each row's partition and id, int64 [rows] from 0 on; −1 where there is no id."""
    column = facts.parsed[name]
    codes = pd.factorize(pd.Series(column.values[rows]))[0]
    number = facts.partition[rows] * (codes.max(initial=0) + 1) + codes
    return pd.factorize(pd.Series(number).where(column.present[rows]))[0]


def _spread(group: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Greatest less least of the values of each row's group, int64 [rows]; 0 for rows of none (−1)."""
    size = int(group.max(initial=-1)) + 1
    least, most = np.full(size, np.iinfo(np.int64).max), np.full(size, np.iinfo(np.int64).min)
    inside = group >= 0
    np.minimum.at(least, group[inside], values[inside])
    np.maximum.at(most, group[inside], values[inside])
    spread = np.zeros(len(group), np.int64)
    spread[inside] = (most - least)[group[inside]]
    return spread
