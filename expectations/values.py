"""Rules about single values of rows that are kept: what breaks one is taken as unknown, the row stays.

A row is worth more than the name of its list or its item's vector: losing an item's row would lose every
exposure of it. So rules of a suite that are judged `among` rows that are `kept` take values away, never rows,
and say how many.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from expectations.engine import Engine, Verdict
from expectations.row_facts import RowFacts, subject
from expectations.row_json import value_text


def judge_values(
    facts: RowFacts,
    engine: Engine,
    rules: Sequence[Mapping[str, Any]],
    passing: np.ndarray,
    parameters: Mapping[str, Any],
) -> list[Verdict]:
    """Verdicts of the rules that are judged among kept rows; of columns that were delivered.

    Args:
        rules: of the row suite, all of them.
        passing: bool [rows], which are kept.
    """
    chosen = [
        rule
        for rule in rules
        if rule["meta"].get("among") == "kept" and not facts.parsed[subject(rule)].missing.all()
    ]
    if not chosen:
        return []
    rows = np.flatnonzero(passing)
    return [
        Verdict(said.expectation, rows[said.failing], said.error, said.result)
        for said in engine.validate(chosen, facts.columns(chosen, rows), parameters)
    ]


def partly_known(table: str, facts: RowFacts, name: str | None, statistics: pd.DataFrame) -> list[str]:
    """A sentence where a delivered column of requests (`name`) is empty in some of the rows that are kept."""
    if name is None or facts.parsed[name].raw.isna().all():
        return []
    rows = statistics["kept"]
    unknown = int((statistics["request_unknown"] * rows).sum().round())
    if not unknown:
        return []
    return [
        f"{table}: {unknown:,} of {int(rows.sum()):,} rows ({unknown / rows.sum():.1%}) have no {name!r}: "
        "figures by list leave them out"
    ]


def take_away(table: str, facts: RowFacts, verdicts: Sequence[Verdict], where: Any) -> list[str]:
    """Make unknown what broke a rule, unless the rule only `warns`; a sentence a rule and column.

    Args:
        where: from a row's position to the words that name it.
    """
    sentences = []
    for verdict in verdicts:
        if not len(verdict.failing):
            continue
        column, meta = subject(verdict.expectation), verdict.expectation["meta"]
        example = value_text(facts.parsed[column].raw.iloc[verdict.failing[0]])
        became = "is odd" if meta.get("warns") else "is taken as unknown"
        sentences.append(
            f"{table}: {column!r} of {len(verdict.failing):,} rows {became}, the rows stay: {verdict.rule}, "
            f"such as {example!r} ({where(verdict.failing[0])}). {meta['remedy']}"
        )
        if not meta.get("warns"):
            facts.parsed[column].missing[verdict.failing] = True
    return sentences
