"""What the workers of a study do: read the validation days once, train long-term graphs, run trials."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from assets.common.provenance import git_revision
from assets.experiments.frame import Finished, load_arrays
from assets.experiments.mornings import load_mornings, save_mornings
from assets.experiments.tuning.days import ReadDays
from assets.experiments.tuning.settings import TuneSettings
from assets.experiments.tuning.study import study
from assets.experiments.tuning.trial import Day, Scores, Trial, TrialRow
from assets.experiments.windows import INSTANCES
from assets.experiments.workers import Emit, WorkProgress
from models.threads import use_threads

if TYPE_CHECKING:
    from models.ranking.lsttm.long_term_days import LongTermDays


WAIT_SECONDS = 0.2  #: between two looks for a graph that is being trained


@dataclass(frozen=True)
class GraphUnit:
    """The long-term graphs of the mornings before one of the days, for all systems that read them."""

    settings: TuneSettings
    read: ReadDays
    day: int  #: its position among the settings' days
    path: Path
    window_days: int | None  #: mornings before it that have a graph of their own


@dataclass(frozen=True)
class StudyUnit:
    """The trials of one system that are not done yet."""

    settings: TuneSettings
    read: ReadDays
    name: str
    finished: tuple[Trial, ...]
    folder: Path  #: of partial results


def one_thread(settings: TuneSettings) -> None:
    """One thread for this process, where it computes on the processor."""
    if settings.device == "cpu":
        use_threads()


def run_study(unit: StudyUnit, emit: Emit) -> None:
    """Do what remains of one system's study, and emit each trial as it ends."""
    from models.ranking.registry import SYSTEMS

    settings, entry = unit.settings, SYSTEMS[unit.name]
    assert settings.sampler != "qmc"
    one_thread(settings)
    own = unit.folder / f"{INSTANCES} of {unit.name}"
    long_term = None
    if getattr(entry, settings.size).uses_long_term:
        long_term = [load_mornings(graph_path(unit.folder, day)) for day in settings.days]
    for trial, scores in study(
        unit.name,
        entry,
        days_read(unit.read, unit.folder / INSTANCES, own),
        trials=settings.trials,
        size=settings.size,
        seed=settings.seed,
        sampler=settings.sampler,
        device=settings.device,
        long_term=long_term,
        finished=unit.finished,
        default_scores=_default_scores(unit),
        progress=lambda stage, done, total: emit(WorkProgress(stage, done, total)),
    ):
        arrays = {}
        if trial.number == 0 and scores is not None:
            arrays[_defaults_name(unit.name)] = dict(zip(settings.days, scores, strict=True))
        shutil.rmtree(own, ignore_errors=True)  # of settings that no other trial has
        emit(Finished((TrialRow(system=unit.name, git=git_revision(), trial=trial),), arrays))


def _default_scores(unit: StudyUnit) -> Scores | None:
    """The scores of trial 0, where an earlier run of this study has them."""
    path = unit.folder / f"{_defaults_name(unit.name)}.npz"
    if not path.exists():
        return None
    arrays = load_arrays(path)
    return [arrays[day] for day in unit.settings.days]


def _defaults_name(system: str) -> str:
    return f"defaults.{system}"


def train_graph(unit: GraphUnit, emit: Emit) -> None:
    """Train the long-term graphs before one day, and store their vectors beside the partial results."""
    from models.ranking.lsttm.long_term_mornings import train_long_term_days
    from models.ranking.registry import long_term_settings

    settings = unit.settings
    one_thread(settings)

    def report(stage: str, done: int, total: int) -> None:
        emit(WorkProgress(f"{settings.days[unit.day]} {stage}", done, total))

    mornings = train_long_term_days(
        unit.read.history(unit.day),
        long_term_settings(settings.size),
        seed=settings.seed,
        days=unit.window_days,
        device=settings.device,
        progress=report,
    )
    save_mornings(mornings, unit.path)


@lru_cache(maxsize=4)
def mornings_of(folder: Path, day: str) -> LongTermDays:
    """The long-term vectors before a day, once they are there: another worker may be training them still."""
    path = graph_path(folder, day)
    while not path.exists():
        time.sleep(WAIT_SECONDS)
    return load_mornings(path)


@lru_cache(maxsize=1)
def days_read(read: ReadDays, shared: Path, own: Path) -> Sequence[Day]:
    """The validation days, read once a worker."""
    return read(shared, own)


def graph_path(folder: Path, day: str) -> Path:
    """Where the long-term vectors before a day lie while a study runs."""
    return folder / f"long_term.{day}.npz"
