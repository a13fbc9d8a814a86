"""Trials that do not depend on each other: every day of every trial is a unit of work of its own.

What a trial tries follows from its number (`point`), so all of a study's units are known at its beginning.
Those that take longest are handed out first: many workers are busy nearly to the end. The rows of a trial's
days are joined when all are there, and its error against the defaults is computed from stored scores.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from assets.common.provenance import git_revision
from assets.experiments.frame import Finished, load_arrays
from assets.experiments.tuning.choice import paired_error
from assets.experiments.tuning.days import ReadDays
from assets.experiments.tuning.sampling import defaults_of, point
from assets.experiments.tuning.settings import TuneSettings
from assets.experiments.tuning.study import attempt
from assets.experiments.tuning.trial import ONE_CLASS, Scalar, Trial, TrialRow, mean_of
from assets.experiments.tuning.workers import GraphUnit, days_read, mornings_of, one_thread, train_graph
from assets.experiments.windows import INSTANCES
from assets.experiments.workers import Emit

#: Systems in the order in which their units are handed out, before all others. It moves nothing but the time
#: that a study takes: the slowest first, those before the rest that need not wait for long-term vectors.
FIRST = ("autoint", "sml_deepfm", "lightgbm", "lsttm")


@dataclass(frozen=True)
class DayUnit:
    """One trial of a system on one validation day."""

    settings: TuneSettings
    read: ReadDays
    name: str
    number: int
    day: int  #: its position among the settings' days
    folder: Path  #: of partial results


@dataclass(frozen=True)
class PairingUnit:
    """The trials of a system whose days are all over, to be compared with its defaults."""

    settings: TuneSettings
    read: ReadDays
    name: str
    trials: int  #: of the system, in all
    rows: tuple[TrialRow, ...]
    folder: Path  #: of partial results


def tried(settings: TuneSettings, name: str, number: int) -> dict[str, Scalar]:
    """What a trial of a system tries."""
    from models.ranking.registry import SYSTEMS

    entry = SYSTEMS[name]
    defaults = defaults_of(getattr(entry, settings.size), entry.space)
    return point(name, entry.space, defaults, number, settings.seed)


def units_left(
    settings: TuneSettings,
    read: ReadDays,
    folder: Path,
    trials: Mapping[str, int],
    finished: Mapping[str, Sequence[TrialRow]],
    parts: Iterable[TrialRow],
) -> list[DayUnit]:
    """What remains to be done, in the order in which it is handed out.

    Args:
        settings: of the study.
        read: where the days come from.
        folder: of partial results.
        trials: system → how many it has.
        finished: system → the trials that are over, on all days.
        parts: those that are over on one day.
    """
    over = {(row.system, row.trial.number, row.day) for row in parts}
    left = []
    in_order = dict.fromkeys((*FIRST, *list(trials)[::-1]))  # the registry ends with what takes longest
    for name in (name for name in in_order if name in trials):
        firsts = _firsts(settings, name, trials[name])
        ended = {row.trial.number: row.trial for row in finished[name]}
        wanted = [number for number in sorted(set(firsts)) if number not in ended]
        if wanted and 0 in ended and ended[0].failed is None:
            wanted.insert(0, 0)  # its scores, which the others are compared with, went with an earlier study
        left += [
            DayUnit(settings, read, name, number, day, folder)
            for number in wanted
            for day, named in enumerate(settings.days)
            if (name, number, named) not in over
        ]
    return left


def work_on(unit: GraphUnit | DayUnit, emit: Emit) -> None:
    """Train the long-term graphs before a day, or run a trial on one; the graphs are handed out first."""
    if isinstance(unit, GraphUnit):
        train_graph(unit, emit)
    else:
        _run_day(unit, emit)


def _run_day(unit: DayUnit, emit: Emit) -> None:
    from models.ranking.registry import SYSTEMS

    settings, named = unit.settings, unit.settings.days[unit.day]
    one_thread(settings)
    system = getattr(SYSTEMS[unit.name], settings.size)
    own = unit.folder / f"{INSTANCES} of process {os.getpid()}"
    days = days_read(unit.read, unit.folder / INSTANCES, own)
    trial, scores = attempt(
        unit.number,
        system,
        tried(settings, unit.name, unit.number),
        [days[unit.day]],
        settings.seed,
        settings.device,
        [mornings_of(unit.folder, named)] if system.uses_long_term else None,
    )
    shutil.rmtree(own, ignore_errors=True)  # of settings that no other trial has
    arrays = {} if scores is None else {scores_name(unit.name, unit.number, named): {"scores": scores[0]}}
    emit(Finished((TrialRow(system=unit.name, git=git_revision(), trial=trial, day=named),), arrays))


def scores_name(system: str, number: int, day: str) -> str:
    """The stem of the file with a trial's scores of a day."""
    return f"scores.{system}.{number}.{day}"


