"""Which of two systems ranks better, and how sure that is: users are independent, exposures are not.

A system's figure is the mean over days of the mean over its seeds: what is tested is the difference between
two ways of training, not between two trainings. A user's exposures of all days stand or fall together, in
the p-values as in the bootstrap. DeLong's plain test stands beside, under its name.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from assets.experiments.comparison.differences import DayTest, PairTest

if TYPE_CHECKING:
    from assets.experiments.comparison.day_facts import DayFacts
    from models.metrics import Ordered

REPLICATES = 4000  #: of the bootstrap
NORMAL = 1.959964  #: errors to either side of 95 %
#: means of a day [S], its users [U] and what they add to the means [U, S]
Moved = tuple[np.ndarray, np.ndarray, np.ndarray]


class PairedTests:
    """Collects a day at a time the scores of every system and seed."""

    def __init__(self, systems: Sequence[str], seeds: Sequence[int]) -> None:
        self._systems, self._seeds = systems, seeds
        self._covariances: list[np.ndarray] = []
        self._moved: dict[str, list[Moved]] = defaultdict(list)
        self._single: list[DayTest] = []

    def add(self, day: str, facts: DayFacts, scorings: Sequence[Sequence[Ordered]]) -> None:
        """Take in a day: its exposures, the sorted scores of each seed's systems.

        A day with fewer than two clicks or two skips is left out of the tests of AUC: it has no error. One
        without a list (or a user's hour) of both classes is left out of those of the order within.
        """
        self._add_pooled(day, facts, scorings)
        for figure, moved in _within(facts, scorings).items():
            self._moved[figure].append(moved)

    def _add_pooled(self, day: str, facts: DayFacts, scorings: Sequence[Sequence[Ordered]]) -> None:
        from models.metrics import Placements, influences, paired, placements

        above: np.ndarray | float = 0.0
        below: np.ndarray | float = 0.0
        for seed, of_seed in zip(self._seeds, scorings, strict=True):
            placed = placements(facts.clicked, of_seed)
            if placed is None or (covariance := placed.covariance()) is None:
                return
            for one, other in self._pairs():
                difference, error, p = paired(placed.auc, covariance, one, other)
                self._single.append(
                    DayTest(
                        day=day,
                        seed=seed,
                        **self._names(one, other),
                        difference=difference,
                        standard_error=error,
                        p_value=p,
                    )
                )
            above, below = above + placed.above / len(scorings), below + placed.below / len(scorings)
        averaged = Placements(np.asarray(above), np.asarray(below))
        self._covariances.append(np.asarray(averaged.covariance()))
        self._moved["auc"].append((averaged.auc, *influences(averaged, facts.clicked, facts.user)))

    def by_day(self) -> tuple[DayTest, ...]:
        """DeLong's test of each two systems on each day with each seed."""
        return tuple(self._single)

    def overall(self) -> tuple[PairTest, ...]:
        """One test of AUC for each two systems, on the mean over days and seeds."""
        from models.metrics import merged, paired, resampled

        days = self._moved.get("auc", ())
        if not days or len(self._systems) < 2:
            return ()
        areas = np.mean([means for means, *_ in days], axis=0)
        covariance = np.sum(self._covariances, axis=0) / len(days) ** 2
        influence = merged([(users, moved) for _, users, moved in days])
        deviations = resampled(influence, REPLICATES, np.random.default_rng(0))
        tested = []
        for test, (one, other) in zip(self._tested("auc", areas, influence), self._pairs(), strict=True):
            centred = deviations[:, one] - deviations[:, other]
            low, high = np.quantile(centred + test["difference"], (0.025, 0.975))
            p_delong = paired(areas, covariance, one, other)[2]
            tested.append(PairTest(**test, low=low, high=high, p_delong=p_delong))
        return tuple(tested)

    def within(self) -> tuple[PairTest, ...]:
        """The same of each figure of the order within lists and within users' hours."""
        from models.metrics import merged

        tested: list[PairTest] = []
        for figure, days in self._moved.items():
            if figure == "auc" or len(self._systems) < 2:
                continue
            means = np.mean([means for means, *_ in days], axis=0)
            for test in self._tested(figure, means, merged([(users, moved) for _, users, moved in days])):
                half = None if test["error"] is None else NORMAL * test["error"]
                low, high = (
                    (None, None)
                    if half is None
                    else (
                        test["difference"] - half,
                        test["difference"] + half,
                    )
                )
                tested.append(PairTest(**test, low=low, high=high))
        return tuple(tested)

    def _tested(self, figure: str, means: np.ndarray, influence: np.ndarray) -> list[dict[str, Any]]:
        """Of each two systems the fields of a `PairTest` but the interval; errors None below two users."""
        from models.metrics import holm, paired_clustered

        pairs = self._pairs()
        tests = paired_clustered(means, influence, pairs)
        if tests is None:
            unsure = dict.fromkeys(("error", "p", "p_holm"))
            return [
                {"figure": figure, **self._names(*pair), "difference": means[pair[0]] - means[pair[1]]}
                | unsure
                for pair in pairs
            ]
        corrected = holm(np.array([p for *_, p in tests]))
        return [
            {"figure": figure, **self._names(*pair)}
            | {"difference": difference, "error": error, "p": p, "p_holm": p_holm}
            for pair, (difference, error, p), p_holm in zip(pairs, tests, corrected, strict=True)
        ]

    def _pairs(self) -> list[tuple[int, int]]:
        return list(combinations(range(len(self._systems)), 2))

    def _names(self, one: int, other: int) -> dict[str, str]:
        return {"first": self._systems[one], "second": self._systems[other]}


def _within(facts: DayFacts, scorings: Sequence[Sequence[Ordered]]) -> Mapping[str, Moved]:
    """Means of a day's figures within users' hours and lists, seeds averaged, and who moves them."""
    from models.metrics import JudgedLists, auc_by_group, list_figures, mean_influences, user_hours

    out: dict[str, Moved] = {}
    hours = user_hours(facts.user, facts.hour)
    grouped = [[auc_by_group(facts.clicked, scoring, hours) for scoring in of_seed] for of_seed in scorings]
    one = grouped[0][0]
    both = ~np.isnan(one.auc)
    if both.any():
        areas = np.mean([[system.auc[both] for system in of_seed] for of_seed in grouped], axis=0).T
        out["gauc_hour"] = mean_influences(areas, one.exposures[both], one.group[both] // 24)
    lists = JudgedLists.of(facts.clicked, facts.user, facts.request)
    if len(lists):
        by_seed = [[list_figures(scoring, lists) for scoring in of_seed] for of_seed in scorings]
        alike = np.ones(len(lists))
        for figure in by_seed[0][0]:
            values = np.mean([[system[figure] for system in of_seed] for of_seed in by_seed], axis=0).T
            out[figure] = mean_influences(values, alike, lists.user)
    return out
