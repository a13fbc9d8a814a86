"""Judging columns by Great Expectations' own expectations, each on its own feet.

The library's way from a suite to a verdict (context, asset, one copy of the configuration for every key that
is read) costs a third of a second a batch, whatever its size. Here an expectation is built
once a process and keeps the list of metrics that it asks for; a batch costs the metrics alone, which the
library's pandas engine computes, and the library's `_validate`, which turns them into the verdict. A batch
holds only the columns of its expectation: the engine copies the whole frame to drop missing values.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from graphlib import TopologicalSorter
from typing import Any

import numpy as np
import pandas as pd

EXAMPLES = 20
_FORMAT = {"result_format": "SUMMARY", "partial_unexpected_count": EXAMPLES}
_COUNTS = {"result_format": "BASIC", "partial_unexpected_count": EXAMPLES}
_NOTHING = np.empty(0, np.int64)


@dataclass(frozen=True)
class Verdict:
    """What one expectation said: positions (int64, ascending) of failing rows, or its exception.

    `result` has the library's own counts and examples (at most 20), as its Data Docs show them.
    """

    expectation: Mapping[str, Any]
    failing: np.ndarray
    error: str | None = None
    result: Mapping[str, Any] = field(default_factory=dict)

    @property
    def rule(self) -> str:
        """The rule's stable name."""
        return self.expectation["meta"]["rule"]


@dataclass(frozen=True)
class _Prepared:
    """An expectation of the library with the metrics that it asks for.

    `steps` come in an order in which each finds what it depends on; `examples` (values that break the rule)
    is computed only where there are any.
    """

    expectation: Any
    batch_id: str
    steps: tuple[Any, ...]
    wanted: Mapping[str, Any]
    condition: Any
    examples: tuple[str, Any]


class Engine:
    """The library's pandas engine; importing it takes seconds, so only on first use."""

    def __init__(self) -> None:
        from great_expectations.execution_engine import PandasExecutionEngine

        self._pandas = PandasExecutionEngine()

    def validate(
        self,
        expectations: Sequence[Mapping[str, Any]],
        columns: Mapping[str, pd.Series],
        parameters: Mapping[str, Any],
    ) -> list[Verdict]:
        """Verdicts in the order of `expectations`.

        Args:
            expectations: configurations of the library (`type`, `kwargs`, `meta`).
            columns: name → values, all of one length and with a RangeIndex; no rows break nothing.
            parameters: values of the suite's `$PARAMETER`s.
        """
        metrics: dict[Any, Any] = {}
        loaded: set[str] = set()
        return [
            self._judge(expectation, columns, parameters, metrics, loaded) for expectation in expectations
        ]

    def _judge(
        self,
        expectation: Mapping[str, Any],
        columns: Mapping[str, pd.Series],
        parameters: Mapping[str, Any],
        metrics: dict[Any, Any],
        loaded: set[str],
    ) -> Verdict:
        """One verdict; `metrics` (by id) and `loaded` batches are shared with the others of the call."""
        try:
            kwargs = resolved(expectation["kwargs"], parameters)
            names = columns_of(kwargs)
            frame = pd.DataFrame({name: columns[name] for name in names}, copy=False)
            if frame.empty:
                return Verdict(expectation, _NOTHING)
            prepared = _prepare(expectation["type"], json.dumps(kwargs))
            if prepared.batch_id not in loaded:
                self._pandas.load_batch_data(prepared.batch_id, frame)
                loaded.add(prepared.batch_id)
            return self._verdict(expectation, prepared, metrics)
        except Exception as raised:  # whatever the library lets through is an answer, never a pass
            return Verdict(expectation, _NOTHING, f"{type(raised).__name__}: {raised}")

    def _verdict(
        self, expectation: Mapping[str, Any], prepared: _Prepared, metrics: dict[Any, Any]
    ) -> Verdict:
        for step in prepared.steps:
            if step.id not in metrics:
                metrics |= self._pandas.resolve_metrics([step], metrics)
        unexpected, *_ = metrics[prepared.condition.id]
        broken = unexpected.to_numpy(bool)
        failing = unexpected.index.to_numpy()[broken].astype(np.int64)
        values = {name: metrics[metric.id] for name, metric in prepared.wanted.items()}
        name, examples = prepared.examples
        values[name] = []
        if len(failing):
            values[name] = self._pandas.resolve_metrics([examples], metrics)[examples.id]
        answer = prepared.expectation._validate(
            metrics=values, runtime_configuration={"result_format": _FORMAT}, execution_engine=self._pandas
        )
        counted = answer["result"]["unexpected_count"]
        if counted != len(failing) or (not answer["success"] and not counted):
            raise RuntimeError(f"failed with {counted} rows and named {len(failing)} of them")
        return Verdict(expectation, _NOTHING if answer["success"] else failing, None, answer["result"])


@lru_cache(maxsize=2048)
def _prepare(type_: str, kwargs: str) -> _Prepared:
    """The library's expectation of this type and these arguments (JSON), with its metrics in order."""
    from great_expectations.execution_engine import PandasExecutionEngine
    from great_expectations.expectations.registry import get_expectation_impl
    from great_expectations.validator.validation_graph import ValidationGraph

    arguments = json.loads(kwargs)
    batch_id = json.dumps(columns_of(arguments))
    expectation: Any = get_expectation_impl(type_)(**{**arguments, "batch_id": batch_id})
    engine = PandasExecutionEngine()
    asked = expectation.get_validation_dependencies(
        execution_engine=engine, runtime_configuration={"result_format": _COUNTS}
    ).metric_configurations
    examples = next((name, metric) for name, metric in asked.items() if name.endswith(".unexpected_values"))
    wanted = {name: metric for name, metric in asked.items() if name != examples[0]}
    graph = ValidationGraph(execution_engine=engine)
    for metric in [*wanted.values(), examples[1]]:
        graph.build_metric_dependency_graph(metric)
    dependencies: dict[Any, set[Any]] = {}
    configurations = {}
    for edge in graph.edges:
        configurations[edge.left.id] = edge.left
        needs = dependencies.setdefault(edge.left.id, set())
        if edge.right is not None:
            needs.add(edge.right.id)
    steps = [
        identity for identity in TopologicalSorter(dependencies).static_order() if identity != examples[1].id
    ]
    condition = f"{expectation.map_metric}.condition"
    return _Prepared(
        expectation,
        batch_id,
        tuple(configurations[identity] for identity in steps),
        wanted,
        next(metric for metric in configurations.values() if metric.metric_name == condition),
        examples,
    )


def resolved(kwargs: Mapping[str, Any], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """An expectation's arguments with each `{"$PARAMETER": name}` replaced; KeyError names an unknown one."""
    values: dict[str, Any] = {}
    for key, value in kwargs.items():
        if isinstance(value, Mapping) and "$PARAMETER" in value:
            name = value["$PARAMETER"]
            if name not in parameters:
                raise KeyError(f"$PARAMETER {name!r} is none of {', '.join(sorted(parameters))}")
            value = parameters[name]
        values[key] = value
    return values


def columns_of(kwargs: Mapping[str, Any]) -> list[str]:
    """The columns that an expectation's arguments name, in the library's order."""
    named = [kwargs[key] for key in ("column", "column_A", "column_B") if key in kwargs]
    return [*named, *kwargs.get("column_list", ())]
