"""The 9-way study as printed: nine ways scored against each other, each with its own one-shot support."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assets.experiments.profilers.cases import Case, Given
from assets.experiments.profilers.evaluation import Evaluation
from assets.experiments.profilers.protocol import WAYS
from assets.experiments.profilers.rows import ProfileRow

if TYPE_CHECKING:
    from models.profiling.profiler import Scorer

WAYS_DRAWS = 9  #: support draws of a target that are also scored as printed


def is_asked(case: Case) -> bool:
    """Whether a case is also scored nine ways against each other, which is nine times the work of a score.

    Support draws share their test users, so that a few of them tell as much as all.
    """
    return case.study == "ood" and case.draw is not None and case.draw < WAYS_DRAWS


def with_ways(
    row: ProfileRow, case: Case, evaluation: Evaluation, labels: Given, scorer: Scorer
) -> ProfileRow:
    """The row with the figures of the printed reading beside its own.

    Raises:
        ValueError: a test user has no finite score.
    """
    import numpy as np

    from models.profiling.nine_ways import accuracy, first_way, way_scores
    from models.profiling.profile_metrics import figures

    test = evaluation.test(case.target, case.fold)
    of_ways = way_scores(scorer, labels.ways)[:, test]
    scores = first_way(of_ways)
    if not np.isfinite(scores).all():
        raise ValueError(f"{row.system} gave test users no finite score among nine ways: {case}")
    newcomers = evaluation.newcomers[case.target][test]
    measured = figures(newcomers, scores, evaluation.quintiles[case.fold][test])
    assert labels.belongs is not None
    members = np.concatenate([newcomers[None], labels.belongs[:, test]])
    return row.model_copy(
        update={
            "ways_aupr": measured.aupr,
            "ways_auroc": measured.auroc,
            "ways_within_quintiles": measured.within_quintiles,
            "ways_accuracy": accuracy(of_ways, members) if len(members) == WAYS else None,
        }
    )
