"""How many seeded kills are tried, and how a process comes to one.

HOURFOLD_KILLS says how many over all of encoding (with the merging of the state that is carried), training
(with the merging of graphs) and clean-up: 30 in the ordinary suite. `HOURFOLD_KILLS=200 pytest tests/faults`
tries as many.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

SHARES = {"encoding": 2, "training": 2, "clean-up": 1}
_EVENTS = ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "shutil.rmtree")


def kills(of: str) -> int:
    """The number for one of `SHARES`."""
    return max(1, int(os.environ.get("HOURFOLD_KILLS", "30")) * SHARES[of] // sum(SHARES.values()))


def die() -> None:
    """End this process without a word."""
    os.kill(os.getpid(), signal.SIGKILL)


class Operations:
    """Notes what is done to files below a folder, and ends the process at one of these operations."""

    def __init__(self, root: Path, kill_at: int | None) -> None:
        """Args: number of the deadly operation, from 0 on; None: none is."""
        self.root, self.kill_at = str(root), kill_at
        self.done: list[tuple[str, str]] = []  #: event of Python's auditing, path

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        """An audit hook."""
        if event in _EVENTS:
            paths = [str(one) for one in arguments if str(one).startswith(self.root)]
            if paths:
                if len(self.done) == self.kill_at:
                    die()
                self.done.append((event, paths[0]))


def run_apart(process, target, args, delay=None, **kill_at):
    """Run `target` in a process of its own, which says that it begins and then what it tells.

    Args:
        process: a multiprocessing context.
        target: called with `args`, the end of a pipe, and `kill_at`.
        delay: seconds after which the process is killed; None: it is not killed from outside.

    Returns:
        what it tells (None if it was killed), and seconds.
    """
    here, there = process.Pipe()
    child = process.Process(target=target, args=(*args, there), kwargs=kill_at)
    child.start()
    there.close()
    try:
        assert here.recv() == "begins"
        began = time.perf_counter()
        if delay is not None and not here.poll(delay):
            child.kill()
        try:
            answer = here.recv()
        except EOFError:
            answer = None
        return answer, time.perf_counter() - began
    finally:
        child.join()
