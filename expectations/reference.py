"""What a day's figure is compared with: the same weekday, the days just before it, and the shop's own spread.

All of it is about logarithms (of row counts, of prices), looks back only, and is one pass over all days:

- *usual*: the median of the same weekday of the former `max_history_days`;
- *shift*: how far the last three open days lay from what was usual for them (their median, so that one odd
  day moves nothing). A season is a shift that lasts: a day in it may lie at `usual` or at `usual + shift`;
- *spread*: the robust standard deviation of all former days about `usual + shift`, a year back;
- after a closure the days before it say little: for the first three open days, any level between the 5 % and
  95 % points of the year before is taken as possible.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from expectations.settings import DAY_MS, GateSettings

MAD_TO_DEVIATION = 1.4826  # of a normal distribution
YEAR_DAYS = 400  # how far spread and levels look back
_OPEN_DAYS = 3  # whose shift counts, and that come after a closure
_SPREAD_DAYS = 14  # former days that a spread of one's own needs
_LOWEST, _HIGHEST = 0.05, 0.95


@dataclass(frozen=True)
class Reference:
    """Of each partition of a call: lowest and highest expected value and the spread about it; [N] float64.

    NaN where there is too little history; a spread may be NaN beside it, where the shop is young.
    """

    low: np.ndarray
    high: np.ndarray
    spread: np.ndarray


def reference(
    own: pd.DataFrame, past: pd.DataFrame, name: str, pairs: pd.DataFrame, settings: GateSettings
) -> Reference:
    """The reference of the figure `name` for the partitions `own`.

    Args:
        own: the call's partitions, `start_ms` and `name` among the columns.
        past: all former partitions and the call's own, index partition, the same columns.
        name: a column of logarithms, NaN for days on which the shop was closed.
        pairs: of every partition of `past` with its former ones (columns `partition`, `name`).
        settings: `min_history_days`, `closure_days`.
    """
    days = past.sort_values("start_ms", kind="stable")
    value = days[name].dropna()
    usual = pairs.dropna(subset=[name]).groupby("partition")[name].agg(["median", "size"])
    usual = usual["median"].where(usual["size"] >= settings.min_history_days).reindex(days.index)
    residual = (value - usual).dropna()
    shift = _before(residual.rolling(_OPEN_DAYS, min_periods=2).median(), days).fillna(0.0)
    off = (residual - shift.reindex(residual.index)).abs()
    spread = _before(off.rolling(YEAR_DAYS, min_periods=_SPREAD_DAYS).median(), days)
    low, high = usual + shift.clip(upper=0.0), usual + shift.clip(lower=0.0)
    after = _after_closure(days["start_ms"], days[name].notna(), settings.closure_days)
    level = value.rolling(YEAR_DAYS, min_periods=_SPREAD_DAYS)
    low = low.mask(after, np.fmin(low, _before(level.quantile(_LOWEST), days)))
    high = high.mask(after, np.fmax(high, _before(level.quantile(_HIGHEST), days)))
    figures = (
        each.reindex(own.index).to_numpy(np.float64) for each in (low, high, spread * MAD_TO_DEVIATION)
    )
    return Reference(*figures)


def _before(values: pd.Series, days: pd.DataFrame) -> pd.Series:
    """Of each of `days`, the newest of `values` (index: some of these days) from before it."""
    return values.reindex(days.index).ffill().shift(1)


def _after_closure(start_ms: pd.Series, is_open: pd.Series, closure_days: float) -> pd.Series:
    """Whether one of the gaps before the last three open days is longer than the usual one by a closure."""
    days = start_ms.to_frame()
    gap = (start_ms - _before(start_ms[is_open], days)) / DAY_MS
    usual = _before(gap[is_open].rolling(YEAR_DAYS, min_periods=1).median(), days)
    closure = (gap - usual >= closure_days).astype(np.float64)
    former = _before(closure[is_open].rolling(_OPEN_DAYS - 1, min_periods=1).max(), days)
    return (closure > 0) | (former > 0)
