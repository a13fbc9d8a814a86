"""What the workers of a study do: read the validation days once, train long-term graphs, run trials."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from assets.common.provenance import git_revision
from assets.experiments.frame import Finished, load_arrays
from assets.experiments.tuning.settings import TuneSettings
from assets.experiments.tuning.study import study
from assets.experiments.tuning.trial import Day, Scores, Trial, TrialRow
from assets.experiments.workers import Emit, WorkProgress

if TYPE_CHECKING:
    from assets.experiments.source_logs import Logs

ReadDays = Callable[[], Sequence[Day]]  #: picklable and hashable: a worker reads once, whatever it works on


@dataclass(frozen=True)
class LoggedDays:
    """The validation days of a gated source."""

    logs: Logs
    days: tuple[str, ...]

    def __call__(self) -> list[Day]:
        """Read the warehouse, a day at a time."""
        from assets.experiments.source_logs import read_day

        return [read_day(self.logs, day) for day in self.days]


@dataclass(frozen=True)
class PickledDays:
    """The same list, pickled before, for a machine without a warehouse. Only for files of one's own."""

    path: Path

    def __call__(self) -> list[Day]:
        """Read the file."""
        with self.path.open("rb") as file:
            days: list[Day] = pickle.load(file)
        return days


@dataclass(frozen=True)
class GraphUnit:
    """The long-term graph before one of the days, for all systems that read it."""

    settings: TuneSettings
    read: ReadDays
    day: int  #: its position among the settings' days
    path: Path


@dataclass(frozen=True)
class StudyUnit:
    """The trials of one system that are not done yet."""

    settings: TuneSettings
    read: ReadDays
    name: str
    finished: tuple[Trial, ...]
    folder: Path  #: of partial results


def run_study(unit: StudyUnit, emit: Emit) -> None:
    """Do what remains of one system's study, and emit each trial as it ends."""
    from models.ranking.registry import SYSTEMS

    settings, entry = unit.settings, SYSTEMS[unit.name]
    _one_thread(settings)
    long_term = None
    if getattr(entry, settings.size).uses_long_term:
        from models.ranking.lsttm.long_term_state import LongTermState

        long_term = [LongTermState.load(graph_path(unit.folder, day)) for day in settings.days]
    for trial, scores in study(
        unit.name,
        entry,
        days_read(unit.read),
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
    """Train the long-term graph before one day, and store it beside the partial results."""
    from models.ranking.lsttm.long_term_graph import train_long_term
    from models.ranking.registry import long_term_settings

    settings = unit.settings
    _one_thread(settings)

    def report(stage: str, done: int, total: int) -> None:
        emit(WorkProgress(f"{settings.days[unit.day]} {stage}", done, total))

    state = train_long_term(
        days_read(unit.read)[unit.day][0],
        long_term_settings(settings.size),
        seed=settings.seed,
        device=settings.device,
        progress=report,
    )
    state.save(unit.path)


@lru_cache(maxsize=1)
def days_read(read: ReadDays) -> Sequence[Day]:
    """The validation days, read once a worker."""
    return read()


def graph_path(folder: Path, day: str) -> Path:
    """Where the long-term graph before a day lies while a study runs."""
    return folder / f"long_term.{day}.npz"


def _one_thread(settings: TuneSettings) -> None:
    import torch

    if settings.device == "cpu":
        torch.set_num_threads(1)
