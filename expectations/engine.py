"""Running a suite with Great Expectations on a frame, each expectation on its own feet.

The context is ephemeral (nothing on disk), progress bars are off, failing rows are reported completely.
An exception inside one expectation is that expectation's verdict only: whatever raised during the common
run is run again alone, so that a shared metric cannot take others down with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from great_expectations.data_context import AbstractDataContext

_QUICK = {"result_format": "BOOLEAN_ONLY"}
_COMPLETE = {"result_format": "COMPLETE", "partial_unexpected_count": 0}
_NOTHING = np.empty(0, np.int64)


@dataclass(frozen=True)
class Verdict:
    """What one expectation said: positions (int64, ascending) of failing rows, or its exception."""

    expectation: Mapping[str, Any]
    failing: np.ndarray
    error: str | None = None

    @property
    def rule(self) -> str:
        """The rule's stable name."""
        return self.expectation["meta"]["rule"]


class _Answer(NamedTuple):
    """One expectation's answer in one run."""

    success: bool
    failing: np.ndarray = _NOTHING
    error: str | None = None


class Engine:
    """One ephemeral Great Expectations context; importing the library takes seconds, so only here.

    `runs` keeps what was judged (name, expectations, frame), for Data Docs.
    """

    def __init__(self) -> None:
        import great_expectations as gx
        from great_expectations.data_context.types.base import ProgressBarsConfig

        self.context: AbstractDataContext = gx.get_context(mode="ephemeral")
        self.context.variables.progress_bars = ProgressBarsConfig(globally=False)
        self.runs: list[tuple[str, Sequence[Mapping[str, Any]], pd.DataFrame]] = []
        self._source = self.context.data_sources.add_pandas("hourfold")

    def validate(
        self,
        name: str,
        expectations: Sequence[Mapping[str, Any]],
        frame: pd.DataFrame,
        parameters: Mapping[str, Any],
    ) -> list[Verdict]:
        """Verdicts in the order of `expectations` on a frame with a RangeIndex.

        Args:
            name: of the suite, for messages.
            expectations: GX configurations (`type`, `kwargs`, `meta`).
            frame: rows to judge; empty frames break nothing.
            parameters: values of the suite's `$PARAMETER`s.
        """
        if not expectations or frame.empty:
            return [Verdict(expectation, _NOTHING) for expectation in expectations]
        self.runs.append((name, expectations, frame))
        batch = self.batch_definition(name).get_batch(batch_parameters={"dataframe": frame})

        def ask(positions: Sequence[int], result_format: Mapping[str, Any]) -> dict[int, _Answer]:
            return self._ask(batch, name, expectations, positions, parameters, result_format)

        # Most rules are kept by all rows, and saying so takes half the time of a complete result.
        answers = ask(range(len(expectations)), _QUICK)
        failed = [position for position, answer in answers.items() if not answer.success and not answer.error]
        if failed:
            answers |= ask(failed, _COMPLETE)
        for position in [position for position, answer in answers.items() if answer.error]:
            answers |= ask([position], _COMPLETE)
        return [
            Verdict(expectation, answers[position].failing, answers[position].error)
            for position, expectation in enumerate(expectations)
        ]

    def batch_definition(self, name: str) -> Any:
        """The batch definition (whole data frame) of a suite's asset, made on first use."""
        if name not in {asset.name for asset in self._source.assets}:
            self._source.add_dataframe_asset(name).add_batch_definition_whole_dataframe("call")
        return self._source.get_asset(name).get_batch_definition("call")

    @staticmethod
    def suite(name: str, expectations: Sequence[Mapping[str, Any]], positions: Sequence[int]) -> Any:
        """A GX suite of the chosen expectations; each carries its position in its meta."""
        import great_expectations as gx

        numbered = [
            {**expectations[position], "meta": {**expectations[position]["meta"], "position": position}}
            for position in positions
        ]
        return gx.ExpectationSuite(name=name, expectations=numbered)

    def _ask(
        self,
        batch: Any,
        name: str,
        expectations: Sequence[Mapping[str, Any]],
        positions: Sequence[int],
        parameters: Mapping[str, Any],
        result_format: Mapping[str, Any],
    ) -> dict[int, _Answer]:
        """Answers of the chosen expectations by position; every position has one."""
        try:
            report = batch.validate(
                self.suite(name, expectations, positions),
                result_format=dict(result_format),
                expectation_parameters=dict(parameters),
            )
        except Exception as raised:  # whatever Great Expectations lets through is an answer, never a pass
            return dict.fromkeys(positions, _Answer(False, error=f"{type(raised).__name__}: {raised}"))
        answers = dict.fromkeys(positions, _Answer(False, error="Great Expectations returned no result"))
        for result in report.results:
            error = _exception(result.exception_info)
            failing = np.sort(np.asarray(result.result.get("unexpected_index_list") or [], np.int64))
            if result_format is _COMPLETE and not error and not result.success and not len(failing):
                error = "failed without naming a row"
            position = result.expectation_config.meta["position"]
            answers[position] = _Answer(bool(result.success), failing, error)
        return answers


def _exception(info: Mapping[str, Any] | None) -> str | None:
    """The message in an exception_info, which is flat or keyed by metric; None where nothing raised."""
    if not info:
        return None
    entries = [info] if "raised_exception" in info else [entry for entry in info.values() if entry]
    raised = [entry for entry in entries if entry.get("raised_exception")]
    return str(raised[0].get("exception_message") or "an exception without a message") if raised else None
