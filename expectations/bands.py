"""The bands that former partitions give: what batch rules compare a partition's statistics with.

An hour is compared with the same hour of former days, a day with the same weekday of former weeks and with
what `expectations.reference` says of the shop: the suite names the cycle.

Bands are robust: the median of former partitions ± `band_deviations` robust standard deviations (1.4826 × the
median absolute deviation), where the deviation never falls under a floor and always includes the sampling
noise of the partition itself (Poisson for counts, binomial for rates, the error of a mean for levels), so
that a night hour of ten rows does not trip.

History (see `GateSettings.history_after_days`) is no live feed: there, wider limits stop a partition, and one
between the band and those limits is loaded with a warning.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd

from expectations.reference import MAD_TO_DEVIATION, Reference, reference
from expectations.settings import DAY_MS, GateSettings
from expectations.statistics import HISTORY_COLUMNS, HOURS

_TOGETHER_BESIDE_SPREAD = 3.0  # rows that come as one, for the noise that a quiet day has beyond usual ones
_LEVELS = ("level_low", "level_high", "level_least", "level_most")
CYCLES = {"day": DAY_MS, "week": 7 * DAY_MS}


def add_bands(
    table: pd.DataFrame,
    history: pd.DataFrame | None,
    settings: GateSettings,
    cycle: str = "day",
    settled: Collection[str] = (),
    closed: Collection[str] = (),
) -> pd.DataFrame:
    """The statistics with `history_days`, bands, and the shares that are judged.

    Bands are `rows_low/high`, `click_rate_low/high`, `level_low/high` (NaN: too little history); a share is
    NaN where it is about few rows (`quarantined_rows_tolerated`). `settled` is 1 for partitions of history,
    which only `rows_least/most` and `level_least/most` stop. On `closed` days, and on days of history without
    a row, no row is too few.

    History of a partition: the given former batches and the call's own earlier partitions, at the same point
    of the cycle (`day`: the same hour; `week`: the same weekday), see `_former`.
    """
    weekly = cycle == "week"
    past = _past(table, history, weekly)
    own = past if weekly else past[past.index.isin(table.index)]
    pairs = _former(own, past.dropna(subset=["log_rows"]), settings, CYCLES[cycle])
    days = pairs[pairs["partition"].isin(table.index)]
    banded = table.assign(
        history_days=_days(days, table.index), settled=table.index.isin(list(settled)).astype(np.float64)
    )

    def expected(name: str) -> Reference:
        if weekly:
            return reference(past.reindex(table.index), past, name, pairs, settings)
        return _same(days, name, table, settings)

    banded = _count_band(banded, days, expected("log_rows"), settings)
    banded["click_rate_low"], banded["click_rate_high"] = _rate_band(days, table["kept"], settings)
    if past["level"].notna().any():  # of nothing, pandas takes as long as of a year
        banded = _level_band(banded, days, expected("level"), settings)
    else:
        banded[list(_LEVELS)] = np.nan
    if weekly:
        banded = _add_hours(banded, days, settings)
        resting = table.index.isin(list(closed)) | ((banded["settled"] == 1) & (table["rows"] == 0))
        banded["rows_low"] = banded["rows_low"].mask(resting, 0.0)
        banded["hours_missing_judged"] = banded["hours_missing_judged"].mask(resting)
    tolerated = settings.quarantined_rows_tolerated
    few = table["quarantined"] <= tolerated
    banded["share_quarantined_judged"] = table["share_quarantined"].mask(few)
    banded["shifted_share_judged"] = table["shifted_share"].mask(
        table["shifted_share"] * table["rows"] <= tolerated
    )
    return banded


def _past(table: pd.DataFrame, history: pd.DataFrame | None, weekly: bool) -> pd.DataFrame:
    """Former partitions and the call's own, `HISTORY_COLUMNS` and `log_rows` (NaN: the shop was closed)."""
    past = table.reindex(columns=list(HISTORY_COLUMNS))
    if history is not None and len(history):
        former = history.reindex(columns=list(HISTORY_COLUMNS)).astype(np.float64)
        past = pd.concat([former[~former.index.isin(table.index)], past])
    past = past.dropna(subset=["start_ms"])
    logs = np.log1p(past["rows"])
    return past.assign(log_rows=logs.where(past["rows"] > 0) if weekly else logs)