def joined(
    settings: TuneSettings, trials: Mapping[str, int], parts: Iterable[TrialRow]
) -> dict[str, list[TrialRow]]:
    """System → the trials whose days are all over; of the same settings twice, the first was run."""
    by_day = {(row.system, row.trial.number, row.day): row for row in parts}
    whole: dict[str, list[TrialRow]] = {name: [] for name in trials}
    for name, count in trials.items():
        for number, first in enumerate(_firsts(settings, name, count)):
            rows = [row for day in settings.days if (row := by_day.get((name, first, day)))]
            if len(rows) == len(settings.days):
                trial = _joined([row.trial for row in rows]).model_copy(update={"number": number})
                if number != first:
                    trial = trial.model_copy(update={"seconds": 0.0})
                git = ", ".join(dict.fromkeys(row.git for row in rows))
                whole[name].append(TrialRow(system=name, git=git, trial=trial))
    return whole


def _joined(parts: Sequence[Trial]) -> Trial:
    """One trial from what it did on each day. A failure on a day is one of the trial."""
    failed = next((part.failed for part in parts if part.failed not in (None, ONE_CLASS)), None)
    figures = [None if failed else part.auc for part in parts]
    area = mean_of(figures)
    return parts[0].model_copy(
        update={
            "auc": area,
            "aupr": None if failed else mean_of([part.aupr for part in parts]),
            "auc_by_day": tuple(figures),
            "seconds": sum(part.seconds for part in parts),
            "failed": failed or (ONE_CLASS if area is None else None),
        }
    )


def pair_with_defaults(unit: PairingUnit, emit: Emit) -> None:
    """Emit the trials of a system, each with its error against trial 0 from the scores in the folder.

    A trial that failed, or whose defaults did, has none. Days of one class only move no mean and have none.
    """
    settings, folder = unit.settings, unit.folder
    days = days_read(unit.read, folder / INSTANCES, folder / INSTANCES)
    firsts = _firsts(settings, unit.name, unit.trials)
    scored = {row.trial.number for row in unit.rows if row.trial.failed is None}
    for row in unit.rows:
        number, error = row.trial.number, None
        if number and {0, number} <= scored:
            files = [
                [folder / f"{scores_name(unit.name, n, day)}.npz" for n in (0, firsts[number])]
                for day in settings.days
            ]
            usable = [d for d, pair in enumerate(files) if all(path.exists() for path in pair)]
            first, second = ([load_arrays(files[d][n])["scores"] for d in usable] for n in (0, 1))
            error = paired_error([days[d] for d in usable], first, second)
        emit(row.model_copy(update={"trial": row.trial.model_copy(update={"error": error})}))


@cache
def _firsts(settings: TuneSettings, name: str, count: int) -> list[int]:
    """Of each trial, the number of the first one that tries the same."""
    seen: dict[str, int] = {}
    return [
        seen.setdefault(json.dumps(tried(settings, name, number), sort_keys=True), number)
        for number in range(count)
    ]
