"""docs/results/ranking.md from the JSON of comparisons: paragraphs and numbers that a template asks for.

A template is Markdown written by a person. `{{table}}`, `{{tests}}` and the other names of `PARTS` stand for
whole paragraphs; `{{auc lsttm}}`, `{{difference lsttm deepfm}}` and the other names of `FIGURES` for a figure
within a sentence. So every number of the page comes from a JSON.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from assets.experiments.comparison import roles
from assets.experiments.comparison.averages import mean_and_error
from assets.experiments.comparison.report import ages, calibration, gates, head, hours, segments, table
from assets.experiments.comparison.report_parts import held
from assets.experiments.comparison.report_tests import ablations, difference, tests, within
from assets.experiments.comparison.results import Comparison
from assets.experiments.number_format import number, p_value, percent, signed

_NAME = re.compile(r"\{\{\s*(\w+)((?:\s+\w+)*)\s*\}\}")

_EMPTY = re.compile(r"^### [^\n]*\n+(?=##|\Z)", re.MULTILINE)  #: a heading that nothing stands under


def filled(template: str, result: Any, parts: Mapping[str, Callable[..., str]] | None = None) -> str:
    """The template with every `{{name arguments}}` replaced by what the result has for it.

    Raises:
        ValueError: a name that nothing is known for, or that the result holds nothing for.
    """
    known = PARTS | FIGURES if parts is None else parts

    def fill(match: re.Match[str]) -> str:
        name, arguments = match[1], match[2].split()
        if name not in known:
            raise ValueError(f"{match[0]}: no such part; known: {', '.join(sorted(known))}")
        try:
            return known[name](result, *arguments)
        except (LookupError, TypeError) as error:
            raise ValueError(f"{match[0]}: the JSON of this section has no such figure") from error

    text = _EMPTY.sub("", _NAME.sub(fill, template))
    return re.sub(r"\n{3,}", "\n\n", text).strip("\n") + "\n"


def headline(result: Comparison) -> str:
    """How far the best of the family is from the best of the paper's baselines, and of all others."""
    ours, base = result.best(roles.family(result)), result.best(roles.PAPER_BASELINES)
    if ours is None or base is None:
        return ""
    auc = {name: entry.auc for name, entry in result.systems.items() if entry.auc is not None}
    lines = [
        f"Best of the LSTTM family: `{ours}`, AUC {number(auc[ours])}. Best of the paper's own "
        f"baselines: `{base}`, {number(auc[base])}; {difference(result, ours, base)}, "
        f"{percent(auc[ours] / auc[base] - 1)} relative, p {_p(result, ours, base)} after Holm."
    ]
    others = [name for name in result.ranked() if not name.startswith(roles.FAMILY)]
    if others and others[0] != base:
        lines.append(
            f"Best of all other systems: `{others[0]}`, {number(auc[others[0]])}; "
            f"{difference(result, ours, others[0])}, p {_p(result, ours, others[0])}."
        )
    ceiling = None if result.truth is None else result.truth.auc
    if ceiling is not None and "fm" in auc and ceiling > auc["fm"]:
        share = (auc[ours] - auc["fm"]) / (ceiling - auc["fm"])
        lines.append(
            f"Share of the possible gain over `fm`, (AUC − AUC of fm) / (AUC of the true probability − AUC "
            f"of fm): {share:.0%}.".replace("%.", " %.")
        )
    return " ".join(lines)


def _p(result: Comparison, first: str, second: str) -> str:
    test = result.between(first, second)
    return p_value(None if test is None else test.p_holm)


def _worst_hour(result: Comparison, system: str) -> str:
    """The smallest of the 24 gains of the update, each a mean over days and seeds of a single hour's AUC."""
    means, _ = mean_and_error(result.gain_by_hour()[system])
    return signed(float(np.nanmin(means)))


def _truth(result: Comparison) -> str:
    if result.truth is None:
        raise LookupError("only simulated logs have a true probability")
    return number(result.truth.auc)


PARTS: dict[str, Callable[..., str]] = {
    "head": head,
    "headline": headline,
    "table": table,
    "held": held,
    "tests": tests,
    "within": within,
    "hours": hours,
    "ages": ages,
    "segments": segments,
    "gates": gates,
    "ablations": ablations,
    "calibration": calibration,
}
FIGURES: dict[str, Callable[..., str]] = {
    "auc": lambda result, system: number(result.systems[system].auc),
    "static": lambda result, system: number(result.systems[system].auc_static),
    "gain": lambda result, system: signed(result.systems[system].gain),
    "worst_hour": _worst_hour,
    "figure": lambda result, system, name: number(result.systems[system].model_dump()[name]),
    "truth": _truth,
    "difference": difference,
    "p": _p,
    "best": lambda result: f"`{result.best()}`",
    "best_lsttm": lambda result: f"`{result.best(roles.family(result))}`",
    "best_baseline": lambda result: f"`{result.best(roles.PAPER_BASELINES)}`",
    "systems": lambda result: str(len(result.summary)),
    "days": lambda result: result.settings.span,
}
