"""What one step of this process leaves to the next: rankers that are open, and what a run knows of its hour.

An hour's run adapts and then scores (Dagster orders steps by asset), both from the same state. So the step
that opens the rankers first scores with them, and hands the scores over. The adapted rankers stay open: they
are the state that the next hour begins from, under whose hash they are kept. Nothing depends on it: a step in
another process, or one that needs another state, opens it from disk, to the same bits. What is left is an
hour's, never more.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from models.ranking.day import ScoredHour, ServedDay

Failed = ValueError | ArithmeticError  #: what a system that cannot score raises


@dataclass(frozen=True)
class OpenState:
    """Names the state of an open ranker: equal names are equal bits."""

    models: str  #: the folder that it was opened from
    device: str
    system: str
    base_hash: str
    state_hash: str  #: after the hours since the base; empty for the base itself


@dataclass
class RunHour:
    """What the steps of one run know of its hour."""

    run: str = ""
    #: the opened `Hour`, for the one step that takes it: one that is tried again looks anew
    hour: Any = None
    scores: dict[tuple[str, str, str], ScoredHour | Failed] = field(default_factory=dict)


_open: dict[str, tuple[OpenState, ServedDay]] = {}  #: by system
_run_hour = RunHour()


def take(state: OpenState) -> ServedDay | None:
    """The ranker that is open in this state; whoever takes it may change it."""
    name, day = _open.pop(state.system, (None, None))
    return day if name == state else None


def leave(state: OpenState, day: ServedDay) -> None:
    """Keep an open ranker for who begins from this state next; on the CPU, where states keep every bit."""
    if state.device == "cpu":
        _open[state.system] = (state, day)


def forget() -> None:
    """Close everything, as a process that ends does."""
    global _run_hour
    _open.clear()
    _run_hour = RunHour()


def of_run(run: str | None) -> RunHour:
    """What the steps of this run have left; of no run, or of another one, nothing."""
    global _run_hour
    if run is None or _run_hour.run != run:
        _run_hour = RunHour(run or "")
    return _run_hour
