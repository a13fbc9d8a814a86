"""Numbers as a page of results prints them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any


def number(value: float | None) -> str:
    """`.7012`, or a dash."""
    return "–" if value is None else _bare(f"{value:.4f}")


def signed(value: float | None) -> str:
    """`+.0043`, `−.0012`, or a dash."""
    return "–" if value is None else _bare(f"{value:+.4f}").replace("-", "−")


def percent(value: float) -> str:
    """`+1.20 %`."""
    return f"{100 * value:+.2f} %".replace("-", "−")


def p_value(p: float | None) -> str:
    """`.0123` or `< .0001`."""
    return "< .0001" if p is not None and p < 1e-4 else number(p)


def markdown(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def ranged(difference: float, low: float | None, high: float | None) -> str:
    """`+.0043 [+.0031, +.0055]`."""
    return signed(difference) + ("" if low is None else f" [{signed(low)}, {signed(high)}]")


def less(one: float | None, other: float | None) -> float | None:
    """A difference, where both are known."""
    return None if one is None or other is None else one - other


def duration(seconds: float) -> str:
    """`19 min` or `2 h 5 min`."""
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"


def count(values: Sequence[Any], name: str) -> str:
    """`1 day`, `5 days`."""
    return f"{len(values)} {name}{'s' * (len(values) > 1)}"


def _bare(text: str) -> str:
    """Without the zero before the point, as probabilities are written."""
    return re.sub(r"(?<!\d)0\.", ".", text)
