"""Random streams that depend on what is drawn, never on what was drawn before.

Each hour, day or table draws from a stream of its own, so that nine simulated days are the first nine of
fourteen, and an account or item can be asked about without replaying the log.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

_SHIFT = 1 << 20  # hours before the first day have negative numbers; a seed must not


class Stream(IntEnum):
    """What a stream is for."""

    TABLES = 0
    ARRIVALS = 1
    NEWS = 2
    HOT = 3
    IMPRESSIONS = 4
    CHOICE = 5
    CLICKS = 6
    EXTERNAL = 7
    CATALOGUE = 8
    CORRUPTION = 9
    SHOP = 10


def stream(seed: int, kind: Stream, index: int = 0) -> np.random.Generator:
    """The generator of one hour or day (`index`, which may be negative) of one kind."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, int(kind), index + _SHIFT])))


def gumbel(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Standard Gumbel noise, float32: the best k of scores with it are a draw in proportion to exp(score)."""
    waiting = rng.standard_exponential(shape, dtype=np.float32)
    return -np.log(np.maximum(waiting, np.finfo(np.float32).tiny))


_STEP = np.uint64(0x9E3779B97F4A7C15)
_MIX = ((30, np.uint64(0xBF58476D1CE4E5B9)), (27, np.uint64(0x94D049BB133111EB)))


def hashed_uniform(seed: int, *keys: np.ndarray | int) -> np.ndarray:
    """Uniform numbers in [0, 1), float64, fixed by seed and keys (integers; they broadcast).

    The same question draws the same number, whoever asks and in whatever order: splitmix64, key after key.
    """
    state = np.array([seed], dtype=np.uint64)
    for key in keys:
        state = _mixed(state + _mixed(np.asarray(key).astype(np.uint64) + _STEP) + _STEP)
    return (state >> np.uint64(11)) * 2.0**-53


def hashed_normal(seed: int, *keys: np.ndarray | int) -> np.ndarray:
    """Standard normal numbers, float64, fixed by seed and keys (Box and Muller)."""
    radius = np.sqrt(-2 * np.log1p(-hashed_uniform(seed, *keys, 0)))
    return radius * np.cos(2 * np.pi * hashed_uniform(seed, *keys, 1))


def _mixed(state: np.ndarray) -> np.ndarray:
    state = np.atleast_1d(state)
    for shift, factor in _MIX:
        state = (state ^ (state >> np.uint64(shift))) * factor
    return state ^ (state >> np.uint64(31))
