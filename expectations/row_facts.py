"""Columns that the row suites speak of: what was delivered, what was read of it, and a few facts.

A suite names a column of the contract plainly (`dwell_seconds`: the value as read, null where missing or
unreadable) or with one of the endings below. Great Expectations judges all of them with its own
expectations; here values are only prepared, whole columns at once.

- `user_id as given`: the value as it lay in the file, null where missing.
- `price not readable`, `user_id not UTF-8`, `shown_at without zone`, `price not finite` and `shown_at in
  another unit`: the values of which this is true, as text; null elsewhere, and expected to be null.
- `the partition`, `partition start`, `partition end`: the row's partition and its bounds in ms.
- `user_id is known`, `exposure_id is new`, `cancelled follows a purchase`, `request_id of one user`,
  `request_id within minutes`: true or false, for what the library has no word for.
- `text_embedding of another width`: the length of a vector that is not as long as those of before.

A fact is true where the column has no readable value: other rules judge that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from expectations.admission import GateContext, Lookup
from expectations.engine import columns_of
from expectations.parsing import ParsedColumn, parse
from expectations.request_facts import of_one_user, within_minutes
from expectations.row_groups import RowGroups
from expectations.row_json import value_text
from expectations.settings import HOUR_MS
from expectations.units import unit_of
from expectations.vector_facts import known_width, of_another_width

_PARTITION = ("the partition", "partition start", "partition end")


def subject(rule: Mapping[str, Any]) -> str:
    """The contract column that a rule is about."""
    name = rule["meta"].get("subject") or columns_of(rule["kwargs"])[0]
    return next((name.removesuffix(ending) for ending in ENDINGS if name.endswith(ending)), name)


class RowFacts:
    """The raw frame of one call, its columns read by the contract.

    Attributes: `parsed` (name → ParsedColumn; a column that the frame lacks counts as all missing),
    `partition` (int, position in `context.partitions`), `row` (int).
    """

    def __init__(self, frame: pd.DataFrame, context: GateContext) -> None:
        self.context = context
        self.size = len(frame)
        self.row = frame["_row"].to_numpy(np.int64)
        self.keys = list(context.partitions)
        codes, keys = pd.factorize(frame["_partition"])
        numbers = pd.Index(self.keys).get_indexer(pd.Index(keys))
        if (numbers < 0).any():
            stranger = keys[int(np.argmin(numbers))]
            raise KeyError(f"partition {stranger!r} is in the frame but not in the context's partitions")
        self.partition = numbers[codes] if self.size else np.empty(0, np.int64)
        for name in context.columns:
            if name in _PARTITION or name.endswith(tuple(ENDINGS)):
                raise ValueError(f"column {name!r} has a name that the gate's suites use: rename the column")
        absent = pd.Series(np.full(self.size, None, object))
        self.parsed: dict[str, ParsedColumn] = {
            name: parse(frame.get(name, absent), spec.kind) for name, spec in context.columns.items()
        }
        bounds = [
            limits or (np.iinfo(np.int64).min, np.iinfo(np.int64).max)
            for limits in context.partitions.values()
        ]
        self.start_ms, self.end_ms = np.array(bounds, np.int64).reshape(-1, 2).T

    rows_of = cached_property(lambda self: RowGroups(self.partition))  #: the rows of each partition
    width = cached_property(known_width)  #: how long vectors are, see there

    def columns(self, rules: Sequence[Mapping[str, Any]], rows: np.ndarray) -> dict[str, pd.Series]:
        """Every column that the rules speak of, over ascending row positions; KeyError names an unknown."""
        columns: dict[str, pd.Series] = {}
        for rule in rules:
            for name in columns_of(rule["kwargs"]):
                if name not in columns:
                    columns[name] = self._column(name, rows, rule["meta"].get("arguments", ()))
        return columns

    def _column(self, name: str, rows: np.ndarray, arguments: Sequence[str]) -> pd.Series:
        if name in self.parsed:
            return self._values(name, rows)
        if name in _PARTITION:
            return self._of_partition(name, rows)
        for ending, fact in ENDINGS.items():
            column = name.removesuffix(ending)
            if column != name and column in self.parsed:
                return fact(self, column, rows, *arguments)
        raise KeyError(
            f"column {name!r}: neither a column of the contract ({', '.join(self.parsed)}) nor one with an "
            f"ending ({', '.join(ENDINGS)})"
        )

    def at(self, values: Any, rows: np.ndarray) -> Any:
        """The values at ascending row positions, uncopied where these are all rows."""
        return values if len(rows) == self.size else values[rows]

    def _values(self, name: str, rows: np.ndarray) -> pd.Series:
        column, kind = self.parsed[name], self.context.columns[name].kind
        values = self.at(column.values, rows)
        if kind in ("id", "category"):
            return pd.Series(values, dtype="str")
        if kind != "time":
            return pd.Series(values)
        # Epoch milliseconds fit a float64 exactly, and NaN is the null that every expectation understands.
        return pd.Series(np.where(self.at(column.present, rows), values.astype(np.float64), np.nan))

    def _of_partition(self, name: str, rows: np.ndarray) -> pd.Series:
        partition = self.at(self.partition, rows)
        if name == "the partition":
            return pd.Series(pd.Categorical.from_codes(partition, self.keys))
        bounds = self.start_ms if name == "partition start" else self.end_ms
        return pd.Series(bounds.astype(np.float64)[partition])


def _given(facts: RowFacts, name: str, rows: np.ndarray) -> pd.Series:
    column = facts.parsed[name]
    given = column.raw.reset_index(drop=True)
    if column.missing.any():  # an empty text is missing too
        given = given.mask(column.missing)
    return given if len(rows) == facts.size else given.iloc[rows].reset_index(drop=True)


def _offending(quality: str) -> Callable[..., pd.Series]:
    """The values that lack a quality of `ParsedColumn`, as text; null elsewhere."""

    def values(facts: RowFacts, name: str, rows: np.ndarray) -> pd.Series:
        column = facts.parsed[name]
        return _texts_where(facts, column, ~getattr(column, quality), rows)

    return values


def _texts_where(facts: RowFacts, column: ParsedColumn, where: np.ndarray, rows: np.ndarray) -> pd.Series:
    where = facts.at(where, rows)
    if not where.any():
        return pd.Series(np.full(len(rows), np.nan))
    texts = np.full(len(rows), None, object)
    texts[where] = [value_text(value) or "" for value in column.raw.iloc[rows[where]].astype(object)]
    return pd.Series(texts, dtype=object)


def _another_unit(facts: RowFacts, name: str, rows: np.ndarray) -> pd.Series:
    column = facts.parsed[name]
    return _texts_where(facts, column, column.present & (unit_of(column.values) > 0), rows)


def _new(facts: RowFacts, name: str, rows: np.ndarray) -> pd.Series:
    """Whether neither the warehouse nor an earlier partition of the call holds the value.

    So many partitions in one call are judged as if they had come one by one.
    """
    column, partition = facts.parsed[name], facts.at(facts.partition, rows)
    fresh = ~_among(facts, column, rows, facts.context.existing_ids)
    if len(facts.keys) > 1:
        codes, ids = pd.factorize(pd.Series(facts.at(column.values, rows)))
        earliest = np.full(len(ids) + 1, len(facts.keys))
        np.minimum.at(earliest, codes, partition)
        fresh &= earliest[codes] == partition
    return pd.Series(fresh | ~facts.at(column.present, rows))


def _known(facts: RowFacts, name: str, rows: np.ndarray, table: str, time: str) -> pd.Series:
    """Whether the id is in the dimension table, or the row is young enough for a late dimension row."""
    column, clock = facts.parsed[name], facts.parsed[time]
    if table not in facts.context.known:
        return pd.Series(np.ones(len(rows), bool))
    known = _among(facts, column, rows, facts.context.known[table]) | ~facts.at(column.present, rows)
    grace_ms = facts.context.settings.dimension_grace_hours * HOUR_MS
    young = facts.context.now_ms - facts.at(clock.values, rows) < grace_ms
    return pd.Series(known | (young & facts.at(clock.present, rows)))


def _preceded(
    facts: RowFacts, name: str, rows: np.ndarray, user: str, time: str, genre: str, brand: str
) -> pd.Series:
    """Whether a flagged row follows an unflagged one of the same user, genre and brand, or is not flagged.

    The unflagged row is another of `rows` or one in the warehouse (`GateContext.purchased`), no later than
    the flagged one. A flagged row without a brand may follow one of any brand.
    """
    flag = facts.parsed[name]
    flagged = flag.present[rows] & (flag.values[rows] == 1)
    if not flagged.any():
        return pd.Series(np.ones(len(rows), bool))
    keys = [user, genre, brand]
    frame = pd.DataFrame({key: pd.Series(facts.parsed[key].values[rows]) for key in keys})
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
    return pd.Series(good)


def _earliest(cancelled: pd.DataFrame, others: pd.DataFrame, keys: list[str]) -> pd.Series:
    """The first time among `others` of each cancellation's keys; NaN where there is none."""
    times = others.groupby(keys)["ms"].min().rename("known").reset_index()
    return cancelled[keys].merge(times, on=keys, how="left")["known"]


def _among(facts: RowFacts, column: ParsedColumn, rows: np.ndarray, lookup: Lookup) -> np.ndarray:
    values = pa.array(facts.at(column.values, rows)).cast(pa.large_string())
    if callable(lookup):
        lookup = lookup(values.unique().drop_null().to_numpy(zero_copy_only=False))
    known = pa.array(
        lookup if isinstance(lookup, np.ndarray | pd.Series) else list(lookup), pa.large_string()
    )
    return pc.is_in(values, value_set=known.drop_null()).to_numpy(zero_copy_only=False)


ENDINGS: dict[str, Callable[..., pd.Series]] = {
    " as given": _given,
    " not readable": _offending("typed"),
    " not UTF-8": _offending("utf8"),
    " without zone": _offending("zoned"),
    " not finite": _offending("finite"),
    " in another unit": _another_unit,
    " is known": _known,
    " is new": _new,
    " follows a purchase": _preceded,
    " of one user": of_one_user,
    " within minutes": within_minutes,
    " of another width": of_another_width,
}
