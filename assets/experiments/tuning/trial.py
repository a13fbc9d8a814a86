"""A trial of a system: what was tried, and how it scored on the validation days."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from assets.common.tuned import Scalar
from assets.experiments.record import Record

if TYPE_CHECKING:
    from models.ranking.features.event_log import EventLog
    from models.ranking.instances.window import TrainingWindow
    from models.ranking.training.system import SystemSettings

    Past = EventLog | Callable[[SystemSettings], TrainingWindow]

Day = tuple["Past", Sequence["EventLog"]]  #: what a system is trained on before a day, and its hours
ONE_CLASS = "no day has both classes"  #: why a trial without an AUC failed, where nothing else did
Scores = Sequence[np.ndarray]  #: of each day, float64 [E], in the order of its exposures


class TrialFigures(Record):
    """One setting of a system, and its figures."""

    settings: dict[str, Scalar]  #: every path of the system's space → value
    auc: float | None  #: mean over the days; None where the trial failed
    aupr: float | None = None  #: mean over the days; None in files of earlier versions too
    auc_by_day: tuple[float | None, ...]  #: None of days with one class only, and of a failed trial
    error: float | None  #: paired standard error of `auc` minus that of trial 0; None without it
    seconds: float  #: 0 where an earlier trial had the same settings and its figures were taken
    failed: str | None = None  #: the reason


class Trial(TrialFigures):
    """A trial and its number in the study."""

    number: int  #: from 0, the defaults

    def figures(self) -> TrialFigures:
        """Without its number, as a result lists it."""
        return TrialFigures(**self.model_dump(exclude={"number"}))


def mean_of(figures: Sequence[float | None]) -> float | None:
    """Mean over the days that have the figure; None where none has."""
    known = [figure for figure in figures if figure is not None]
    return float(np.mean(known)) if known else None


class TrialRow(Record):
    """A finished trial of a study under way, or what of it is over."""

    system: str
    git: str
    trial: Trial
    day: str | None = None  #: the validation day that the trial's figures are of; None: all of them
