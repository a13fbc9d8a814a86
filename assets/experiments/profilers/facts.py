"""What an evaluation says of itself: dates, targets, users, and what is known of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from assets.experiments.number_format import duration
from assets.experiments.profilers.contrast import nine_labels
from assets.experiments.profilers.evaluation import Evaluation
from assets.experiments.profilers.protocol import first_of
from assets.experiments.profilers.results import EvaluationFacts
from assets.experiments.profilers.settings import ProfileEvalSettings
from assets.experiments.profilers.systems import PROFILE_SYSTEMS

#: one training of the real network and its scores, of 1,000 users: process seconds on one x86 core
SECONDS = {"normal_training": 33, "meta_profile_finetune": 5}


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
        nine_labels=nine_labels(settings, evaluation),
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


def sentences(facts: EvaluationFacts) -> Iterator[str]:
    """Which brands are targets, what is known of the users, and where the protocol had to give way."""
    if facts.chosen:
        yield facts.chosen
    if facts.having:
        purchases, *others = facts.having.items()
        known = ", ".join(f"{count:,} with {what}" for what, count in others)
        yield f"{purchases[1]:,} users with purchases before {facts.as_of}, of them {known}"
    yield from facts.remarks


def trainings(size: str, units: Sequence[tuple[str, int]]) -> Iterator[str]:
    """What the systems cost that train for every brand, where their network is the real one.

    Args:
        units: system and cases of each unit that is left to do.
    """
    counts: dict[str, int] = {}
    for system, cases in units:
        if size == "real" and PROFILE_SYSTEMS[system].trains_on_brand:
            counts[system] = counts.get(system, 0) + cases
    for system, count in counts.items():
        each = SECONDS.get(system)
        time = f", about {duration(count * each)} on one core, {each} s each" if each else ""
        yield (
            f"{system} trains for every brand and set of labels: {count:,} trainings{time}; --systems "
            "quick leaves such systems out"
        )
