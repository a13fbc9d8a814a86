"""Verdicts on partitions: what the batch suite says of each, with the figure, its limits and a sentence."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from expectations.admission import BatchFailure, RuleVerdict
from expectations.engine import Verdict, columns_of

REASONS_OF = "share_quarantined"
"""The rule whose message names the row rules that were broken."""


def partition_verdicts(
    table: str,
    row_verdicts: Sequence[Verdict],
    batch_verdicts: Sequence[Verdict],
    statistics: pd.DataFrame,
    parameters: Mapping[str, Any],
    reasons: Callable[[int], str],
) -> dict[str, tuple[RuleVerdict, ...]]:
    """One verdict a rule and partition; a rule of two expectations (low, high) has one.

    Args:
        table: its name, for messages.
        row_verdicts: of the rows; one that could not be judged stops every partition.
        batch_verdicts: of the partitions, failing positions referring to `statistics`.
        statistics: one row a partition, as `expectations.statistics` gives them.
        parameters: limits by name.
        reasons: position of a partition → which row rules its rows broke.
    """
    judged = statistics.reset_index()
    by_rule: dict[str, list[Verdict]] = {}
    for verdict in batch_verdicts:
        by_rule.setdefault(verdict.rule, []).append(verdict)
    unjudged = [verdict for verdict in row_verdicts if verdict.error]
    broken = {
        rule: set(np.concatenate([verdict.failing for verdict in verdicts]).tolist())
        for rule, verdicts in by_rule.items()
    }
    result = {}
    for position, values in enumerate(judged.to_dict("records")):
        said = [_unjudged(table, values["partition"], verdict) for verdict in unjudged]
        for rule, verdicts in by_rule.items():
            error = next((verdict for verdict in verdicts if verdict.error), None)
            if error is not None:
                said.append(_unjudged(table, values["partition"], error))
                continue
            failing = position in broken[rule]
            why = reasons(position) if failing and rule == REASONS_OF else ""
            said.append(
                _verdict(table, verdicts[0].expectation["meta"], {**parameters, **values}, failing, why)
            )
        result[values["partition"]] = tuple(said)
    return result


def failures_of(verdicts: Mapping[str, tuple[RuleVerdict, ...]]) -> dict[str, tuple[BatchFailure, ...]]:
    """The broken rules of the partitions that broke any that stops them."""
    failures = {
        partition: tuple(
            BatchFailure(partition, said.rule, said.observed, (said.low, said.high), said.message)
            for said in rules
            if said.stops and not said.passed
        )
        for partition, rules in verdicts.items()
    }
    return {partition: broken for partition, broken in failures.items() if broken}


def _verdict(
    table: str, meta: Mapping[str, Any], values: Mapping[str, Any], failing: bool, why: str
) -> RuleVerdict:
    ends = [values[end] if isinstance(end, str) else end for end in meta["band"]]
    low, high = (None if end is None or np.isnan(end) else float(end) for end in ends)
    observed = None if np.isnan(values[meta["observed"]]) else float(values[meta["observed"]])
    begin = f"{table} {values['partition']}: {meta['rule']}: "
    stops = _stops(meta, values, observed)
    if failing and not stops:
        message = f"{begin}{meta['message'].format(**values)}. Loaded, as a day of history: look at it once"
    elif failing:
        message = f"{begin}{meta['message'].format(**values)}. {why}{meta['remedy']}"
    elif observed is None:
        message = f"{begin}not judged: there is no figure of {values['rows']} rows"
    elif low is None and high is None:
        message = (
            f"{begin}not judged: {values['history_days']:.0f} former partitions at the same point of the "
            f"cycle, {values['min_history_days']} are needed (min_history_days)"
        )
    else:
        message = begin + meta.get("kept", meta["message"]).format(**values)
    return RuleVerdict(meta["rule"], not failing, observed, low, high, message, stops)


def _stops(meta: Mapping[str, Any], values: Mapping[str, Any], observed: float | None) -> bool:
    """Whether a broken rule stops the partition: of history only beyond the limits of `settled_band`."""
    if not values["settled"] or "settled_band" not in meta or observed is None:
        return True
    least, most = (None if end is None else values[end] for end in meta["settled_band"])
    return (least is not None and observed < least) or (most is not None and observed > most)


def _unjudged(table: str, partition: str, verdict: Verdict) -> RuleVerdict:
    """A rule that could not be judged stops the partition: not judged is not passed."""
    message = (
        f"{table} {partition}: {verdict.rule}: the rule itself could not be judged "
        f"({', '.join(columns_of(verdict.expectation['kwargs']))}): {verdict.error}. Correct the suite in "
        f"expectations/suites, the other rules were judged."
    )
    return RuleVerdict(verdict.rule, False, None, None, None, message)
