"""A comparison's JSON small enough for a repository, and back: all that pictures and page need.

Left out: `delong` (a test for each pair, day and seed), `pairs`, `settings.of` (every setting of every
system; a digest of them stays) and the size of each hour. Rows by hour become one list of 24 a system, day
and seed, with five digits.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from assets.experiments.comparison.results import Comparison, HourFigure

FIGURES: tuple[HourFigure, ...] = ("auc", "auc_static", "gate_short")
DIGITS = 5
LEFT_OUT = {"rows", "delong", "pairs"}
FORM = "hours"  #: the key that only the small form has


def compact(result: Comparison) -> dict[str, Any]:
    """The small form."""
    document = {key: value for key, value in result.document().items() if key not in LEFT_OUT}
    settings = result.settings.model_dump(exclude={"of", "tuned"})
    settings["of_digest"] = digest_of(result.settings.of)
    hours = {
        figure: {name: lists(table) for name, table in result.by_hour(figure).items()} for figure in FIGURES
    }
    tests = {name: [_without_blanks(test) for test in document[name]] for name in ("tests", "within")}
    return rounded(document | tests | {"settings": settings}) | {FORM: hours}


def _without_blanks(test: Mapping[str, Any]) -> dict[str, Any]:
    """A test without what it does not say; its `p` stays, which tells it from those of earlier versions."""
    return {key: value for key, value in test.items() if key == "p" or value not in (None, False)}


def read(document: Mapping[str, Any]) -> Comparison:
    """A comparison from the JSON of either form; from the small one, the rows that have a figure."""
    if FORM not in document:
        return Comparison.model_validate(document)
    settings = document["settings"]
    figures_of: dict[tuple[str, int, str, int], dict[str, float]] = {}
    for figure, tables in document[FORM].items():
        for system, seeds in tables.items():
            for seed, days in zip(settings["seeds"], seeds, strict=True):
                for day, values in zip(settings["days"], days, strict=True):
                    for hour, value in enumerate(values):
                        if value is not None:
                            figures_of.setdefault((system, seed, day, hour), {})[figure] = value
    rows = [
        dict(zip(("system", "seed", "day", "hour"), key, strict=True))
        | dict.fromkeys(("exposures", *FIGURES))
        | figures
        for key, figures in figures_of.items()
    ]
    return Comparison.model_validate({**document, "rows": rows})


def dumped(document: Mapping[str, Any]) -> str:
    """The small form as text; a small one stays as it is."""
    small = document if FORM in document else compact(Comparison.model_validate(document))
    return text_of(small) + "\n"


def text_of(value: Any, depth: int = 0) -> str:
    """JSON with a line for each entry of the upper levels, so that a change is a line."""
    if isinstance(value, Mapping) and value and depth < 3:
        inner = (
            f"{' ' * (depth + 1)}{json.dumps(key)}: {text_of(one, depth + 1)}" for key, one in value.items()
        )
        return "{\n" + ",\n".join(inner) + "\n" + " " * depth + "}"
    if isinstance(value, list) and value and isinstance(value[0], Mapping):
        inner = (f"{' ' * (depth + 1)}{json.dumps(one, allow_nan=False)}" for one in value)
        return "[\n" + ",\n".join(inner) + "\n" + " " * depth + "]"
    return json.dumps(value, allow_nan=False)


def rounded(value: Any) -> Any:
    """Seven significant digits: far below any error, and half the bytes."""
    if isinstance(value, float):
        return float(f"{value:.7g}")
    if isinstance(value, Mapping):
        return {key: rounded(one) for key, one in value.items()}
    return [rounded(one) for one in value] if isinstance(value, list | tuple) else value


def digest_of(settings: Mapping[str, Any]) -> str:
    """Sixteen hex digits of the settings of all systems, which a small form leaves out."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]


def lists(values: np.ndarray) -> list[Any]:
    """An array as nested lists with `DIGITS` digits, null where there is no value."""
    if values.ndim > 1:
        return [lists(one) for one in values]
    return [None if np.isnan(value) else round(float(value), DIGITS) for value in values]
