"""Statistics of partitions: what batch rules judge, and what is kept of a partition as history."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from expectations.request_facts import groups
from expectations.row_facts import RowFacts
from expectations.settings import HOUR_MS
from expectations.units import unit_of
from expectations.vector_facts import widths_by_partition

HOURS = tuple(f"hour_{hour:02d}" for hour in range(24))  #: share of a day's rows in each hour
HISTORY_COLUMNS = ("start_ms", "rows", "kept", "clicks", "level", "level_error", "doubled_share", *HOURS)


def describe(facts: RowFacts, passing: np.ndarray, names: Mapping[str, str]) -> pd.DataFrame:
    """One row a partition of the call, in the context's order.

    Args:
        facts: the rows as read.
        passing: bool [rows], which of them broke no rule.
        names: the batch suite's `time`, `click`, `level` and `request` columns, where it has them, and its
            `cycle`.

    Returns:
        Index `partition`; `start_ms`, `rows`, `kept`, `quarantined`, `share_quarantined`, `clicks`,
        `click_rate` (of kept rows), `level`, `level_error` (see `_level`), `broken_columns` (count), `broken`
        (their names), `shifted_share`, `shift` (see `_shifted`); NaN where a figure does not apply. Of tables
        with `request` also `requests` and `request_unknown` (see `_requests`), of tables with vectors
        `widths_by_partition` and `vector_column`. Of days (cycle `week`) also `doubled_share` (see
        `_doubled`), `moments` (different times of rows) and `HOURS`.
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
    for more in (_requests(facts, passing, names.get("request")), widths_by_partition(facts)):
        table[list(more)] = more.set_index(table.index)
    if names.get("cycle") == "week":
        table["doubled_share"] = _doubled(facts, rows)
        table["moments"] = _moments(facts, names["time"])
        table[list(HOURS)] = _hours(facts, names["time"])
    return table


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


def _doubled(facts: RowFacts, rows: np.ndarray) -> np.ndarray:
    """Share of a partition's rows that occur in it an even number of times, all columns alike.

    A file that was delivered twice, in whatever form, makes it 1; things that are bought several times do
    not, since some are bought three times.
    """
    values = pd.DataFrame({name: column.values for name, column in facts.parsed.items()}, copy=False)
    row = pd.util.hash_pandas_object(values.assign(_partition=facts.partition), index=False)
    _, which, count = np.unique(row.to_numpy(), return_inverse=True, return_counts=True)
    even = np.bincount(facts.partition, count[which] % 2 == 0, len(rows))
    return np.where(rows > 0, even / np.maximum(rows, 1), np.nan)


def _requests(facts: RowFacts, passing: np.ndarray, name: str | None) -> pd.DataFrame:
    """`requests`, lists in which the kept rows were shown, and `request_unknown`, the share of rows of none.

    One row a partition; no columns where the table has no requests (`name` is None).
    """
    if name is None:
        return pd.DataFrame(index=range(len(facts.start_ms)))
    rows, count = np.flatnonzero(passing), len(facts.start_ms)
    partition, group = facts.partition[rows], groups(facts, name, rows)
    first = np.unique(group, return_index=True)[1]
    lists = np.bincount(partition[first[group[first] >= 0]], minlength=count)
    total = np.bincount(partition, minlength=count)
    unknown = np.bincount(partition[group < 0], minlength=count)
    share = np.where(total > 0, unknown / np.maximum(total, 1), np.nan)
    return pd.DataFrame({"requests": lists, "request_unknown": share})


def _moments(facts: RowFacts, time: str) -> np.ndarray:
    """How many different times a partition's rows have: rows of one order share theirs."""
    column = facts.parsed[time]
    times = pd.DataFrame({"partition": facts.partition, "time": column.values})[column.present]
    return np.bincount(times.drop_duplicates()["partition"], minlength=len(facts.start_ms))


def _hours(facts: RowFacts, time: str) -> np.ndarray:
    """Share of a partition's rows in each hour after its start; [partitions, 24], NaN without rows."""
    column, count = facts.parsed[time], len(facts.start_ms)
    hour = (column.values - facts.start_ms[facts.partition]) // HOUR_MS
    inside = column.present & (hour >= 0) & (hour < len(HOURS))
    cell = facts.partition[inside] * len(HOURS) + hour[inside]
    rows = np.bincount(cell, minlength=count * len(HOURS)).reshape(count, len(HOURS)).astype(np.float64)
    total = rows.sum(axis=1, keepdims=True)
    return np.divide(rows, total, out=np.full_like(rows, np.nan), where=total > 0)
