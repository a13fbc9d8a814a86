"""Units of work on several processes, each started afresh, with results handed over as they come."""

from __future__ import annotations

import multiprocessing
import queue
import traceback
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Emit = Callable[[Any], None]
Work = Callable[[Any, Emit], None]
#: number of a unit → numbers of earlier units that must be over before it begins
Needs = Mapping[int, Collection[int]]

POLL_SECONDS = 1.0


@dataclass(frozen=True)
class WorkProgress:
    """How far a worker is with its stage."""

    stage: str
    done: int
    total: int


class WorkerFailed(RuntimeError):
    """A worker raised or died; its own traceback is the message."""


def run_units(
    work: Work, units: Sequence[Any], workers: int, on_result: Emit, needs: Needs | None = None
) -> None:
    """Call `work(unit, emit)` for every unit; what it emits reaches `on_result` here, in order of arrival.

    With one worker everything runs in this process, in order. With more, processes are *spawned* (a forked
    torch may hang), so `work` and the units must be picklable; an idle one takes the first unit whose needs
    are met. The first failure ends the other workers; what was handed over before it stands.

    Raises:
        ValueError: a unit needs one that does not come before it.
        WorkerFailed: a worker process raised, or was killed.
    """
    if late := [number for number, needed in (needs or {}).items() if not max(needed, default=-1) < number]:
        raise ValueError(f"units {late} need others that do not come before them")
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
    for process in processes:
        process.start()
    try:
        _collect(_Plan(units, needs or {}, tasks), results, processes, on_result)
        for _ in processes:
            tasks.put(None)
    except BaseException:
        for process in processes:
            process.kill()  # whoever started this may have made SIGTERM ignored, which children inherit
        raise
    finally:
        for process in processes:
            process.join()


@dataclass
class _Plan:
    """Which units are waiting, at work and over."""

    units: Sequence[Any]
    needs: Needs
    tasks: Any  #: queue that idle workers read
    waiting: list[int] = field(init=False)
    over: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.waiting = list(range(len(self.units)))

    def hand_out(self, workers: int) -> None:
        """Give units to the workers that have none, as far as their needs are met."""
        idle = workers - (len(self.units) - len(self.waiting) - len(self.over))
        ready = [number for number in self.waiting if self.over.issuperset(self.needs.get(number, ()))]
        for number in ready[:idle]:
            self.waiting.remove(number)
            self.tasks.put((number, self.units[number]))


def _collect(plan: _Plan, results: Any, processes: Sequence[Any], on_result: Emit) -> None:
    plan.hand_out(len(processes))
    while len(plan.over) < len(plan.units):
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
        if kind == "over":
            plan.over.add(value)
            plan.hand_out(len(processes))
        else:
            on_result(value)


def _serve(work: Work, tasks: Any, results: Any) -> None:
    try:
        while (task := tasks.get()) is not None:
            number, unit = task
            work(unit, lambda value: results.put(("value", value)))
            results.put(("over", number))
    except Exception:
        results.put(("failed", traceback.format_exc()))
