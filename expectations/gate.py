"""The quality gate: raw rows of one or several partitions in, kept and quarantined rows out.

Two Great Expectations suites are the rules of a table, `suites/<table>.json` (rows) and
`suites/<table>_batch.json` (one row a partition). A new table is a new pair of suites and its columns in the
context; nothing here names a table. All partitions of a call are judged by one run of each suite.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from expectations.admission import (
    BatchFailure,
    ColumnSpec,
    GateContext,
    GateResult,
    JudgedSuite,
    Kind,
    Lookup,
    RuleVerdict,
)
from expectations.bands import add_bands
from expectations.batches import failures_of, partition_verdicts
from expectations.data_docs import render
from expectations.engine import Engine, Verdict
from expectations.parsing import typed_column
from expectations.refusals import Refusals
from expectations.row_facts import RowFacts
from expectations.settings import DAY_MS
from expectations.statistics import describe
from expectations.suites import needed, read_suite, row_rules
from expectations.values import judge_values, partly_known, take_away
from expectations.vector_facts import vector_column

__all__ = [
    "BatchFailure", "ColumnSpec", "GateContext", "GateResult", "Kind", "Lookup", "RuleVerdict", "gate",
]  # fmt: skip


def gate(table: str, frame: pd.DataFrame, context: GateContext) -> GateResult:
    """Judge `frame`'s raw rows by the suites of `table`.

    Args:
        table: name of the suites, e.g. `exposures`.
        frame: raw rows with `_partition` (key) and `_row` (position in the partition); values may be strings.
            With `_file` (path), quarantine and refusals name the file.
        context: contract, clock, known ids, history and limits.

    Raises:
        KeyError: no suite of that table, or a partition of the frame is not in the context.
        ValueError: a column of the contract has a name that suites use for facts.
    """
    missing = [name for name in ("_partition", "_row") if name not in frame]
    if missing:
        raise KeyError(f"{table}: the gate's frame lacks the column(s) {missing}")
    frame = frame.reset_index(drop=True)
    facts, engine = RowFacts(frame, context), Engine()
    parameters = context.settings.parameters(context.now_ms)
    parameters |= {"domains": sorted(context.domains), "vector": vector_column(facts)}
    rules = row_rules(read_suite(table), facts.context.columns, parameters)
    rows, survivors = _judge_rows(rules, facts, engine, parameters)
    refusals = Refusals(table, frame, facts, [*rows, *survivors])
    passing = np.isin(np.arange(len(frame)), refusals.positions, invert=True)
    values = judge_values(facts, engine, rules, passing, parameters)
    said = take_away(table, facts, values, refusals.where)

    batch_suite = read_suite(f"{table}_batch")
    names = batch_suite["meta"].get("hourfold", {})
    described = describe(facts, passing, names)
    said += partly_known(table, facts, names.get("request"), described)
    settled, cycle = _settled(context, described["rows"]), names.get("cycle", "day")
    statistics = add_bands(described, context.history, context.settings, cycle, settled, context.closed)
    batch_rules = needed(batch_suite["expectations"], parameters)
    batches = engine.validate(batch_rules, statistics.reset_index(), parameters)
    of_rows = [*rows, *survivors, *values]
    verdicts = partition_verdicts(table, of_rows, batches, statistics, parameters, refusals.reasons)
    result = GateResult(
        passed=_kept(frame, facts, passing),
        quarantined=refusals.rows(),
        batch_failures=failures_of(verdicts),
        statistics=statistics,
        warnings=(*_warnings(table, frame, context), *said, *_odd(verdicts)),
        verdicts=verdicts,
        judged=_suites(table, parameters, rows, survivors, values, batches),
    )
    if context.data_docs is not None:
        render(context.data_docs, table, result)
    return result


def _suites(table: str, parameters: Mapping[str, Any], *judged: Sequence[Verdict]) -> tuple[JudgedSuite, ...]:
    """Those of the four suites that judged something: rows, survivors, values and partitions."""
    names = (table, f"{table}_survivors", f"{table}_values", f"{table}_batch")
    return tuple(
        JudgedSuite(name, tuple(said), parameters) for name, said in zip(names, judged, strict=True) if said
    )


def _judge_rows(
    rules: Sequence[Mapping[str, Any]], facts: RowFacts, engine: Engine, parameters: Mapping[str, Any]
) -> tuple[list[Verdict], list[Verdict]]:
    """Verdicts of the row suite on all rows and on survivors, positions referring to the call's frame.

    Rules among survivors (uniqueness) run on the rows that no other rule broke, so that a broken first
    copy does not take its good second copy with it.
    """
    rows = np.arange(facts.size)
    verdicts: tuple[list[Verdict], list[Verdict]] = ([], [])
    for said, among in zip(verdicts, (None, "survivors"), strict=True):
        chosen = [rule for rule in rules if rule["meta"].get("among") == among]
        good = np.ones(facts.size, bool)
        with facts.context.asking():
            columns = facts.columns(chosen, rows)
        for verdict in engine.validate(chosen, columns, parameters):
            failing = rows[verdict.failing]
            if verdict.expectation["meta"].get("keep") == "first":
                failing = _later_copies(facts, verdict.expectation["kwargs"]["column_list"], failing)
            said.append(Verdict(verdict.expectation, failing, verdict.error, verdict.result))
            good[failing] = False
        rows = rows[good[rows]]
    return verdicts


def _settled(context: GateContext, rows: pd.Series) -> list[str]:
    """Partitions that are history: they began long ago, and no more of them has been loaded before.

    One that comes again with less than half of its rows may have been cut: it is judged as today's are.
    """
    latest_ms = context.now_ms - context.settings.history_after_days * DAY_MS
    return [
        key
        for key, bounds in context.partitions.items()
        if bounds is not None and bounds[0] < latest_ms and rows[key] >= context.loaded.get(key, 0) / 2
    ]


def _later_copies(facts: RowFacts, names: list[str], rows: np.ndarray) -> np.ndarray:
    """Of rows that have another one like them, those that have an earlier one: the first is kept."""
    ordered = rows[np.lexsort((facts.row[rows], facts.partition[rows]))]
    keys = pd.DataFrame(
        {
            name: facts.partition[ordered] if name == "the partition" else facts.parsed[name].values[ordered]
            for name in names
        }
    )
    return np.sort(ordered[keys.duplicated().to_numpy()])


def _kept(frame: pd.DataFrame, facts: RowFacts, passing: np.ndarray) -> pd.DataFrame:
    positions = np.flatnonzero(passing)
    columns = {
        "_partition": frame["_partition"].iloc[positions].reset_index(drop=True),
        "_row": pd.Series(facts.row[positions]),
    }
    for name, spec in facts.context.columns.items():
        columns[name] = typed_column(facts.parsed[name], spec.kind, spec.required, positions)
    return pd.DataFrame(columns)


def _odd(verdicts: Mapping[str, tuple[RuleVerdict, ...]]) -> list[str]:
    """What is odd about partitions of history and stops none of them."""
    return [
        said.message for rules in verdicts.values() for said in rules if not said.passed and not said.stops
    ]


def _warnings(table: str, frame: pd.DataFrame, context: GateContext) -> tuple[str, ...]:
    extra = [str(name) for name in frame if name not in context.columns and not str(name).startswith("_")]
    if not extra:
        return ()
    return (f"{table}: column(s) {', '.join(extra)} are not in the contract and were kept out",)
