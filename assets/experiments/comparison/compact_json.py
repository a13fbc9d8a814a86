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

from assets.experiments.comparison.results import Result, by_hour

FIGURES = ("auc", "auc_static", "gate_short")
DIGITS = 5
LEFT_OUT = ("rows", "delong", "pairs")
FORM = "hours"  #: the key that only the small form has


def compact(result: Result) -> dict[str, Any]:
    """The small form; a small one is given back as it is."""
    if FORM in result:
        return dict(result)
    settings = {key: value for key, value in result["settings"].items() if key not in ("of", "tuned")}
    text = json.dumps(result["settings"].get("of", {}), sort_keys=True)
    settings["of_digest"] = hashlib.sha256(text.encode()).hexdigest()[:16]
    hours = {
        figure: {name: _lists(table) for name, table in by_hour(result, figure).items()} for figure in FIGURES
    }
    kept = {key: value for key, value in result.items() if key not in LEFT_OUT}
    return rounded(kept | {"settings": settings}) | {FORM: hours}


def whole(result: Result) -> dict[str, Any]:
    """The form that pictures and page read: rows by hour again, those with a figure."""
    if FORM not in result:
        return dict(result)
    found: dict[tuple[str, int, str, int], dict[str, float]] = {}
    for figure, tables in result[FORM].items():
        for system, seeds in tables.items():
            for seed, days in zip(result["settings"]["seeds"], seeds, strict=True):
                for day, values in zip(result["settings"]["days"], days, strict=True):
                    for hour, value in enumerate(values):
                        if value is not None:
                            found.setdefault((system, seed, day, hour), {})[figure] = value
    rows = [
        dict(zip(("system", "seed", "day", "hour"), key, strict=True))
        | {figure: values.get(figure) for figure in FIGURES}
        for key, values in found.items()
    ]
    return {key: value for key, value in result.items() if key != FORM} | {"rows": rows}


def dumped(result: Result) -> str:
    """The small form as text: lists of numbers on one line, so that a change is a line."""
    return text_of(compact(result)) + "\n"


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


def _lists(table: np.ndarray) -> list[Any]:
    """[seeds, days, 24] as lists, null where there is nothing."""
    return [
        [[None if np.isnan(value) else round(float(value), DIGITS) for value in day] for day in seed]
        for seed in table
    ]


def rounded(value: Any) -> Any:
    """Seven significant digits: far below any error, and half the bytes."""
    if isinstance(value, float):
        return float(f"{value:.7g}")
    if isinstance(value, Mapping):
        return {key: rounded(one) for key, one in value.items()}
    return [rounded(one) for one in value] if isinstance(value, list | tuple) else value
