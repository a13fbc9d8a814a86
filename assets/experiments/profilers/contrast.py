"""How active the nine users are that a system of the 9-way study may learn from: why some end below chance.

The eight others are members of source ways (who answered a survey, say, or redeemed coupons). Where these are
as active as customers are, the nine labels do not tell that newcomers are active, as random labels would.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from assets.experiments.profilers.cases import cases, given, source_ways
from assets.experiments.profilers.evaluation import Evaluation
from assets.experiments.profilers.folds import Fold
from assets.experiments.profilers.results import NineLabels
from assets.experiments.profilers.settings import ProfileEvalSettings


def nine_labels(settings: ProfileEvalSettings, evaluation: Evaluation) -> NineLabels | None:
    """Purchases of the customer against those of others, over all draws; None without the study."""
    if "ood" not in settings.studies:
        return None
    planned = [case for case in cases(settings, evaluation) if case.study == "ood"]
    purchases = evaluation.data.purchases
    bought = np.bincount(purchases.user[~purchases.cancelled], minlength=len(evaluation.data))
    ahead: list[tuple[float, float]] = []
    for number in range(len(evaluation.folds)):
        fold = Fold(evaluation, number, 0, settings.size, settings.device, scratch=Path())
        ways = source_ways(evaluation, fold.train_users, fold.source.brands, fold.source.customers)
        for case in planned:
            labels = given(case, evaluation, ways) if case.fold == number else None
            if labels is None or labels.others is None:
                continue
            mine = bought[labels.customers[0]]
            anybody = bought[fold.train_users & ~evaluation.members[case.target]]
            ahead.append((_ahead(mine, bought[labels.others]), _ahead(mine, anybody)))
    if not ahead:
        return None
    of_others, of_anybody = np.mean(ahead, axis=0)
    return NineLabels(ahead_of_others=float(of_others), ahead_of_anybody=float(of_anybody))


def _ahead(mine: int, others: np.ndarray) -> float:
    """Share of others that bought less; who bought as much counts half."""
    return float(((others < mine) + 0.5 * (others == mine)).mean())
