"""Columns that the row suites speak of: read values, and facts for which no built-in expectation exists.

A suite names a column of the contract plainly (`dwell_seconds`: the read value, null where missing or
unreadable) or with a fact, `shown_at.in_partition`, `user_id.known(users, shown_at)`: the second is a
column of booleans that must all be true. Great Expectations still decides and reports; here values are
only prepared, whole columns at once. A fact is true where the column has no readable value: other rules
judge that.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pandas as pd

from expectations.admission import GateContext, Lookup
from expectations.parsing import ParsedColumn, parse
from expectations.settings import HOUR_MS

_FACT = re.compile(r"^(?P<column>.+?)\.(?P<fact>[a-z0-9_]+)(?:\((?P<args>[^)]*)\))?$")


def subject(name: str) -> str:
    """The contract column that a suite's column name is about."""
    fact = _FACT.match(name)
    return fact["column"] if fact else name


class RowFacts:
    """The raw frame of one call, its columns read by the contract.

    Attributes: `parsed` (name → ParsedColumn; a column that the frame lacks counts as all missing),
    `partition` (int, position in `context.partitions`), `row` (int).
    """

    def __init__(self, frame: pd.DataFrame, context: GateContext) -> None:
        self.context = context
        self.size = len(frame)
        self.row = frame["_row"].to_numpy(np.int64)
        self.partition = pd.Index(list(context.partitions)).get_indexer(pd.Index(frame["_partition"]))
        if (self.partition < 0).any():
            stranger = frame["_partition"].iloc[int(np.argmin(self.partition))]
            raise KeyError(f"partition {stranger!r} is in the frame but not in the context's partitions")
        absent = pd.Series(np.full(self.size, None, object))
        self.parsed: dict[str, ParsedColumn] = {
            name: parse(frame.get(name, absent), spec.kind) for name, spec in context.columns.items()
        }
        bounds = [
            limits or (np.iinfo(np.int64).min, np.iinfo(np.int64).max)
            for limits in context.partitions.values()
        ]
        self.start_ms, self.end_ms = np.array(bounds, np.int64).reshape(-1, 2).T

    def column(self, name: str, rows: np.ndarray) -> pd.Series:
        """The column of a suite's name over the given row positions; KeyError names what is not known."""
        if name in self.parsed:
            return self._values(name, rows)
        fact = _FACT.match(name)
        if fact is None or fact["column"] not in self.parsed or fact["fact"] not in FACTS:
            raise KeyError(
                f"column {name!r}: neither a column of the contract ({', '.join(self.parsed)}) "
                f"nor one with a fact ({', '.join(FACTS)})"
            )
        args = [arg.strip() for arg in (fact["args"] or "").split(",") if arg.strip()]
        return pd.Series(FACTS[fact["fact"]](self, fact["column"], rows, *args))

    def _values(self, name: str, rows: np.ndarray) -> pd.Series:
        column, kind = self.parsed[name], self.context.columns[name].kind
        values, present = column.values[rows], column.present[rows]
        if kind in ("id", "category"):
            return pd.Series(np.where(present, values, None), dtype="str")
        # Epoch milliseconds fit a float64 exactly, and NaN is the null that every expectation understands.
        return pd.Series(np.where(present, values.astype(np.float64), np.nan))


def _in_partition(facts: RowFacts, name: str, rows: np.ndarray) -> np.ndarray:
    column, partition = facts.parsed[name], facts.partition[rows]
    times = column.values[rows]
    inside = (times >= facts.start_ms[partition]) & (times < facts.end_ms[partition])
    return inside | ~column.present[rows]


def _first(facts: RowFacts, name: str, rows: np.ndarray, *others: str) -> np.ndarray:
    """Whether no earlier row of the same partition has the value (and those of the other columns)."""
    column = facts.parsed[name]
    order = np.lexsort((facts.row[rows], facts.partition[rows]))
    keys = pd.DataFrame({"partition": facts.partition[rows]})
    for key in (name, *others):
        keys[key] = facts.parsed[key].values[rows]
    first = np.empty(len(rows), bool)
    first[order] = ~keys.iloc[order].duplicated().to_numpy()
    return first | ~column.present[rows]


