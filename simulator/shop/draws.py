"""Random numbers that are functions of what they are for: no account's purchases depend on another's.

A draw is a 64-bit number, mixed from the seed and the counters that lead to it (account, day, item), so that
any block of accounts can be simulated alone, in any order, and a longer log begins with the shorter one.
The mixing is SplitMix64's finaliser (Steele, Lea, Flood: Fast splittable pseudorandom number generators,
OOPSLA 2014).
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_SMALLEST = 2.0**-53


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
    steps = (np.asarray(counter).astype(np.uint64) + np.uint64(1)) * np.asarray([_STEP])
    mixed = numbers + steps
    mixed ^= mixed >> np.uint64(30)
    mixed *= _FIRST
    mixed ^= mixed >> np.uint64(27)
    mixed *= _SECOND
    mixed ^= mixed >> np.uint64(31)
    return mixed


def uniform(numbers: np.ndarray) -> np.ndarray:
    """Uniform in [0, 1), float64 [...], of uint64 numbers."""
    return (numbers >> np.uint64(11)).astype(np.float64) * _SMALLEST


def exponential(numbers: np.ndarray) -> np.ndarray:
    """Exponential with mean 1, float64 [...]."""
    return -np.log1p(-uniform(numbers))


def normal(numbers: np.ndarray) -> np.ndarray:
    """Standard normal, float64 [...], by the method of Box and Muller."""
    radius = np.sqrt(2 * exponential(branch(numbers, 0)))
    return radius * np.cos(2 * np.pi * uniform(branch(numbers, 1)))
