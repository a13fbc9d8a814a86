"""Which model is to be served: a small rule on figures, kept apart so that it can be read and tested by
itself.

See docs/decisions/0013-promotion.md for why it compares systems on the same day only.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

STANDARD_ERRORS = 2.0


@dataclass(frozen=True)
class Candidate:
    """One system's new daily model, with how its recipe did live on the day that has just ended."""

    system: str
    version: str
    live_auc: float | None = None  #: pooled over the day; None: not live, or one class only
    live_se: float | None = None
    faults: tuple[str, ...] = ()  #: guard rails that the new model broke


@dataclass(frozen=True)
class Decision:
    """The candidate that was tried, whether it becomes champion, and why."""

    challenger: Candidate
    passed: bool
    reason: str


def decide(candidates: Sequence[Candidate], champion_system: str | None) -> Decision:
    """Try the champion's own system, or a rival that was clearly better live on the same exposures.

    Args:
        candidates: one a system, at least one.
        champion_system: system of the version that is champion now; None before the first.
    """
    sound = [candidate for candidate in candidates if not candidate.faults]
    own = next((candidate for candidate in candidates if candidate.system == champion_system), None)
    rivals = [candidate for candidate in sound if candidate is not own and candidate.live_auc is not None]
    rival = max(rivals, key=lambda candidate: candidate.live_auc or 0.0, default=None)
    if own is None:
        first = rival or (sound or list(candidates))[0]
        return _judge(
            first, "first champion" if champion_system is None else f"{champion_system} is no longer run"
        )
    if rival is not None and own.live_auc is not None:
        lead, error = _lead(rival, own)
        if lead > STANDARD_ERRORS * error:
            return _judge(
                rival,
                f"live AUC above {own.system} by {lead:.4f}, more than {STANDARD_ERRORS:g} × {error:.4f}",
            )
    return _judge(own, "no other system was clearly better live; the newer model replaces the older")


def _judge(candidate: Candidate, reason: str) -> Decision:
    if candidate.faults:
        return Decision(candidate, False, "guard rails: " + "; ".join(candidate.faults))
    return Decision(candidate, True, reason)


def _lead(one: Candidate, other: Candidate) -> tuple[float, float]:
    """Difference of live AUCs and its standard error as if independent: too large for scores that agree,
    never small.
    """
    lead = (one.live_auc or 0.0) - (other.live_auc or 0.0)
    return lead, math.hypot(one.live_se or 0.0, other.live_se or 0.0)