def _new(facts: RowFacts, name: str, rows: np.ndarray) -> np.ndarray:
    """Whether neither the warehouse nor an earlier partition of the call holds the value.

    So many partitions in one call are judged as if they had come one by one.
    """
    column, partition = facts.parsed[name], facts.partition[rows]
    values = pd.Series(np.where(column.present[rows], column.values[rows], None), dtype=object)
    earliest = pd.Series(partition).groupby(values).transform("min").fillna(-1).to_numpy(np.int64)
    fresh = (earliest == partition) & ~_among(column, rows, facts.context.existing_ids)
    return fresh | ~column.present[rows]


def _known(facts: RowFacts, name: str, rows: np.ndarray, table: str, time: str) -> np.ndarray:
    """Whether the id is in the dimension table, or the row is young enough for a late dimension row."""
    column, clock = facts.parsed[name], facts.parsed[time]
    if table not in facts.context.known:
        return np.ones(len(rows), bool)
    known = _among(column, rows, facts.context.known[table]) | ~column.present[rows]
    grace_ms = facts.context.settings.dimension_grace_hours * HOUR_MS
    young = clock.present[rows] & (facts.context.now_ms - clock.values[rows] < grace_ms)
    return known | young


def _preceded(
    facts: RowFacts, name: str, rows: np.ndarray, user: str, time: str, genre: str, brand: str
) -> np.ndarray:
    """Whether a flagged row follows an unflagged one of the same user, genre and brand, or is not flagged.

    The unflagged row is another of `rows` or one in the warehouse (`GateContext.purchased`), no later than
    the flagged one. A flagged row without a brand may follow one of any brand.
    """
    flag = facts.parsed[name]
    flagged = flag.present[rows] & (flag.values[rows] == 1)
    if not flagged.any():
        return np.ones(len(rows), bool)
    keys = [user, genre, brand]
    frame = pd.DataFrame({key: facts.parsed[key].values[rows] for key in keys})
    frame["ms"] = facts.parsed[time].values[rows].astype(np.float64)
    cancelled = frame[flagged].reset_index(drop=True)
    # Of millions of rows only those of users who cancelled matter.
    others = frame[~flagged & frame[user].isin(cancelled[user].unique()).to_numpy(bool)]
    known = _earliest(cancelled, others, keys).where(
        cancelled[brand].notna(), _earliest(cancelled, others, keys[:2])
    )
    open_ = ~(known <= cancelled["ms"]).to_numpy(bool)
    if open_.any() and facts.context.purchased is not None:
        known[open_] = facts.context.purchased(
            cancelled.loc[open_, keys].set_axis(["user", "genre", "brand"], axis=1)
        )
    good = np.ones(len(rows), bool)
    good[flagged] = (known <= cancelled["ms"]).to_numpy(bool)
    return good


def _earliest(cancelled: pd.DataFrame, others: pd.DataFrame, keys: list[str]) -> pd.Series:
    """The first time among `others` of each cancellation's keys; NaN where there is none."""
    times = others.groupby(keys)["ms"].min().rename("known").reset_index()
    return cancelled[keys].merge(times, on=keys, how="left")["known"]


def _among(column: ParsedColumn, rows: np.ndarray, lookup: Lookup) -> np.ndarray:
    values = pd.Series(np.where(column.present[rows], column.values[rows], None), dtype=object)
    known = lookup(values.dropna().unique()) if callable(lookup) else lookup
    return values.isin(known if isinstance(known, np.ndarray | pd.Series) else set(known)).to_numpy(bool)


def _as_read(quality: str) -> Callable[[RowFacts, str, np.ndarray], np.ndarray]:
    """The fact that is a column of `ParsedColumn` already."""
    return lambda facts, name, rows: getattr(facts.parsed[name], quality)[rows]


FACTS: dict[str, Callable[..., np.ndarray]] = {
    "given": lambda facts, name, rows: ~facts.parsed[name].missing[rows],
    **{quality: _as_read(quality) for quality in ("typed", "zoned", "utf8", "finite")},
    "in_partition": _in_partition,
    "first": _first,
    "new": _new,
    "known": _known,
    "preceded": _preceded,
}
