"""How long work reports its progress."""

from __future__ import annotations

from collections.abc import Callable

#: Called with (stage, units done, units in all).
Progress = Callable[[str, int, int], None]


def silent(stage: str, done: int, total: int) -> None:
    """Progress that nobody watches."""