def _former(own: pd.DataFrame, past: pd.DataFrame, settings: GateSettings, cycle_ms: int) -> pd.DataFrame:
    """Pairs of a partition of `own` (`partition`, `own_ms`) and a former one at its point of the cycle.

    The newest ones, as many as `max_history_days` has; where a closure took some, from twice as long ago.
    """
    own = own[["start_ms"]].rename_axis("partition").reset_index().rename(columns={"start_ms": "own_ms"})
    past = past.assign(phase=past["start_ms"] % cycle_ms)
    pairs = own.assign(phase=own["own_ms"] % cycle_ms).merge(past, on="phase")
    age_ms, longest = pairs["own_ms"] - pairs["start_ms"], settings.max_history_days * DAY_MS
    pairs = pairs[(age_ms > 0) & (age_ms <= longest * (1 if cycle_ms == DAY_MS else 2))]
    newest = pairs.sort_values("start_ms", ascending=False, kind="stable").groupby("partition").cumcount()
    return pairs[newest.reindex(pairs.index) < longest / cycle_ms]


def _days(days: pd.DataFrame, index: pd.Index) -> pd.Series:
    return days.groupby("partition").size().reindex(index, fill_value=0).astype(np.float64)


def _robust(values: pd.Series, groups: pd.Series, index: pd.Index) -> tuple[np.ndarray, np.ndarray]:
    """Median and robust standard deviation a group, in the order of `index`; NaN for absent groups."""
    grouped = values.groupby(groups)
    median = grouped.median()
    deviation = (values - grouped.transform("median")).abs().groupby(groups).median() * MAD_TO_DEVIATION
    return median.reindex(index).to_numpy(float), deviation.reindex(index).to_numpy(float)


def _same(days: pd.DataFrame, name: str, table: pd.DataFrame, settings: GateSettings) -> Reference:
    """The median of the same point of the cycle alone, with no spread but that of those partitions."""
    known = days.dropna(subset=[name])
    median = known.groupby("partition")[name].median().reindex(table.index).to_numpy(np.float64)
    median = np.where(_days(known, table.index) >= settings.min_history_days, median, np.nan)
    return Reference(median, median, np.full(len(table), np.nan))


def _count_band(
    table: pd.DataFrame, days: pd.DataFrame, expected: Reference, settings: GateSettings
) -> pd.DataFrame:
    """Band of a row count, of log(1 + rows) about what is expected.

    The noise of a count n is 1/√n there, of n rows that come g at a time √(g/n); g rows more or less allow
    for discreteness. A measured spread has the noise of usual days in it, whatever comes together; a shop
    that has one is not without any row by chance, unless few are usual.
    """
    _, deviation = _robust(days["log_rows"], days["partition"], table.index)
    together = np.where(np.isnan(expected.spread), settings.rows_together, _TOGETHER_BESIDE_SPREAD)
    spread = np.fmax(np.fmax(deviation, expected.spread), settings.row_count_spread)
    noise = together * np.exp(-expected.low)
    width = settings.band_deviations * np.sqrt(spread**2 + noise)
    low, high = np.expm1(expected.low - width) - together, np.expm1(expected.high + width) + together
    low = np.where(
        ~np.isnan(expected.spread) & (np.exp(expected.low) > settings.rows_together), low.clip(1), low
    )
    most = np.exp(expected.high) * settings.history_rows_factor + together
    return table.assign(
        rows_usual=np.expm1(expected.low),
        rows_low=np.floor(low).clip(0),
        rows_high=np.ceil(high),
        rows_least=0.0,
        rows_most=np.fmax(np.ceil(high), most),
    )


