"""What an evaluation says of itself: dates, targets, users, and what is known of them."""

from __future__ import annotations

import numpy as np

from assets.experiments.profilers.evaluation import Evaluation
from assets.experiments.profilers.protocol import first_of
from assets.experiments.profilers.results import EvaluationFacts
from assets.experiments.profilers.settings import ProfileEvalSettings


def described(settings: ProfileEvalSettings, evaluation: Evaluation) -> EvaluationFacts:
    """Dates, targets and users as the protocol chose them."""
    dates = evaluation.dates
    as_of, end = (str(np.datetime64(day, "D")) for day in (dates.as_of_day, dates.end_day))
    return EvaluationFacts(
        as_of=as_of,
        labels_until=end,
        horizon_days=dates.horizon,
        targets=tuple(evaluation.name(target) for target in range(len(evaluation.targets))),
        users=int(evaluation.known.sum()),
        train_users=tuple(int(evaluation.train_users(f).sum()) for f in range(len(evaluation.folds))),
        test_users=tuple(int(fold.sum()) for fold in evaluation.folds),
        excluded_brands=len(evaluation.excluded),
        remarks=evaluation.remarks,
        chosen=evaluation.chosen,
        having=_having(evaluation),
        first=_first(settings, evaluation),
    )


def _having(evaluation: Evaluation) -> dict[str, int]:
    """How many of the users have a purchase, cells of each heatmap, and demographics."""
    data, known = evaluation.data, evaluation.known
    counts = {"purchases": int(known.sum())}
    for heatmaps in data.modalities:
        counts[f"{heatmaps.modality} heatmap"] = int((heatmaps.present & known).sum())
    surveyed = np.zeros(len(data), bool) if data.demographics is None else data.demographics.present
    return counts | {"demographics": int((surveyed & known).sum())}


def _first(settings: ProfileEvalSettings, evaluation: Evaluation) -> tuple[int, int]:
    asked = [
        first_of(settings.top, int(evaluation.test(target, fold).sum()))
        for target in range(len(evaluation.targets))
        for fold in range(len(evaluation.folds))
    ]
    return min(asked), max(asked)
