"""Figures of README.md from the JSON of docs/results/data: what is measured is typed nowhere.

`{{kuairand auc deepfm}}` in a template names a stored result first, then a part of its page, as that page's
own template does, or one of `SHORT`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from assets.experiments.ab import report as of_ab
from assets.experiments.comparison.results import Comparison
from assets.experiments.number_format import p_value, signed
from assets.experiments.profilers.results import ProfileResult
from assets.experiments.profilers.verdicts import verdicts
from docs.pages import profiling, ranking

UNMOVED = 1e-6  #: a gain of systems without an hourly step
BLOCK = "<!-- {name}: written by docs/build_readme.py from docs/results/parts/readme.{name}.txt -->\n"
END = "\n<!-- end of {name} -->"


def verdict(result: ProfileResult, figure: str, shots: str) -> str:
    """What the paired tests say of the main system, as a clause: `is ahead of 11 of 12 other systems …`."""
    (sentence,) = verdicts(result.summary, (None if shots == "all" else int(shots),), (figure,))
    return sentence.partition(": ")[2].rstrip(".")


def gains(result: Comparison, *without: str) -> str:
    """Least and largest gain of the hourly update among the systems that learn within the day."""
    every = {entry.system: entry.gain or 0.0 for entry in result.summary if entry.system not in without}
    moved = [gain for gain in every.values() if abs(gain) > UNMOVED]
    return f"{_amount(min(moved))} to {_amount(max(moved))}"


def _amount(value: float) -> str:
    """`.0023`, `−.0004`: a sentence says that it is added."""
    return signed(value).removeprefix("+")


def largest_p(result: Comparison, system: str, *others: str) -> str:
    """The largest p after Holm's correction of a system against some others."""
    tests = [result.between(other, system) for other in others]
    known = [test.p_holm for test in tests if test is not None and test.p_holm is not None]
    if len(known) < len(others):
        raise LookupError(f"{system} was not tested against each of {', '.join(others)}")
    return p_value(max(known))


SHORT: dict[str, Callable[..., str]] = {
    "verdict": verdict,
    "gains": gains,
    "largest_p": largest_p,
    "added": lambda result, system: _amount(result.systems[system].gain),
    "ahead": lambda result, first, second: _amount(result.systems[first].auc - result.systems[second].auc),
    "brands": lambda result: str(len(result.protocol.targets)),
    "as_of": lambda result: result.protocol.as_of,
    "arm": lambda result: result.arms[1],
    "base": lambda result: result.base,
    "test_days": lambda result: str(len(result.settings.test_days)),
}


def parts(results: Mapping[str, Any]) -> dict[str, Callable[..., str]]:
    """Name of a stored result → what a template may ask of it."""
    known = dict.fromkeys(results, ranking.PARTS | ranking.FIGURES | SHORT)
    known |= {"ab": of_ab.PARTS | SHORT, "profiling": profiling.PARTS | SHORT}

    def asked(section: str, everything: Mapping[str, Any], name: str, *arguments: str) -> str:
        return known[section][name](everything[section], *arguments)

    return {section.replace("-", "_"): partial(asked, section) for section in results}


def written(readme: str, templates: Mapping[str, str], results: Mapping[str, Any]) -> str:
    """README.md with every block written anew from its template.

    Raises:
        ValueError: a block is missing, or a template asks for what no result holds.
    """
    for name, template in templates.items():
        start, end = BLOCK.format(name=name), END.format(name=name)
        block = re.compile(re.escape(start) + ".*?" + re.escape(end), re.DOTALL)
        if len(block.findall(readme)) != 1:
            raise ValueError(f"README.md needs one block that begins with {start.strip()}")
        text = ranking.filled(template, results, parts(results)).strip("\n")
        (old,) = block.findall(readme)
        readme = readme.replace(old, start + text + end)
    return readme
