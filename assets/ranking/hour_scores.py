"""How the systems score an hour: as adapted so far, and as they were trained that morning.

A system that cannot, or whose scores are no numbers, is told alone: the hour of the others stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assets.ranking import hand_over
from assets.ranking.figures import Figures, figures_of
from assets.ranking.hour import day_before, open_state, scores_key

if TYPE_CHECKING:
    import numpy as np

    from assets.ranking.hour import Hour, Start
    from assets.ranking.reading import HourLog
    from assets.ranking.states import States
    from models.ranking.day import ScoredHour

#: what is known of an hour of a system; None replaces figures of an earlier run where it failed
HOUR_FIGURES = (
    *("auc", "auc_se", "auc_static", "aupr", "log_loss", "gauc", "exposures", "gate_short", "requests"),
)


@dataclass(frozen=True)
class HourScores:
    """Scores of an hour's exposures by system, each float64 [E], and the figures made of them."""

    probability: Mapping[str, np.ndarray]  #: by the state adapted through the hour before
    static: Mapping[str, np.ndarray]  #: by the base model, which received the hours before and never adapted
    figures: Mapping[str, Figures]  #: of a system that failed: all None
    failed: Mapping[str, str]  #: system → reason


def score_systems(states: States, hour: Hour, device: str, run: str | None = None) -> HourScores:
    """Score the hour with every system; takes scores that an earlier step of the Dagster `run` has left."""
    from models.metrics import REQUEST_FIGURES, finite

    log, probability, static = hour.logs[hour.key], {}, {}
    figures: dict[str, Figures] = {}
    failed = dict(hour.failed)
    for start in hour.starts:
        try:
            scores = _scored(states, start, hour, device, run)
            adapted = finite(scores.probability)
            still = adapted if scores.static is None else finite(scores.static)
        except (ValueError, ArithmeticError) as error:
            failed[start.system] = f"{type(error).__name__}: {error}"
        else:
            probability[start.system], static[start.system] = adapted, still
            figures[start.system] = evaluate(log, scores)
    unknown = {system: dict.fromkeys((*HOUR_FIGURES, *REQUEST_FIGURES)) for system in failed}
    return HourScores(probability, static, figures | unknown, failed)


def _scored(states: States, start: Start, hour: Hour, device: str, run: str | None) -> ScoredHour:
    """The scores that were handed over, or those of the state before the hour, which stays open.

    Raises ValueError or ArithmeticError where the system cannot score.
    """
    key = scores_key(start, hour)
    scores = hand_over.of_run(run).scores.pop(key, None)
    if scores is None:
        day = day_before(states, start, hour, device, with_twin=True)
        scores = day.score(hour.logs[hour.key].log)
        if not start.catch_up:
            hand_over.leave(open_state(states, start.base, start.previous, device), day)
    if isinstance(scores, Exception):
        raise scores
    return scores


def evaluate(hour: HourLog, scores: ScoredHour) -> Figures:
    """Figures of one system's scores; AUC and its error are None where one class only occurs.

    `auc_static` is that of the model as trained that morning; `gate_short`, the mean weight of the short
    term, belongs to systems with a gate.
    """
    from models.metrics import auc

    exposures = hour.log.exposures
    figures = figures_of(exposures.clicked, exposures.user, scores.probability, exposures.request)
    still = scores.probability if scores.static is None else scores.static
    figures["auc_static"] = auc(exposures.clicked, still)
    if len(exposures) and "gate_short" in scores.details:
        figures["gate_short"] = float(scores.details["gate_short"].mean())
    return figures
