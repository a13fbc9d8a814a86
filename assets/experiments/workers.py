"""Units of work on several processes, each started afresh, with results handed over as they come."""

from __future__ import annotations

import multiprocessing
import queue
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

Emit = Callable[[Any], None]
Work = Callable[[Any, Emit], None]

POLL_SECONDS = 1.0


@dataclass(frozen=True)
class WorkProgress:
    """How far a worker is with its stage."""

    stage: str
    done: int
    total: int


class WorkerFailed(RuntimeError):
    """A worker raised or died; its own traceback is the message."""


def run_units(work: Work, units: Sequence[Any], workers: int, on_result: Emit) -> None:
    """Call `work(unit, emit)` for every unit; what it emits reaches `on_result` here, in order of arrival.

    With one worker everything runs in this process, in order. With more, processes are *spawned* (a forked
    torch may hang), so `work` and the units must be picklable. The first failure ends the other workers; what
    was handed over before it stands.

    Raises:
        WorkerFailed: a worker process raised, or was killed.
    """
    if workers == 1:
        for unit in units:
            work(unit, on_result)
        return
    context = multiprocessing.get_context("spawn")
    tasks, results = context.Queue(), context.Queue()
    processes = [
        context.Process(target=_serve, args=(work, tasks, results), daemon=True)
        for _ in range(min(workers, len(units)))
    ]
    for task in (*units, *(None for _ in processes)):
        tasks.put(task)
    for process in processes:
        process.start()
    try:
        _collect(results, processes, on_result)
    finally:
        for process in processes:
            process.terminate()
            process.join()


def _collect(results: Any, processes: Sequence[Any], on_result: Emit) -> None:
    finished = 0
    while finished < len(processes):
        try:
            kind, value = results.get(timeout=POLL_SECONDS)
        except queue.Empty:
            killed = [process for process in processes if process.exitcode not in (None, 0)]
            if killed:
                raise WorkerFailed(
                    f"a worker ended with exit code {killed[0].exitcode} (-9 is usually a lack of memory: "
                    "fewer --workers need less); what is finished is stored, run the same command to go on"
                ) from None
            continue
        if kind == "failed":
            raise WorkerFailed(value)
        if kind == "finished":
            finished += 1
        else:
            on_result(value)


def _serve(work: Work, tasks: Any, results: Any) -> None:
    try:
        while (unit := tasks.get()) is not None:
            work(unit, lambda value: results.put(("value", value)))
        results.put(("finished", None))
    except Exception:
        results.put(("failed", traceback.format_exc()))
