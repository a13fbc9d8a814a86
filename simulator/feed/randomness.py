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
    SHOP = 10
    CONTENT = 11


def stream(seed: int, kind: Stream, index: int = 0) -> np.random.Generator:
    """The generator of one hour or day (`index`, which may be negative) of one kind."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, int(kind), index + _SHIFT])))


def gumbel(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Standard Gumbel noise, float32: the best k of scores with it are a draw in proportion to exp(score)."""
    waiting = rng.standard_exponential(shape, dtype=np.float32)
    return -np.log(np.maximum(waiting, np.finfo(np.float32).tiny))


STEP = np.uint64(0x9E3779B97F4A7C15)  #: between two counters of SplitMix64
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def splitmix64(numbers: np.ndarray) -> np.ndarray:
    """SplitMix64's finaliser, in place, uint64 [...].

    Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014.
    """
    numbers ^= numbers >> np.uint64(30)
    numbers *= _FIRST
    numbers ^= numbers >> np.uint64(27)
    numbers *= _SECOND
    numbers ^= numbers >> np.uint64(31)
    return numbers


def uniform(numbers: np.ndarray) -> np.ndarray:
    """Uniform in [0, 1), float64 [...], of uint64 numbers."""
    return (numbers >> np.uint64(11)) * 2.0**-53


def box_muller(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Standard normal, float64 [...], of two uniform numbers each."""
    return np.sqrt(-2 * np.log1p(-first)) * np.cos(2 * np.pi * second)


def hashed_uniform(seed: int, *keys: np.ndarray | int) -> np.ndarray:
    """Uniform numbers in [0, 1), float64, fixed by seed and keys (integers; they broadcast).

    The same question draws the same number, whoever asks and in whatever order: SplitMix64, key after key.
    """
    state = np.array([seed], dtype=np.uint64)
    for key in keys:
        mixed = splitmix64(np.atleast_1d(key).astype(np.uint64) + STEP)
        state = splitmix64(state + mixed + STEP)
    return uniform(state)


def hashed_normal(seed: int, *keys: np.ndarray | int) -> np.ndarray:
    """Standard normal numbers, float64, fixed by seed and keys."""
    return box_muller(hashed_uniform(seed, *keys, 0), hashed_uniform(seed, *keys, 1))
