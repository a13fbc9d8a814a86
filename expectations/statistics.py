"""Statistics of partitions, and the bands that former ones give: what batch rules judge.

An hour is compared with the same hour of former days, a day with the same weekday of former weeks: the suite
names the cycle.

Bands are robust: the median of former days ± `band_deviations` robust standard deviations (1.4826 × the
median absolute deviation), where the deviation never falls under a floor and always includes the sampling
noise of the partition itself (Poisson for counts, binomial for rates, the error of a mean for levels), so
that a night hour of ten rows does not trip.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from expectations.row_facts import RowFacts
from expectations.settings import DAY_MS, GateSettings
from expectations.units import unit_of

_MAD_TO_DEVIATION = 1.4826  # of a normal distribution
CYCLES = {"day": DAY_MS, "week": 7 * DAY_MS}
HISTORY_COLUMNS = ("start_ms", "rows", "kept", "clicks", "level", "level_error")


def describe(facts: RowFacts, passing: np.ndarray, names: Mapping[str, str]) -> pd.DataFrame:
    """One row a partition of the call, in the context's order.

    Args:
        facts: the rows as read.
        passing: bool [rows], which of them broke no rule.
        names: the batch suite's `time`, `click` and `level` columns, where it has them.

    Returns:
        Index `partition`; `start_ms`, `rows`, `kept`, `quarantined`, `share_quarantined`, `clicks`,
        `click_rate` (of kept rows), `level`, `level_error` (see `_level`), `broken_columns` (count), `broken`
        (their names), `shifted_share`, `shift` (see `_shifted`); NaN where a figure does not apply.
    """
    partitions = facts.context.partitions
    count = len(partitions)
    rows = np.bincount(facts.partition, minlength=count)
    good = np.bincount(facts.partition[passing], minlength=count)
    starts = [np.nan if bounds is None else float(bounds[0]) for bounds in partitions.values()]
    table = pd.DataFrame(
        {
            "start_ms": starts,
            "rows": rows,
            "kept": good,
            "quarantined": rows - good,
            "share_quarantined": (rows - good) / np.maximum(rows, 1),
        },
        index=pd.Index(list(partitions), name="partition", dtype="str"),
    )
    clicks = np.full(count, np.nan)
    if "click" in names:
        clicks = np.bincount(facts.partition[passing], facts.parsed[names["click"]].values[passing], count)
    table["clicks"] = clicks
    table["click_rate"] = np.where(good > 0, clicks / np.maximum(good, 1), np.nan)
    table["level"], table["level_error"] = _level(facts, passing, names.get("level"))
    table["broken_columns"], table["broken"] = _broken(facts, rows)
    table["shifted_share"], table["shift"] = _shifted(facts, rows, names.get("time"))
    return table


def add_bands(
    table: pd.DataFrame, history: pd.DataFrame | None, settings: GateSettings, cycle: str = "day"
) -> pd.DataFrame:
    """The statistics with `history_days`, bands, and the shares that are judged.

    Bands are `rows_low/high`, `click_rate_low/high`, `level_low/high` (NaN: too little history); a share is
    NaN where it is about few rows (`quarantined_rows_tolerated`).

    History of a partition: the given former batches and the call's own earlier partitions, at the same point
    of the cycle (`day`: the same hour; `week`: the same weekday and hour), at most `max_history_days` back.
    """
    past = table[list(HISTORY_COLUMNS)]
    if history is not None and len(history):
        former = history.reindex(columns=list(HISTORY_COLUMNS)).astype(np.float64)
        past = pd.concat([former[~former.index.isin(table.index)], past])
    days = _former_days(table, past.dropna(subset=["start_ms"]), settings, CYCLES[cycle])
    banded = table.assign(history_days=_days(days, table.index))
    banded["rows_low"], banded["rows_high"] = _count_band(days, table.index, settings)
    rated = days[days["kept"] > 0]  # an hour without rows says nothing about its rate
    banded["click_rate_low"], banded["click_rate_high"] = _rate_band(rated, table["kept"], settings)
    banded["level_low"], banded["level_high"] = _level_band(days, table["kept"], settings)
    tolerated = settings.quarantined_rows_tolerated
    few = table["quarantined"] <= tolerated
    banded["share_quarantined_judged"] = table["share_quarantined"].mask(few)
    banded["shifted_share_judged"] = table["shifted_share"].mask(
        table["shifted_share"] * table["rows"] <= tolerated
    )
    return banded


def _broken(facts: RowFacts, rows: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Count and names of required columns with too many missing or unreadable values, per partition."""
    limit = facts.context.settings.max_broken_share * rows
    names: list[list[str]] = [[] for _ in rows]
    for name, spec in facts.context.columns.items():
        if not spec.required:
            continue
        bad = np.bincount(facts.partition, ~facts.parsed[name].present, len(rows))
        for position in np.flatnonzero(bad > limit):
            names[position].append(name)
    return np.array([len(broken) for broken in names], np.int64), [", ".join(broken) for broken in names]


