"""Random numbers that are functions of what they are for: no account's purchases depend on another's.

A draw is a 64-bit number, mixed from the seed and the counters that lead to it (account, day, item), so that
any block of accounts can be simulated alone, in any order, and a longer log begins with the shorter one.
The mixing is SplitMix64's.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from simulator.feed.randomness import STEP, box_muller, splitmix64, uniform

__all__ = ["Draw", "branch", "exponential", "normal", "root", "uniform"]


class Draw(IntEnum):
    """What the draws of a root are for."""

    ACCOUNT = 1
    BASKET = 2
    PROMOTION = 3
    POINTS = 4
    SURVEY = 5


def root(seed: int, draw: Draw) -> np.ndarray:
    """The number from which all draws of a kind are branched, uint64 [1]."""
    return branch(branch(np.array([seed], np.uint64), int(draw)), 0)


def branch(numbers: np.ndarray, counter: np.ndarray | int) -> np.ndarray:
    """The `counter`-th child of every number, uint64 [...]; the two broadcast, counters are ≥ 0."""
    return splitmix64(numbers + (np.asarray(counter).astype(np.uint64) + np.uint64(1)) * np.asarray([STEP]))


def exponential(numbers: np.ndarray) -> np.ndarray:
    """Exponential with mean 1, float64 [...]."""
    return -np.log1p(-uniform(numbers))


def normal(numbers: np.ndarray) -> np.ndarray:
    """Standard normal, float64 [...], by the method of Box and Muller."""
    return box_muller(uniform(branch(numbers, 0)), uniform(branch(numbers, 1)))