def _rate_band(days: pd.DataFrame, rows: pd.Series, settings: GateSettings) -> tuple[np.ndarray, np.ndarray]:
    """Band of a rate among `rows` kept rows, from median and deviation of its log-odds over former days.

    Log-odds, since a hot topic multiplies clicks and a rate near zero cannot fall by as much as it can rise.
    A day's rate is drawn to that of all days as if it had `rows_together` rows more, so that the median of
    nearly empty hours means something. The noise of n rows is 1/√(n p (1 − p)); former rows have theirs too.
    """
    if days["clicks"].isna().all():
        return np.full(len(rows), np.nan), np.full(len(rows), np.nan)
    days = days[days["kept"] > 0]  # an hour without rows says nothing about its rate
    index, together = rows.index, settings.rows_together
    sums = days.groupby("partition")[["clicks", "kept"]].transform("sum")
    pooled = (sums["clicks"] + 0.5) / (sums["kept"] + 1.0)
    rate = (days["clicks"] + together * pooled) / (days["kept"] + together)
    median, deviation = _robust(np.log(rate / (1 - rate)), days["partition"], index)
    median = np.where(_days(days, index) >= settings.min_history_days, median, np.nan)
    centre = 1 / (1 + np.exp(-median))
    size = np.maximum(rows.to_numpy(np.float64), 1)
    former = days.groupby("partition")["kept"].sum().reindex(index).to_numpy(np.float64)
    noise = (1 / size + 1 / former) / (centre * (1 - centre))
    spread = np.maximum(deviation, settings.click_rate_spread)
    width = settings.band_deviations * np.sqrt(spread**2 + noise)
    low, high = (1 / (1 + np.exp(-(median + side * width))) for side in (-1, 1))
    return (low - 1 / size).clip(0), (high + 1 / size).clip(None, 1)


def _level_band(
    table: pd.DataFrame, days: pd.DataFrame, expected: Reference, settings: GateSettings
) -> pd.DataFrame:
    """Band of a mean of logarithms about what is expected.

    Its noise is that of `kept` rows as different as the former days' rows were: three rows of today may be
    alike by chance.
    """
    known = days.dropna(subset=["level"])
    _, deviation = _robust(known["level"], known["partition"], table.index)
    errors = known.assign(error=known["level_error"] ** 2, row=known["level_error"] ** 2 * known["kept"])
    former = errors.groupby("partition")[["error", "row"]].mean().reindex(table.index)
    noise = (former["error"] + former["row"] / table["kept"].clip(lower=1)).to_numpy(np.float64)
    spread = np.fmax(np.fmax(deviation, expected.spread), settings.level_spread)
    width = settings.band_deviations * np.sqrt(spread**2 + noise)
    settled = np.fmax(width, np.log(settings.history_level_factor))
    return table.assign(
        level_low=expected.low - width,
        level_high=expected.high + width,
        level_least=expected.low - settled,
        level_most=expected.high + settled,
    )


def _add_hours(table: pd.DataFrame, days: pd.DataFrame, settings: GateSettings) -> pd.DataFrame:
    """`hours_missing`, its limit, and what of it and of `doubled_share` is judged.

    `hours_missing` is the share that the same weekday's rows usually have in the hours that have none now. Of
    few orders (`moments`) some hours are empty by chance; a day with as many rows as usual has merely other
    hours.
    """
    known = days.dropna(subset=[HOURS[0]])
    share = known.groupby("partition")[list(HOURS)].mean()
    share = share[_days(known, share.index) >= settings.min_history_days].reindex(table.index)
    usual = share.to_numpy(np.float64)  # [N, 24]
    missing = np.where(table[list(HOURS)] == 0, usual, 0.0).sum(axis=1)
    missing = np.where(np.isnan(usual[:, 0]), np.nan, missing)
    by_chance = (usual * (1 - usual) ** table[["moments"]].to_numpy(np.float64)).sum(axis=1)
    fewer = table["rows"] < (1 - missing / 2) * table["rows_usual"]
    as_ever = days.groupby("partition")["doubled_share"].median().reindex(table.index)
    few = (table["rows"] < settings.rows_together) | (as_ever > settings.max_doubled_share / 2)
    return table.assign(
        hours_missing=missing,
        hours_missing_high=settings.max_hours_missing + by_chance,
        hours_missing_judged=pd.Series(missing, table.index).where(fewer & (table["rows"] > 0)),
        doubled_share_judged=table["doubled_share"].mask(few),
    )
