"""Which of two systems ranks better, and how sure that is: DeLong, a bootstrap over users, Holm.

A system's AUC is the mean over days of the mean over its seeds: what is tested is the difference between two
ways of training, not between two trainings. Days are independent in DeLong's test; a user's exposures of all
days are resampled together in the bootstrap.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from assets.experiments.comparison.parts import DayTest, PairTest

if TYPE_CHECKING:
    from models.metrics import Ordered

REPLICATES = 4000  #: of the bootstrap


class PairedTests:
    """Collects a day at a time the scores of every system and seed."""

    def __init__(self, systems: Sequence[str], seeds: Sequence[int]) -> None:
        self._systems, self._seeds = systems, seeds
        self._areas: list[np.ndarray] = []
        self._covariances: list[np.ndarray] = []
        self._influences: list[tuple[np.ndarray, np.ndarray]] = []
        self._single: list[DayTest] = []

    def add(
        self, day: str, clicked: np.ndarray, user: np.ndarray, scorings: Sequence[Sequence[Ordered]]
    ) -> None:
        """Take in a day: clicked bool [E], user int64 [E], the sorted scores of each seed's systems.

        A day with fewer than two clicks or two skips is left out: it has no error.
        """
        from models.metrics import Placements, influences, placements

        above: np.ndarray | float = 0.0
        below: np.ndarray | float = 0.0
        for seed, of_seed in zip(self._seeds, scorings, strict=True):
            placed = placements(clicked, of_seed)
            if placed is None or (covariance := placed.covariance()) is None:
                return
            self._single += [
                DayTest(day=day, seed=seed, **pair) for pair in self._pairs(placed.auc, covariance)
            ]
            above, below = above + placed.above / len(scorings), below + placed.below / len(scorings)
        averaged = Placements(np.asarray(above), np.asarray(below))
        self._areas.append(averaged.auc)
        self._covariances.append(np.asarray(averaged.covariance()))
        self._influences.append(influences(averaged, clicked, user))

    def by_day(self) -> tuple[DayTest, ...]:
        """DeLong's test of each two systems on each day with each seed."""
        return tuple(self._single)

    def overall(self) -> tuple[PairTest, ...]:
        """One test for each two systems, on the mean over days and seeds."""
        from models.metrics import holm, merged, resampled

        if not self._areas or len(self._systems) < 2:
            return ()
        days = len(self._areas)
        areas, covariance = sum(self._areas) / days, sum(self._covariances) / days**2
        deviations = resampled(merged(self._influences), REPLICATES, np.random.default_rng(0))
        pairs = self._pairs(np.asarray(areas), np.asarray(covariance))
        p_values = [pair.pop("p_value") for pair in pairs]
        column = {system: s for s, system in enumerate(self._systems)}
        tests = []
        for pair, p_delong, p_holm in zip(pairs, p_values, holm(np.array(p_values)), strict=True):
            one, other = column[pair["first"]], column[pair["second"]]
            low, high = np.quantile(
                deviations[:, one] - deviations[:, other] + pair["difference"], (0.025, 0.975)
            )
            tests.append(PairTest(**pair, low=low, high=high, p_delong=p_delong, p_holm=p_holm))
        return tuple(tests)

    def _pairs(self, areas: np.ndarray, covariance: np.ndarray) -> list[dict[str, Any]]:
        """Of each two systems `first`, `second`, `difference`, `standard_error` and `p_value`."""
        from models.metrics import paired

        figures = ("difference", "standard_error", "p_value")
        return [
            {"first": self._systems[one], "second": self._systems[other]}
            | dict(zip(figures, paired(areas, covariance, one, other), strict=True))
            for one, other in combinations(range(len(self._systems)), 2)
        ]
