"""Arrays of nested parts under dotted names, the form in which state is saved: `counts.user.keys`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np


def named(parts: Mapping[str, Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """The arrays of every part as `<part>.<name>`."""
    return {f"{part}.{name}": a for part, arrays in parts.items() for name, a in arrays.items()}


def part_of(arrays: Mapping[str, np.ndarray], part: str) -> dict[str, np.ndarray]:
    """The arrays that `named` put under a part's name."""
    prefix = f"{part}."
    return {name.removeprefix(prefix): a for name, a in arrays.items() if name.startswith(prefix)}
