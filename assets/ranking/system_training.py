"""The systems of a day, trained one after the other or side by side in processes of one thread each.

Side by side is what two cores are for: torch's own threads wait for each other at every small operation, and
on a busy machine they wait for long.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from assets.experiments.workers import Emit, WorkProgress, run_units
from assets.ranking.long_term_reading import open_long_term_days
from assets.ranking.states import StateRecord, States
from assets.ranking.window_days import WindowFolders
from models.progress import Progress
from models.ranking.instances.manifest import find_manifest

if TYPE_CHECKING:
    from models.ranking.ranker import Ranker
    from models.ranking.training.system import SystemSettings
    from warehouse.home import Deployment

LEAST_EXPOSURES = 100_000  #: below, starting a process costs more than it saves
#: Of memory, for each training at a time: libraries and tables, an instance of a block, a click of the graph.
BYTES_A_SYSTEM, BYTES_AN_INSTANCE, BYTES_A_CLICK = 2**30, 1_500, 200
BLOCK = 2**20  #: instances of a block, as `TrainingSettings` has it
MEMORY = Path("/proc/meminfo")


@dataclass(frozen=True)
class SystemTraining:
    """One system to be trained on its window, the last days through a day."""

    system: str
    day: str
    data_hash: str
    deployment: Deployment
    settings: SystemSettings  #: what `hourfold tune` chose among them
    states: States
    window: WindowFolders


@dataclass(frozen=True)
class SystemTrained:
    """What came of it; `failure` is empty where the model is stored."""

    system: str
    losses: tuple[float, ...] = ()
    failure: str = ""
    notes: tuple[str, ...] = ()  #: what the training had to do without


def train_systems(
    plan: Sequence[SystemTraining], listen: Progress, workers: int | None = None
) -> list[SystemTrained]:
    """Train all of `plan`, in its order, and store each model whole; a system that diverges is told alone.

    Args:
        plan: the systems of one day.
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

    run_units(train_unit, plan, workers or workers_for(plan), take)
    return [trained[training.system] for training in plan]


def workers_for(plan: Sequence[SystemTraining]) -> int:
    """How many systems are trained at a time: as many as there are cores and memory for, or as is set."""
    deployment = plan[0].deployment
    if deployment.workers is not None:
        return min(deployment.workers, len(plan))
    rows = max(rows_of(training.window.instances) for training in plan)
    if deployment.device != "cpu" or rows < LEAST_EXPOSURES:
        return 1
    clicks = max(_clicks_of(training.window.events) for training in plan)
    memory = memory_available() // bytes_needed(rows, clicks)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(len(plan), cores, memory))


def bytes_needed(rows: int, clicks: int) -> int:
    """Memory of one training: a block of instances and the next one, and the graph of the window's clicks."""
    return BYTES_A_SYSTEM + BYTES_AN_INSTANCE * min(rows, BLOCK) + BYTES_A_CLICK * clicks


def rows_of(folders: Sequence[Path]) -> int:
    """Exposures in some partitions."""
    return sum(manifest["rows"] for folder in folders if (manifest := find_manifest(folder)) is not None)


def _clicks_of(folders: Sequence[Path]) -> int:
    """Clicks of all applications in some partitions."""
    manifests = [manifest for folder in folders if (manifest := find_manifest(folder)) is not None]
    return sum(manifest["clicks"] + manifest["external_clicks"] for manifest in manifests)


def memory_available() -> int:
    """Bytes that can be used without swapping; half of all where the system does not tell."""
    if MEMORY.exists():
        for line in MEMORY.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2


def train_unit(training: SystemTraining, emit: Emit) -> None:
    """Train one system; a divergence is a result."""
    about = f"{training.system} {training.day}:"

    def listen(stage: str, done: int, total: int) -> None:
        emit(WorkProgress(f"{about} {stage}", done, total))

    from models.unfinished import UnreadableCheckpoint

    notes: list[str] = []
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UnreadableCheckpoint)
            ranker = train(training, listen, notes.append)
    except (ValueError, ArithmeticError) as error:
        emit(SystemTrained(training.system, failure=f"{type(error).__name__}: {error}"))
    else:
        for warning in caught:
            warnings.showwarning(warning.message, warning.category, warning.filename, warning.lineno)
        notes += [str(one.message) for one in caught if issubclass(one.category, UnreadableCheckpoint)]
        emit(SystemTrained(training.system, tuple(ranker.losses), notes=tuple(notes)))


def train(training: SystemTraining, listen: Progress, note: Callable[[str], None] | None = None) -> Ranker:
    """Train one system on the partitions of its window, and store it whole.

    The record shows what the settings of `hourfold tune` made of the system.
    """
    from models.ranking.ranker import Ranker

    system, day, deployment, states = training.system, training.day, training.deployment, training.states
    settings = training.settings
    long_term = None
    if settings.uses_long_term:
        offset_ms = deployment.service_zone.offset_ms
        long_term = open_long_term_days(states, day, len(training.window.instances), offset_ms)
        first_day = deployment.behaviours_first_day
        if note is not None and (absent := [day for day in long_term.missing if day >= first_day]):
            note(
                f"no long-term graph of {absent[0]} to {absent[-1]} ({len(absent)} days): instances of the "
                "days after them read zero vectors; materialise `long_term_graph` of these days to mend it"
            )
    checkpoint = states.checkpoint(system, day)
    ranker = Ranker.train(
        settings,
        training.window.open(settings.features),
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
