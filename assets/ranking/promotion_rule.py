"""Which model is to be served: a small rule on figures, in a file of its own to be read and tested alone.

See docs/decisions/0013-promotion.md for why it compares systems on the same day only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

STANDARD_ERRORS = 2.0

#: (system, other) → difference of their live AUCs, its paired error over users; None where there is none
Lead = Callable[[str, str], tuple[float, float] | None]


@dataclass(frozen=True)
class Candidate:
    """One system's new daily model, with how its recipe did live on the day that has just ended."""

    system: str
    version: str
    live_auc: float | None = None  #: pooled over the day; None: not live, or one class only
    faults: tuple[str, ...] = ()  #: guard rails that the new model broke


@dataclass(frozen=True)
class Decision:
    """The candidate that was tried, whether it becomes champion, and why."""

    challenger: Candidate
    passed: bool
    reason: str
    tried: bool = True  #: whether it may be called the challenger


def decide(candidates: Sequence[Candidate], champion_system: str | None, lead: Lead) -> Decision:
    """Try the champion's own system, or a rival that was clearly better live on the same exposures.

    Args:
        candidates: one a system, at least one.
        champion_system: system of the version that is champion now; None before the first.
        lead: difference of two systems' live AUCs.
    """
    sound = [candidate for candidate in candidates if not candidate.faults]
    own = next((candidate for candidate in candidates if candidate.system == champion_system), None)
    rivals = [candidate for candidate in sound if candidate is not own and candidate.live_auc is not None]
    rival = max(rivals, key=lambda candidate: candidate.live_auc or 0.0, default=None)
    if own is None:
        first = rival or (sound or list(candidates))[0]
        gone = "first champion" if champion_system is None else f"{champion_system} is no longer run"
        return _judge(first, gone)
    ahead = lead(rival.system, own.system) if rival is not None else None
    if rival is not None and ahead is not None and ahead[0] > STANDARD_ERRORS * ahead[1]:
        difference = f"{ahead[0]:.4f}, more than {STANDARD_ERRORS:g} × {ahead[1]:.4f}"
        return _judge(rival, f"live AUC above that of {own.system} by {difference}")
    return _judge(own, "no other system was clearly better live; the newer model replaces the older")


def not_backwards(decision: Decision, day: str, champion_day: str) -> Decision:
    """The decision on models of `day`, except where the champion is of a later day: then that one stays."""
    if day >= champion_day:
        return decision
    reason = (
        f"the champion is of {champion_day}, after {day}: a promotion never goes back "
        "(hourfold models rollback does)"
    )
    return replace(decision, passed=False, reason=reason, tried=False)


def _judge(candidate: Candidate, reason: str) -> Decision:
    if candidate.faults:
        return Decision(candidate, False, "guard rails: " + "; ".join(candidate.faults))
    return Decision(candidate, True, reason)