def _shifted(facts: RowFacts, rows: np.ndarray, time: str | None) -> tuple[np.ndarray, np.ndarray]:
    """Largest share of rows outside by one same number of partition lengths, and that number."""
    share, shift = np.full(len(rows), np.nan), np.full(len(rows), np.nan)
    bounded = [position for position, bounds in enumerate(facts.context.partitions.values()) if bounds]
    if time is None or not bounded:
        return share, shift
    share[bounded], shift[bounded] = 0.0, 0.0
    column, partition = facts.parsed[time], facts.partition
    # A time in another unit lies somewhere: that is no skew.
    readable = column.present & np.isin(partition, bounded) & (unit_of(column.values) == 0)
    partition = partition[readable]
    length = (facts.end_ms - facts.start_ms)[partition]
    moved = (column.values[readable] - facts.start_ms[partition]) // length
    outside = moved != 0
    counted = pd.DataFrame({"partition": partition[outside], "shift": moved[outside]}).value_counts(sort=True)
    # Sorted by count: the first entry of a partition is its most frequent shift.
    most = counted.reset_index().drop_duplicates("partition")
    chosen = most["partition"].to_numpy()
    share[chosen] = most["count"].to_numpy() / rows[chosen]
    shift[chosen] = most["shift"].to_numpy()
    return share, shift


def _level(facts: RowFacts, passing: np.ndarray, name: str | None) -> tuple[np.ndarray, np.ndarray]:
    """Mean of log(1 + value) over kept rows and the standard error of that mean; NaN without rows."""
    count = len(facts.context.partitions)
    if name is None:
        return np.full(count, np.nan), np.full(count, np.nan)
    chosen = passing & facts.parsed[name].present
    partition = facts.partition[chosen]
    value = np.log1p(facts.parsed[name].values[chosen])
    rows = np.bincount(partition, minlength=count).astype(np.float64)
    rows[rows == 0] = np.nan
    mean = np.bincount(partition, value, count) / rows
    square = np.bincount(partition, (value - mean[partition]) ** 2, count) / rows
    return mean, np.sqrt(square * facts.context.settings.rows_together / rows)


def _former_days(
    table: pd.DataFrame, past: pd.DataFrame, settings: GateSettings, cycle_ms: int
) -> pd.DataFrame:
    """Pairs of a partition of the call and a former partition at the same point of the cycle."""
    own = table[["start_ms"]].dropna().reset_index().rename(columns={"start_ms": "own_ms"})
    past = past.assign(phase=past["start_ms"] % cycle_ms)
    pairs = own.assign(phase=own["own_ms"] % cycle_ms).merge(past, on="phase")
    age_ms = pairs["own_ms"] - pairs["start_ms"]
    return pairs[(age_ms > 0) & (age_ms <= settings.max_history_days * DAY_MS)]


def _days(days: pd.DataFrame, index: pd.Index) -> pd.Series:
    return days.groupby("partition").size().reindex(index, fill_value=0).astype(np.float64)


def _robust(values: pd.Series, groups: pd.Series, index: pd.Index) -> tuple[np.ndarray, np.ndarray]:
    """Median and robust standard deviation a group, in the order of `index`; NaN for absent groups."""
    grouped = values.groupby(groups)
    median = grouped.median()
    deviation = (values - grouped.transform("median")).abs().groupby(groups).median() * _MAD_TO_DEVIATION
    return median.reindex(index).to_numpy(float), deviation.reindex(index).to_numpy(float)


def _count_band(days: pd.DataFrame, index: pd.Index, settings: GateSettings) -> tuple[np.ndarray, np.ndarray]:
    """Band of a row count, from median and deviation of log(1 + rows) over the former days.

    The noise of a count n is 1/√n there, of n rows that come g at a time √(g/n); g rows more or less allow
    for discreteness.
    """
    median, deviation = _robust(np.log1p(days["rows"]), days["partition"], index)
    median = np.where(_days(days, index) >= settings.min_history_days, median, np.nan)
    together = settings.rows_together
    spread = np.maximum(deviation, settings.row_count_spread)
    width = settings.band_deviations * np.sqrt(spread**2 + together * np.exp(-median))
    low, high = np.expm1(median - width) - together, np.expm1(median + width) + together
    return np.floor(low).clip(0), np.ceil(high)


def _rate_band(days: pd.DataFrame, rows: pd.Series, settings: GateSettings) -> tuple[np.ndarray, np.ndarray]:
    """Band of a rate among `rows` kept rows, from median and deviation of its log-odds over former days.

    Log-odds, since a hot topic multiplies clicks and a rate near zero cannot fall by as much as it can rise.
    A day's rate is drawn to that of all days as if it had `rows_together` rows more, so that the median of
    nearly empty hours means something. The noise of n rows is 1/√(n p (1 − p)); former rows have theirs too.
    """
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


def _level_band(days: pd.DataFrame, rows: pd.Series, settings: GateSettings) -> tuple[np.ndarray, np.ndarray]:
    """Band of a mean of logarithms, from median and deviation over the former days that have one.

    Its noise is that of `rows` kept rows as different as the former days' rows were: three rows of today may
    be alike by chance.
    """
    index, known = rows.index, days.dropna(subset=["level"])
    if known.empty:
        return np.full(len(index), np.nan), np.full(len(index), np.nan)
    median, deviation = _robust(known["level"], known["partition"], index)
    median = np.where(_days(known, index) >= settings.min_history_days, median, np.nan)
    errors = known.assign(error=known["level_error"] ** 2, row=known["level_error"] ** 2 * known["kept"])
    former = errors.groupby("partition")[["error", "row"]].mean().reindex(index)
    noise = former["error"] + former["row"] / rows.clip(lower=1)
    spread = np.maximum(deviation, settings.level_spread)
    width = settings.band_deviations * np.sqrt(spread**2 + noise.to_numpy(np.float64))
    return median - width, median + width
