"""How a process computes: with how many threads, and what it does with memory that it has used.

Two threads of torch that wait for each other spin: on a busy machine a training step took twenty times as
long as with one (decision 0039). So a process has one, and several trainings are several processes; where
more are wanted (`threads` in deployment.json, or the variable OMP_NUM_THREADS, which goes before), they
sleep instead of spinning.

A training step asks for the same few megabytes again and again. Handed back to the system each time, they
come back page by page, at a fifth of the step's time; so they stay with the process, up to a bound.
"""

from __future__ import annotations

import ctypes
import os

KEPT = 256 * 2**20  #: bytes of freed memory that a process keeps
WHOLE = 32 * 2**20  #: bytes from which on a piece is a mapping of its own, which goes back when it is freed
THREADS = "OMP_NUM_THREADS"  #: read by torch, numpy, LightGBM and pyarrow when they are loaded
WAITING = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0"}
#: glibc's parameters, by the variables that a process which is started from this one reads
MEMORY = {"MALLOC_TRIM_THRESHOLD_": KEPT, "MALLOC_MMAP_THRESHOLD_": WHOLE}
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  #: the same parameters, for `mallopt`


def settle_threads(threads: int = 1) -> None:
    """Set what the environment leaves open; libraries that are loaded already keep what they have."""
    for name, value in {THREADS: str(threads), **WAITING}.items():
        os.environ.setdefault(name, value)
    settle_memory()


def use_threads() -> None:
    """Let torch compute with as many threads as the environment says, one if it says nothing.

    For what trains or scores on a CPU: torch by itself takes all cores where no command line was there first.
    """
    import torch

    torch.set_num_threads(int(os.environ.get(THREADS, "1")))


def settle_memory() -> None:
    """Keep freed memory, here and in processes to be started, unless the environment says how much."""
    if any(name in os.environ for name in MEMORY):
        return
    os.environ.update({name: str(size) for name, size in MEMORY.items()})
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # glibc has it, others need no such advice
    if mallopt is not None:
        mallopt(_TRIM_THRESHOLD, KEPT)
        mallopt(_MMAP_THRESHOLD, WHOLE)
