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

from expectations.admission import BatchFailure, ColumnSpec, GateContext, GateResult, Kind, Lookup
from expectations.data_docs import render
from expectations.engine import Engine, Verdict
from expectations.parsing import typed_column
from expectations.row_facts import RowFacts, subject
from expectations.row_json import encode_rows, value_text
from expectations.statistics import add_bands, describe
from expectations.suites import column_names, read_suite, row_rules

__all__ = ["BatchFailure", "ColumnSpec", "GateContext", "GateResult", "Kind", "Lookup", "gate"]

QUARANTINE_COLUMNS = (
    "table", "partition", "row", "rule", "rules", "column", "value", "remedy", "row_json",
)  # fmt: skip


def gate(table: str, frame: pd.DataFrame, context: GateContext) -> GateResult:
    """Judge `frame`'s raw rows by the suites of `table`.

    Args:
        table: name of the suites, e.g. `exposures`.
        frame: raw rows with `_partition` (key) and `_row` (position in the partition); values may be strings.
        context: contract, clock, known ids, history and limits.

    Raises:
        KeyError: no suite of that table, or a partition of the frame is not in the context.
    """
    missing = [name for name in ("_partition", "_row") if name not in frame]
    if missing:
        raise KeyError(f"{table}: the gate's frame lacks the column(s) {missing}")
    frame = frame.reset_index(drop=True)
    facts, engine = RowFacts(frame, context), Engine()
    parameters = {
        **context.settings.model_dump(),
        "domains": sorted(context.domains),
        "latest_ms": context.now_ms + context.settings.future_tolerance_ms,
    }
    verdicts = _judge_rows(table, facts, engine, parameters)
    broken = np.zeros(len(frame), bool)
    for verdict in verdicts:
        broken[verdict.failing] = True

    batch_suite = read_suite(f"{table}_batch")
    names = batch_suite["meta"].get("hourfold", {})
    described = describe(facts, ~broken, names)
    statistics = add_bands(described, context.history, context.settings, names.get("cycle", "day"))
    failures = [
        _broken_rule(table, partition, verdict)
        for verdict in verdicts
        if verdict.error
        for partition in context.partitions
    ]
    failures += _judge_batches(table, batch_suite["expectations"], statistics, engine, parameters)
    if context.data_docs is not None:
        render(context.data_docs, table, engine, parameters)
    return GateResult(
        passed=_kept(frame, facts, ~broken),
        quarantined=_quarantined(table, frame, facts, verdicts, broken),
        batch_failures={
            partition: tuple(failure for failure in failures if failure.partition == partition)
            for partition in dict.fromkeys(failure.partition for failure in failures)
        },
        statistics=statistics,
        warnings=_warnings(table, frame, context),
    )


def _judge_rows(table: str, facts: RowFacts, engine: Engine, parameters: Mapping[str, Any]) -> list[Verdict]:
    """Verdicts of the row suite in its order, failing positions referring to the call's frame.

    Rules among survivors (uniqueness) run on the rows that no other rule broke, so that a broken first
    copy does not take its good second copy with it.
    """
    rules = row_rules(read_suite(table), facts.context.columns, parameters)
    late = [rule["meta"].get("among") == "survivors" for rule in rules]
    rows = np.arange(facts.size)
    verdicts: list[Verdict] = []
    for stage in (False, True):
        chosen = [rule for rule, is_late in zip(rules, late, strict=True) if is_late == stage]
        names = dict.fromkeys(name for rule in chosen for name in column_names(rule))
        judged = pd.DataFrame({name: facts.column(name, rows) for name in names}, index=range(len(rows)))
        suite = f"{table}_survivors" if stage else table
        good = np.ones(facts.size, bool)
        for verdict in engine.validate(suite, chosen, judged, parameters):
            failing = rows[verdict.failing]
            verdicts.append(Verdict(verdict.expectation, failing, verdict.error))
            good[failing] = False
        rows = rows[good[rows]]
    return verdicts


