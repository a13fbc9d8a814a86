"""Which trial of a study is taken: the best, if it is better than the defaults by more than noise.

The difference to the defaults on the same exposures has a standard error by users, all of a user's exposures
of all days together. A best trial within one such error of the defaults is not taken: eleven draws of pure
noise have a best one, too. What another seed would change is not in that error.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from assets.experiments.tuning.results import TunedTrials
from assets.experiments.tuning.trial import Day, Trial

RULE = (
    "the trial of the highest mean AUC, where it exceeds that of the defaults by more than one standard "
    "error of the paired difference (over users, all days together); else the defaults"
)


def paired_error(
    days: Sequence[Day], first: Sequence[np.ndarray], second: Sequence[np.ndarray]
) -> float | None:
    """Standard error of the difference of two scorings' mean daily AUC; None where it is not defined.

    Args:
        days: as scored.
        first: scores of each day, float64 [E].
        second: the same of the other scoring.
    """
    from models.metrics import Ordered, influences, merged, placements

    parts = []
    for (_, hours), *scores in zip(days, first, second, strict=True):
        labels = np.concatenate([hour.exposures.clicked for hour in hours])
        placed = placements(labels, [Ordered.of(scoring) for scoring in scores])
        if placed is not None:
            parts.append(influences(placed, labels, np.concatenate([hour.exposures.user for hour in hours])))
    influence = merged(parts) if parts else np.empty((0, 2))
    users = len(influence)
    if users < 2:
        return None
    return math.sqrt(float(np.square(influence[:, 1] - influence[:, 0]).sum()) * users / (users - 1))


def choose(trials: Sequence[Trial]) -> Trial | None:
    """The trial to take by `RULE`; None where all failed. Without an error to go by, the defaults stay."""
    scored = [trial for trial in trials if trial.auc is not None]
    if not scored:
        return None
    default, best = scored[0], max(scored, key=lambda trial: trial.auc or 0.0)
    if default.number != 0:  # the defaults failed
        return best
    assert best.auc is not None and default.auc is not None
    better = best.error is not None and best.auc - default.auc > best.error
    return best if better else default


def summary(trials: Sequence[Trial]) -> TunedTrials:
    """A system's part of the result. `settings` is empty where the defaults stay."""
    chosen = choose(trials)
    return TunedTrials(
        settings=chosen.settings if chosen is not None and chosen.number else {},
        auc=None if chosen is None else chosen.auc,
        default_auc=trials[0].auc,
        trials=tuple(trial.figures() for trial in trials),
    )
