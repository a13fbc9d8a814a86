"""The systems of a day, trained one after the other or side by side in processes of one thread each.

Side by side is what two cores are for: torch's own threads wait for each other at every small operation, and
on a busy machine they wait for long.
"""

from __future__ import annotations

import os
import pickle
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from assets.common.tuned import Values, with_tuned
from assets.experiments.workers import Emit, WorkProgress, run_units
from assets.ranking.states import StateRecord, States
from models.progress import Progress

if TYPE_CHECKING:
    from models.ranking.features.event_log import EventLog
    from models.ranking.ranker import Ranker
    from warehouse.home import Deployment

LEAST_EXPOSURES = 100_000  #: below, starting a process costs more than it saves
BYTES_A_SYSTEM, BYTES_AN_EXPOSURE = 2**30, 2_500  #: of memory, for each training at a time
MEMORY = Path("/proc/meminfo")


@dataclass(frozen=True)
class SystemTraining:
    """One system to be trained on everything through a day."""

    system: str
    day: str
    data_hash: str
    deployment: Deployment
    tuned: Values  #: what `hourfold tune` chose for it
    states: States
    log: Path | None = None  #: the pickled log, for another process


@dataclass(frozen=True)
class SystemTrained:
    """What came of it; `failure` is empty where the model is stored."""

    system: str
    losses: tuple[float, ...] = ()
    failure: str = ""


def train_systems(
    plan: Sequence[SystemTraining], log: EventLog, listen: Progress, workers: int | None = None
) -> list[SystemTrained]:
    """Train all of `plan`, in its order, and store each model whole; a system that diverges is told alone.

    Args:
        plan: the systems of one day.
        log: everything received through the day.
        listen: told of every step of every system.
        workers: processes; default: `workers_for`.

    Raises:
        WorkerFailed: a process was killed, or raised what is no divergence.
    """
    trained: dict[str, SystemTrained] = {}

    def take(emitted: SystemTrained | WorkProgress) -> None:
        if isinstance(emitted, WorkProgress):
            listen(emitted.stage, emitted.done, emitted.total)
        else:
            trained[emitted.system] = emitted

    workers = workers or workers_for(plan, len(log.exposures))
    if workers == 1:
        for training in plan:
            take(_attempt(training, log, take))
    else:
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / "log.pickle"
            path.write_bytes(pickle.dumps(log, protocol=pickle.HIGHEST_PROTOCOL))
            units = [replace(training, log=path) for training in plan]
            run_units(train_unit, units, workers, take)
    return [trained[training.system] for training in plan]


def workers_for(plan: Sequence[SystemTraining], exposures: int) -> int:
    """How many systems are trained at a time: as many as there are cores and memory for, or as is set."""
    deployment = plan[0].deployment
    if deployment.workers is not None:
        return min(deployment.workers, len(plan))
    if deployment.device != "cpu" or exposures < LEAST_EXPOSURES:
        return 1
    memory = memory_available() // (BYTES_A_SYSTEM + BYTES_AN_EXPOSURE * exposures)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(len(plan), cores, memory))


def memory_available() -> int:
    """Bytes that can be used without swapping; half of all where the system does not tell."""
    if MEMORY.exists():
        for line in MEMORY.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2


def train_unit(training: SystemTraining, emit: Emit) -> None:
    """Train one system in a process of its own."""
    assert training.log is not None
    emit(_attempt(training, pickle.loads(training.log.read_bytes()), emit))


def _attempt(training: SystemTraining, log: EventLog, emit: Emit) -> SystemTrained:
    """Train one system; a divergence is a result."""
    about = f"{training.system} {training.day}:"

    def listen(stage: str, done: int, total: int) -> None:
        emit(WorkProgress(f"{about} {stage}", done, total))

    try:
        ranker = train(training, log, listen)
    except (ValueError, ArithmeticError) as error:
        return SystemTrained(training.system, failure=f"{type(error).__name__}: {error}")
    return SystemTrained(training.system, tuple(ranker.losses))


def train(training: SystemTraining, log: EventLog, listen: Progress) -> Ranker:
    """Train one system on `log`, everything through its day, and store it whole.

    The record shows what the settings of `hourfold tune` made of the system.
    """
    from models.ranking.lsttm.long_term_graph import LongTermState
    from models.ranking.ranker import Ranker
    from models.ranking.registry import SYSTEMS

    system, day, deployment, states = training.system, training.day, training.deployment, training.states
    settings = with_tuned(system, getattr(SYSTEMS[system], deployment.size), training.tuned)
    long_term = None
    if settings.uses_long_term:
        long_term = LongTermState.load(states.ranker_path(states.long_term(day)))
    checkpoint = states.checkpoint(system, day)
    ranker = Ranker.train(
        settings,
        log,
        seed=deployment.seed,
        device=deployment.device,
        long_term=long_term,
        checkpoint=checkpoint,
        progress=listen,
    )
    record = StateRecord.of_training(system, day, deployment, settings, training.data_hash)
    with states.write(states.daily(system, day), record) as path:
        ranker.save(path)
    checkpoint.unlink(missing_ok=True)
    return ranker