def _judge_batches(
    table: str,
    expectations: Sequence[Mapping[str, Any]],
    statistics: pd.DataFrame,
    engine: Engine,
    parameters: Mapping[str, Any],
) -> list[BatchFailure]:
    """One failure a rule and partition; a rule of two expectations (low, high) fails once."""
    judged = statistics.reset_index()
    failures: list[BatchFailure] = []
    for verdict in engine.validate(f"{table}_batch", expectations, judged, parameters):
        meta = verdict.expectation["meta"]
        if verdict.error:
            failures += [_broken_rule(table, partition, verdict) for partition in judged["partition"]]
        for position in verdict.failing:
            values = {**parameters, **judged.iloc[position].to_dict()}
            low, high = (values[end] if isinstance(end, str) else end for end in meta["band"])
            message = f"{table} {values['partition']}: {meta['rule']}: {meta['message'].format(**values)}. "
            failures.append(
                BatchFailure(
                    values["partition"], meta["rule"], float(values[meta["observed"]]), (low, high),
                    message + meta["remedy"],
                )
            )  # fmt: skip
    return failures


def _broken_rule(table: str, partition: str, verdict: Verdict) -> BatchFailure:
    """A rule that could not be judged stops the partition: not judged is not passed."""
    message = (
        f"{table} {partition}: {verdict.rule}: the rule itself could not be judged "
        f"({', '.join(column_names(verdict.expectation))}): {verdict.error}. Correct the suite in "
        f"expectations/suites, the other rules were judged."
    )
    return BatchFailure(partition, verdict.rule, None, (None, None), message)


def _kept(frame: pd.DataFrame, facts: RowFacts, passing: np.ndarray) -> pd.DataFrame:
    positions = np.flatnonzero(passing)
    columns = {
        "_partition": frame["_partition"].iloc[positions].reset_index(drop=True),
        "_row": pd.Series(facts.row[positions]),
    }
    for name, spec in facts.context.columns.items():
        columns[name] = typed_column(facts.parsed[name], spec.kind, spec.required, positions)
    return pd.DataFrame(columns)


def _quarantined(
    table: str, frame: pd.DataFrame, facts: RowFacts, verdicts: Sequence[Verdict], broken: np.ndarray
) -> pd.DataFrame:
    """One row a quarantined row: the first rule it broke, and all of them."""
    positions = np.flatnonzero(broken)
    if not len(positions):
        return pd.DataFrame(columns=list(QUARANTINE_COLUMNS))
    violations = pd.DataFrame(
        {
            "position": np.concatenate([verdict.failing for verdict in verdicts]),
            "order": np.repeat(np.arange(len(verdicts)), [len(verdict.failing) for verdict in verdicts]),
        }
    ).sort_values(["position", "order"], kind="stable")
    rules = np.array([verdict.rule for verdict in verdicts], object)
    columns = np.array([subject(column_names(verdict.expectation)[0]) for verdict in verdicts], object)
    remedies = np.array([verdict.expectation["meta"]["remedy"] for verdict in verdicts], object)
    first = violations.drop_duplicates("position")["order"].to_numpy()
    named = violations.assign(rule=rules[violations["order"]]).drop_duplicates(["position", "rule"])
    values = np.full(len(positions), None, object)
    for name in dict.fromkeys(columns[first]):
        chosen = columns[first] == name
        raw = facts.parsed[name].raw.iloc[positions[chosen]].astype(object)
        values[chosen] = [value_text(value) for value in raw]
    whole = frame[[name for name in frame if not str(name).startswith("_")]].iloc[positions]
    quarantined = pd.DataFrame(
        {
            "table": table,
            "partition": frame["_partition"].iloc[positions].to_numpy(object),
            "row": facts.row[positions],
            "rule": rules[first],
            "rules": named.groupby("position")["rule"].agg(",".join).to_numpy(object),
            "column": columns[first],
            "value": values,
            "remedy": remedies[first],
            "row_json": encode_rows(whole),
        }
    )
    if "_file" in frame:
        quarantined["file"] = frame["_file"].iloc[positions].to_numpy(object)
    return quarantined


def _warnings(table: str, frame: pd.DataFrame, context: GateContext) -> tuple[str, ...]:
    extra = [str(name) for name in frame if name not in context.columns and not str(name).startswith("_")]
    if not extra:
        return ()
    return (f"{table}: column(s) {', '.join(extra)} are not in the contract and were kept out",)
