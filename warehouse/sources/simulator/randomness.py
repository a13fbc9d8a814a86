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
