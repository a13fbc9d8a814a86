"""The cases of each study: which labels of which target a system is given, drawn alike for all systems.

| study | asks | cases of a target, fold and seed |
|---|---|---|
| brands | the table of brands, as in use: customers only | K = 1, 5, 20, all |
| labels | label masking (Fig. 3) and the budgets | 100 … 0.5 % of the train users; one shot + 8 others |
| imbalance | class imbalance (Fig. 4) | customers : others = 1/2 … 1/128, others fixed; the test users stay |
| ood | Table 3, 9-way 1-shot | one customer, one member of each of 8 source ways, in `draws` draws |

Draws of one target, fold and seed are nested: the users of 1 % are among those of 5 %. The contrast members
of `ood` are known not to be customers of the target, so that every system is given the same nine labels.

`ood` is scored twice. *Ours*: the target's way alone, the eight others as known non-customers. *As printed*:
each of the nine users is the support of its own way, and the ways are scored against each other
(as_printed.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from assets.experiments.profilers import protocol
from assets.experiments.profilers.evaluation import Evaluation
from assets.experiments.profilers.settings import ProfileEvalSettings, StudyName


@dataclass(frozen=True)
class Case:
    """One score asked of one system."""

    study: StudyName
    target: int
    fold: int
    seed: int
    shots: int | None = None  #: customers given; None: as many as the other fields leave
    fraction: float | None = None
    ratio: float | None = None
    draw: int | None = None


@dataclass(frozen=True)
class Given:
    """The labels of a case: positions of users."""

    customers: np.ndarray
    others: np.ndarray | None  #: None: nothing is known of the others
    #: bool [N - 1, U] who belongs to the way of each of the others; of the OOD study alone
    belongs: np.ndarray | None = None

    @property
    def ways(self) -> list[np.ndarray]:
        """The support of each way: the target's customers, then every other user alone."""
        return [self.customers, *(self.others[:, None] if self.others is not None else ())]


def cases(settings: ProfileEvalSettings, evaluation: Evaluation) -> list[Case]:
    """Every case of the studies asked for, by fold, seed and target."""
    planned = []
    folds = range(len(evaluation.folds))
    for fold in folds:
        for index, seed in enumerate(settings.seeds):
            for target in range(len(evaluation.targets)):
                about = (target, fold, seed)
                if "brands" in settings.studies:
                    planned += [Case("brands", *about, shots=shots) for shots in protocol.SUPPORTS]
                if target >= settings.studied:
                    continue
                if "labels" in settings.studies:
                    planned += [Case("labels", *about, fraction=f) for f in protocol.FRACTIONS]
                    planned.append(Case("labels", *about, shots=protocol.ONE_SHOT[0]))
                if "imbalance" in settings.studies:
                    planned += [Case("imbalance", *about, ratio=ratio) for ratio in protocol.RATIOS]
                if "ood" in settings.studies:
                    first = fold * len(settings.seeds) + index
                    draws = range(first, settings.draws, len(folds) * len(settings.seeds))
                    planned += [Case("ood", *about, shots=1, draw=draw) for draw in draws]
    return planned


def given(case: Case, evaluation: Evaluation, ways: Sequence[np.ndarray]) -> Given | None:
    """The labels of a case; None where the fold's train users have no customer or no other at all.

    Args:
        ways: users of each source way, test users too, for the OOD study; supports are train users.
    """
    train = evaluation.train_users(case.fold)
    member = evaluation.members[case.target]
    name = evaluation.name(case.target)
    if case.study == "ood":
        random = protocol.generator(name, "ood", case.draw)
        return _nine_ways(np.flatnonzero(train & member), train & ~member, ways, random)
    random = protocol.generator(name, case.study == "imbalance", case.fold, case.seed)
    order = random.permutation(np.flatnonzero(train))
    customers, others = order[member[order]], order[~member[order]]
    if not len(customers) or not len(others):
        return None
    if case.study == "brands":
        return Given(customers[: case.shots], None)
    if case.ratio is not None:
        count = min(protocol.IMBALANCE_OTHERS, len(others), int(len(customers) / protocol.RATIOS[0]))
        return Given(customers[: max(1, round(case.ratio * count))], others[:count])
    if case.fraction is None:
        shots, rest = protocol.ONE_SHOT
        return Given(customers[:shots], others[:rest])
    chosen = member[order[: max(2, round(case.fraction * len(order)))]]
    positive = min(max(int(chosen.sum()), 1), len(chosen) - 1)
    return Given(customers[:positive], others[: len(chosen) - positive])


def source_ways(
    evaluation: Evaluation, train_users: np.ndarray, brands: np.ndarray, brand_customers: np.ndarray
) -> list[np.ndarray]:
    """Users of each source way, bool [U] each: the source tasks, then source brands up to nine.

    Args:
        brands: int64 [B] source brands, with their customers bool [B, U], train users alone.
    """
    from models.profiling.source_tasks import SourceTaskSettings, resolve

    ways: list[np.ndarray] = []
    try:
        tasks = resolve(SourceTaskSettings(), evaluation.data, train_users)
        ways += [tasks.members[:, task] for task in range(len(tasks.names))]
    except ValueError:  # a log that answers no task: brands alone are ways
        pass
    largest = np.argsort(-brand_customers.sum(1), kind="stable")[: max(protocol.WAYS - len(ways), 0)]
    return ways + [brand_customers[brand] for brand in largest if len(brands)]


def _nine_ways(
    customers: np.ndarray, others: np.ndarray, ways: Sequence[np.ndarray], random: np.random.Generator
) -> Given | None:
    """One customer, and one member of each of eight ways drawn, nobody twice."""
    if not len(customers):
        return None
    chosen: list[int] = []
    belongs: list[np.ndarray] = []
    for way in random.permutation(len(ways)):
        pool = np.setdiff1d(np.flatnonzero(ways[way] & others), chosen)
        if len(pool):
            chosen.append(int(random.choice(pool)))
            belongs.append(ways[way])
        if len(chosen) == protocol.WAYS - 1:
            break
    return Given(random.choice(customers, 1), np.array(chosen), np.stack(belongs)) if chosen else None


def by_target(planned: Sequence[Case]) -> Iterator[tuple[int, list[Case]]]:
    """Cases grouped by target, in order."""
    for target in dict.fromkeys(case.target for case in planned):
        yield target, [case for case in planned if case.target == target]
