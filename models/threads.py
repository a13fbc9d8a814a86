"""How many threads a process computes with, said before the libraries that compute are loaded.

Two threads of torch that wait for each other spin: on a busy machine a training took more than three times as
long as with one. So a process has one, and several trainings are several processes; where more are
wanted, the variable OMP_NUM_THREADS says so, and they sleep instead of spinning.
"""

from __future__ import annotations

import os

USUAL = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0"}


def settle_threads() -> None:
    """Set what the environment leaves open; libraries that are loaded already keep what they have."""
    for name, value in USUAL.items():
        os.environ.setdefault(name, value)
