"""Great Expectations' Data Docs of one table: what it said about the last call, as one page."""

from __future__ import annotations

import datetime as dt
import html
import os
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from expectations.admission import GateResult
from expectations.engine import Verdict, columns_of, resolved

_EXAMPLE_LENGTH = 200
_OF_A_SITE = re.compile(r'href="(?:\.\./)+[^"]*"')  # the page stands alone: no index of validations above it
_LOGO = re.compile(r"https://great-expectations-web-assets[^\"']*")  # its address counts who reads


def render(folder: Path, table: str, result: GateResult) -> Path:
    """Write the page `folder/<table>/index.html` of a call's results; returns its path.

    The page shows what the gate was told already: nothing is judged again, and its size depends on the number
    of rules (twenty examples each), not of rows or partitions. It takes the former page's place in one step.
    """
    from great_expectations import __version__
    from great_expectations.core import ExpectationSuiteValidationResult
    from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer

    answers = list(_answers(result))
    good = sum(answer.success for answer in answers)
    report = ExpectationSuiteValidationResult(
        suite_name=table,
        success=good == len(answers),
        results=answers,
        statistics={
            "evaluated_expectations": len(answers),
            "successful_expectations": good,
            "unsuccessful_expectations": len(answers) - good,
            "success_percent": 100.0 * good / max(len(answers), 1),
        },
        meta={
            "great_expectations_version": __version__,
            "run_id": {
                "run_name": _plain(_partitions(result)),
                "run_time": dt.datetime.now(dt.UTC).isoformat(),
            },
            "batch_spec": {"data_asset_name": table},
        },
    )
    document = ValidationResultsPageRenderer().render(report)
    document.sections.insert(1, _broken_rules(result))
    page = _OF_A_SITE.sub('href="#"', _view().render(document))
    page = _LOGO.sub("data:,", page)
    path = folder / table / "index.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}.part")
    partial.write_text(page, encoding="utf-8")
    os.replace(partial, path)
    return path


@cache
def _view() -> Any:
    """The library's page, whose templates are compiled once a process: that outlasts three pages."""
    from great_expectations.render.view.view import DefaultJinjaPageView

    return DefaultJinjaPageView()


def _partitions(result: GateResult) -> str:
    names = list(result.statistics.index)
    if len(names) < 2:
        return "".join(names) or "no partition"
    return f"{len(names)} partitions, {names[0]} to {names[-1]}"


def _broken_rules(result: GateResult) -> Any:
    """A section of the page: the gate's names of the rules that were broken, and what to do."""
    from great_expectations.render import RenderedSectionContent, RenderedTableContent

    broken = [
        [
            said.rule,
            columns_of(said.expectation["kwargs"])[0],
            _plain(rows),
            said.expectation["meta"]["remedy"],
        ]
        for suite in result.judged
        for said in suite.verdicts
        if (rows := said.error or len(said.failing))
    ]
    table = RenderedTableContent(
        header="Rules broken",
        header_row=["Rule", "Column", "Rows", "What to do"],
        table=broken or [["none", "", 0, ""]],
        styling={"body": {"classes": ["table", "table-sm"]}},
    )
    return RenderedSectionContent(section_name="Rules broken", content_blocks=[table])


def _answers(result: GateResult) -> Iterator[Any]:
    from great_expectations.core import ExpectationValidationResult
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    for suite in result.judged:
        for verdict in suite.verdicts:
            yield ExpectationValidationResult(
                success=not verdict.error and not len(verdict.failing),
                expectation_config=ExpectationConfiguration(
                    type=verdict.expectation["type"],
                    kwargs=_plain(_arguments(verdict, suite.parameters)),
                ),
                result=_plain(verdict.result),
                exception_info={
                    "raised_exception": bool(verdict.error),
                    "exception_message": _plain(verdict.error),
                    "exception_traceback": "",
                },
            )


def _arguments(verdict: Verdict, parameters: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return resolved(verdict.expectation["kwargs"], parameters)
    except KeyError:  # a parameter that nobody knows is the verdict's error
        return dict(verdict.expectation["kwargs"])


def _plain(value: Any) -> Any:
    """The value as JSON has it; texts cut to a readable length, and escaped: the page's templates are not."""
    if isinstance(value, Mapping):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, int | float | bool) or value is None:
        return value
    text = html.escape(str(value)[:_EXAMPLE_LENGTH])
    return text.encode("utf-8", errors="backslashreplace").decode("utf-8").replace("$", "&#36;")
