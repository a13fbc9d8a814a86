"""Quarantined rows with their reasons, and the sentence that says why so many of a partition are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Sized
from typing import Any

import numpy as np
import pandas as pd

from expectations.engine import Verdict
from expectations.row_facts import RowFacts, subject
from expectations.row_groups import RowGroups
from expectations.row_json import encode_rows, value_text
from expectations.settings import DAY_MS
from expectations.units import UNITS, unit_of

QUARANTINE_COLUMNS = (
    "table", "partition", "row", "rule", "rules", "column", "value", "remedy", "row_json",
)  # fmt: skip
_NAMED_RULES = 3
_YEAR_MS = 365 * DAY_MS
_MANY = 0.25  # share of the ids that is more than a few late ones


class Refusals:
    """The rows that broke a rule, and the first rule that each broke.

    Attributes: `positions` (int64, ascending) in the call's frame, `first` (position of the verdict).
    """

    def __init__(self, table: str, frame: pd.DataFrame, facts: RowFacts, verdicts: Sequence[Verdict]) -> None:
        self.table, self.frame, self.facts, self.verdicts = table, frame, facts, verdicts
        sizes = [len(verdict.failing) for verdict in verdicts]
        violations = pd.DataFrame(
            {
                "position": np.concatenate([np.empty(0, np.int64), *(v.failing for v in verdicts)]),
                "order": np.repeat(np.arange(len(verdicts)), sizes),
            }
        ).sort_values(["position", "order"], kind="stable")
        first = violations.drop_duplicates("position")
        self._violations = violations
        self.positions, self.first = first["position"].to_numpy(), first["order"].to_numpy()
        self._broken_of = RowGroups(facts.partition[self.positions])
        self._codes: dict[str, np.ndarray] = {}
        kinds = pd.MultiIndex.from_tuples([(v.rule, subject(v.expectation)) for v in verdicts])
        self._kinds, self._names = pd.factorize(kinds)  # of each verdict: its rule and column

    def rows(self) -> pd.DataFrame:
        """One row a quarantined row, see `GateResult.quarantined`."""
        if not len(self.positions):
            return pd.DataFrame(columns=list(QUARANTINE_COLUMNS))
        rules = np.array([verdict.rule for verdict in self.verdicts], object)
        subjects = np.array([subject(verdict.expectation) for verdict in self.verdicts], object)
        remedies = np.array([verdict.expectation["meta"]["remedy"] for verdict in self.verdicts], object)
        values = np.full(len(self.positions), None, object)
        for name in dict.fromkeys(subjects[self.first]):
            chosen = subjects[self.first] == name
            raw = self.facts.parsed[name].raw.iloc[self.positions[chosen]].astype(object)
            values[chosen] = [value_text(value) for value in raw]
        frame = self.frame
        whole = frame[[name for name in frame if not str(name).startswith("_")]].iloc[self.positions]
        quarantined = pd.DataFrame(
            {
                "table": self.table,
                "partition": frame["_partition"].iloc[self.positions].to_numpy(object),
                "row": self.facts.row[self.positions],
                "rule": rules[self.first],
                "rules": self._rules(),
                "column": subjects[self.first],
                "value": values,
                "remedy": remedies[self.first],
                "row_json": encode_rows(whole),
            }
        )
        if "_file" in frame:
            quarantined["file"] = frame["_file"].iloc[self.positions].to_numpy(object)
        return quarantined

    def reasons(self, partition: int) -> str:
        """Which rules the rows of a partition (by position) broke: counts, column, value, file and remedy."""
        mine = self._broken_of.rows(partition)
        kinds = self._kinds[self.first[mine]]
        counts = np.bincount(kinds, minlength=len(self._names))
        order = np.argsort(-counts, kind="stable")[: np.count_nonzero(counts)]
        sentences = []
        for kind in order[:_NAMED_RULES]:
            rule, column = self._names[kind]
            rows = self.positions[mine[kinds == kind]]
            value = value_text(self.facts.parsed[column].raw.iloc[rows[0]])
            example = "that have no value" if value is None else f"such as {value!r}"
            expectation = self.verdicts[int(np.argmax(self._kinds == kind))].expectation
            sentences.append(
                f"{len(rows)} break {rule}: column {column!r}, {example} ({self.where(rows[0])}). "
                f"{self._advice(expectation, column, rows, partition)} "
            )
        if len(order) > _NAMED_RULES:
            others = ", ".join(dict.fromkeys(self._names[kind][0] for kind in order[_NAMED_RULES:]))
            sentences.append(f"{counts[order[_NAMED_RULES:]].sum()} more break {others}. ")
        return "".join(sentences)

    def _rules(self) -> np.ndarray:
        """All rules that each row broke, comma-separated, in the suite's order."""
        codes, names = pd.factorize(np.array([verdict.rule for verdict in self.verdicts], object))
        sets = np.zeros(len(self.positions), np.int64)  # bits: a suite has some twenty rules
        row = np.searchsorted(self.positions, self._violations["position"])
        np.bitwise_or.at(sets, row, np.int64(1) << codes[self._violations["order"]])
        which, kinds = pd.factorize(sets)
        texts = [",".join(name for bit, name in enumerate(names) if kind >> bit & 1) for kind in kinds]
        return np.array(texts, object)[which]

    def where(self, position: int) -> str:
        """The file and number of a row, in words."""
        row = f"row {self.facts.row[position]}, counted from 0"
        return f"{self.frame['_file'].iloc[position]}, {row}" if "_file" in self.frame else row

    def _advice(self, rule: Mapping[str, Any], column: str, rows: np.ndarray, partition: int) -> str:
        """The remedy, in the words of the case where the rows show what the case is."""
        meta = rule["meta"]
        if meta["rule"] == "time_unit":
            return _unit_sentence(self.facts.parsed[column].values[rows])
        if rule["kwargs"].get("column") != f"{column} is known":
            return meta["remedy"]
        table = meta["arguments"][0]
        lookup = self.facts.context.known[table]
        if isinstance(lookup, Sized) and not len(lookup):
            return (
                f"{table}/ is missing or has no rows, none have been loaded: put a file with a column "
                f"{column!r} there and ingest again."
            )
        return self._strangers(table, column, rows, partition) + meta["remedy"]

    def _strangers(self, table: str, column: str, rows: np.ndarray, partition: int) -> str:
        """What is wrong with a dimension table that does not know so many ids."""
        lookup = self.facts.context.known[table]
        size = f" (it has {len(lookup)})" if isinstance(lookup, Sized) else ""
        if column not in self._codes:
            self._codes[column] = pd.factorize(pd.Series(self.facts.parsed[column].values))[0]
        codes = self._codes[column]
        unknown = len(np.unique(codes[rows]))
        given = len(np.unique(codes[self.facts.rows_of.rows(partition)]))
        if unknown < _MANY * given:
            return ""
        return (
            f"{unknown} of the partition's {given} {table} are new to {table}/{size}: its file is older than "
            f"these rows, or names them otherwise. "
        )


def _unit_sentence(values: np.ndarray) -> str:
    """What the most frequent wrong unit of epoch times is, with an example read both ways, and the remedy."""
    codes = unit_of(values)
    code, name, factor = UNITS[int(np.bincount(codes, minlength=len(UNITS))[1:].argmax()) + 1]
    mine = values[codes == code]
    example = int(mine[np.argmax(mine != 0)])
    if np.abs(example * factor) < _YEAR_MS:
        return (
            f"{_date(example)} is of no log: 0 stands for 'unknown' (leave the cell empty), or an epoch "
            f"number was read in a wrong unit when the file was written."
        )
    return (
        f"{example} is epoch {name} of {_date(example * factor)}, but read as milliseconds it is of "
        f"{_date(example)}: write milliseconds ({'×' if factor > 1 else '÷'} {max(factor, 1 / factor):,.0f}) "
        f"or ISO 8601 with Z."
    )


def _date(milliseconds: float) -> str:
    try:
        return str(np.datetime64(int(milliseconds), "ms").astype("datetime64[D]"))
    except (OverflowError, ValueError):
        return "no calendar"
