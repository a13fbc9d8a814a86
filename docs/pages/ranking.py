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

from assets.experiments.comparison import results as reading
from assets.experiments.comparison.report import (
    ablations,
    ages,
    calibration,
    difference,
    gates,
    head,
    hours,
    segments,
    table,
    tests,
)
from assets.experiments.comparison.results import Result
from assets.experiments.number_format import less, number, p_value, percent, signed

_PLACE = re.compile(r"\{\{\s*(\w+)((?:\s+\w+)*)\s*\}\}")

_EMPTY = re.compile(r"^### [^\n]*\n+(?=##|\Z)", re.MULTILINE)  #: a heading that nothing stands under


def filled(template: str, result: Result, parts: Mapping[str, Callable[..., str]] | None = None) -> str:
    """The template with every place filled from the JSON.

    Raises:
        ValueError: a place that nothing is known for, or that the JSON holds nothing for.
    """
    known = PARTS | FIGURES if parts is None else parts

    def fill(found: re.Match[str]) -> str:
        name, arguments = found[1], found[2].split()
        if name not in known:
            raise ValueError(f"{found[0]}: no such part; known: {', '.join(sorted(known))}")
        try:
            return known[name](result, *arguments)
        except (LookupError, TypeError) as error:
            raise ValueError(f"{found[0]}: the JSON of {reading.label(result)} has no such figure") from error

    text = _EMPTY.sub("", _PLACE.sub(fill, template))
    return re.sub(r"\n{3,}", "\n\n", text).strip("\n") + "\n"


def headline(result: Result) -> str:
    """How far the best of the family is from the best of the paper's baselines, and of all others."""
    ours, base = reading.best(result, reading.family(result)), reading.best(result, reading.PAPER_BASELINES)
    there = reading.entries(result)
    if ours is None or base is None:
        return ""
    relative = there[ours]["auc"] / there[base]["auc"] - 1
    lines = [
        f"Best of the LSTTM family: `{ours}`, AUC {number(there[ours]['auc'])}. Best of the paper's own "
        f"baselines: `{base}`, {number(there[base]['auc'])}; {difference(result, ours, base)}, "
        f"{percent(relative)} relative, p {p_value(reading.between(result, ours, base))} after Holm."
    ]
    others = [name for name in reading.ranked(result) if not name.startswith(reading.FAMILY)]
    if others and others[0] != base:
        lines.append(
            f"Best of all other systems: `{others[0]}`, {number(there[others[0]]['auc'])}; "
            f"{difference(result, ours, others[0])}, p {p_value(reading.between(result, ours, others[0]))}."
        )
    truth, fm = result.get("truth"), there.get("fm")
    if truth and fm and truth["auc"] > fm["auc"]:
        share = (there[ours]["auc"] - fm["auc"]) / (truth["auc"] - fm["auc"])
        lines.append(
            f"Share of the possible gain over `fm`, (AUC − AUC of fm) / (AUC of the true probability − AUC "
            f"of fm): {share:.0%}.".replace("%.", " %.")
        )
    return " ".join(lines)


def _entry(result: Result, system: str) -> Mapping[str, Any]:
    return reading.entries(result)[system]


def _gain(result: Result, system: str) -> str:
    entry = _entry(result, system)
    return signed(less(entry["auc"], entry["auc_static"]))


def _worst_hour(result: Result, system: str) -> str:
    """The smallest of the 24 gains of the update, each a mean over days and seeds of a single hour's AUC."""
    means, _ = reading.mean_and_error(reading.gain_by_hour(result)[system])
    return signed(float(np.nanmin(means)))


PARTS: dict[str, Callable[..., str]] = {
    "head": head,
    "headline": headline,
    "table": table,
    "tests": tests,
    "hours": hours,
    "ages": ages,
    "segments": segments,
    "gates": gates,
    "ablations": ablations,
    "calibration": calibration,
}
FIGURES: dict[str, Callable[..., str]] = {
    "auc": lambda result, system: number(_entry(result, system)["auc"]),
    "static": lambda result, system: number(_entry(result, system)["auc_static"]),
    "gain": _gain,
    "worst_hour": _worst_hour,
    "figure": lambda result, system, name: number(_entry(result, system)[name]),
    "truth": lambda result: number(result["truth"]["auc"]),
    "difference": difference,
    "p": lambda result, first, second: p_value(reading.between(result, first, second)),
    "best": lambda result: f"`{reading.best(result)}`",
    "best_lsttm": lambda result: f"`{reading.best(result, reading.family(result))}`",
    "best_baseline": lambda result: f"`{reading.best(result, reading.PAPER_BASELINES)}`",
    "systems": lambda result: str(len(result["summary"])),
    "days": reading.span,
}
