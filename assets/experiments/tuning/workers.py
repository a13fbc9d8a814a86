"""What the workers of a study do: read the validation days once, train long-term graphs, run trials."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

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


def work_on(unit: GraphUnit | StudyUnit, emit: Emit) -> None:
    """Train graphs, or run trials; see `train_graph` and `run_study`."""
    if unit.settings.device == "cpu":
        use_threads()
    if isinstance(unit, GraphUnit):
        train_graph(unit, emit)
    else:
        run_study(unit, emit)


def run_study(unit: StudyUnit, emit: Emit) -> None:
    """Do what remains of one system's study, and emit each trial as it ends."""
    from models.ranking.registry import SYSTEMS

    settings, entry = unit.settings, SYSTEMS[unit.name]
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


@lru_cache(maxsize=1)
def days_read(read: ReadDays, shared: Path, own: Path) -> Sequence[Day]:
    """The validation days, read once a worker."""
    return read(shared, own)


def graph_path(folder: Path, day: str) -> Path:
    """Where the long-term vectors before a day lie while a study runs."""
    return folder / f"long_term.{day}.npz"
