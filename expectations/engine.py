"""Running a suite with Great Expectations on a frame, each expectation on its own feet.

The context is ephemeral (nothing on disk), progress bars are off, results are complete. An exception
inside one expectation is that expectation's verdict only: whatever raised during the common run is run
again alone, so that a shared metric cannot take others down with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from great_expectations.data_context import AbstractDataContext

_RESULT_FORMAT = {"result_format": "COMPLETE", "partial_unexpected_count": 0}


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
            return [Verdict(expectation, np.empty(0, np.int64)) for expectation in expectations]
        self.runs.append((name, expectations, frame))
        batch = self.batch_definition(name).get_batch(batch_parameters={"dataframe": frame})
        together = self._run(batch, name, expectations, range(len(expectations)), parameters)
        return [
            verdict
            if verdict.error is None
            else self._run(batch, name, expectations, [position], parameters)[0]
            for position, verdict in enumerate(together)
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

    def _run(
        self,
        batch: Any,
        name: str,
        expectations: Sequence[Mapping[str, Any]],
        positions: Sequence[int],
        parameters: Mapping[str, Any],
    ) -> list[Verdict]:
        """Verdicts of the chosen expectations, in the order of `positions`."""
        nothing = np.empty(0, np.int64)
        try:
            report = batch.validate(
                self.suite(name, expectations, positions),
                result_format=_RESULT_FORMAT,
                expectation_parameters=dict(parameters),
            )
        except Exception as raised:  # whatever Great Expectations lets through is a verdict, never a pass
            text = f"{type(raised).__name__}: {raised}"
            return [Verdict(expectations[position], nothing, text) for position in positions]
        found: dict[int, Verdict] = {}
        for result in report.results:
            position = result.expectation_config.meta["position"]
            error = _exception(result.exception_info)
            failing = np.sort(np.asarray(result.result.get("unexpected_index_list") or [], np.int64))
            if error is None and not result.success and not len(failing):
                error = "failed without naming a row"
            found[position] = Verdict(expectations[position], failing, error)
        unanswered = "Great Expectations returned no result"
        return [
            found.get(position, Verdict(expectations[position], nothing, unanswered))
            for position in positions
        ]


def _exception(info: Mapping[str, Any] | None) -> str | None:
    """The message in an exception_info, which is flat or keyed by metric; None where nothing raised."""
    if not info:
        return None
    entries = [info] if "raised_exception" in info else [entry for entry in info.values() if entry]
    raised = [entry for entry in entries if entry.get("raised_exception")]
    return str(raised[0].get("exception_message") or "an exception without a message") if raised else None
